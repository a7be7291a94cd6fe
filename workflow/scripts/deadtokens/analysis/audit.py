"""The update law held to a record: does every recorded state follow from the one before it?

Two claims, element by element and bit by bit, both by the pinned arithmetic of `training.adamw`
itself: W[t] follows from W[t-1], m[t] and v[t]; m[t] and v[t] follow from m[t-1], v[t-1] and g[t].
Steps are counted from 1. A record that was tampered with, or made by another arithmetic, breaks
them at the first step that it touches.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from deadtokens.analysis.critical import Adam
from deadtokens.errors import UserError
from deadtokens.training.adamw import HALVES
from deadtokens.training.settings import choice

# (first step - 1, W, m, v (k+1, n, D) and, if it is audited, g (k, n, D), as they are stored)
Chunks = Iterable[tuple[int, Mapping[str, np.ndarray]]]

BEFORE_CLIPPING = (
    "gradients are recorded before they are clipped, and by how much they were clipped is not"
)
NOT_RECORDED = "the run does not record g"


@dataclass
class Tally:
    """How many elements of a quantity were predicted bit for bit, and the first that was not."""

    elements: int = 0
    predicted: int = 0
    first: dict[str, object] | None = None

    def add(
        self,
        step: int,
        token_ids: np.ndarray,
        recorded: torch.Tensor,
        made: torch.Tensor,
        sound: torch.Tensor,
    ) -> None:
        """Take up one step: recorded and made (n, D) of one dtype; sound (n, D): what it came from.

        An element that came from values which no run of this precision can hold is not predicted.
        """
        same = (_bits(recorded) == _bits(made)) & sound
        self.elements += same.numel()
        self.predicted += int(same.sum())
        if self.first is None and not same.all():
            row, element = (int(place) for place in (~same).nonzero()[0])
            self.first = {
                "step": step,
                "token": int(token_ids[row]),
                "element": element,
                "recorded": float(recorded[row, element]),
                "predicted": float(made[row, element]),
            }

    def told(self) -> dict[str, object]:
        """As a JSON object."""
        return {
            "elements": self.elements,
            "predicted": self.predicted,
            "share": self.predicted / self.elements,
            "first_mismatch": self.first,
        }


def why_no_gradients(recorded: bool, clipped: bool) -> str | None:
    """Why moments cannot be held to gradients; None if they can."""
    if not recorded:
        return NOT_RECORDED
    return BEFORE_CLIPPING if clipped else None


def check(shapes: Mapping[str, tuple[int, ...]], steps: int) -> None:
    """UserError unless W, m and v have one shape, (steps + 1, n, D)."""
    if len(set(shapes.values())) > 1 or shapes["W"][0] != steps + 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise UserError(
            f"{found}: expected rows of one shape, {steps + 1} of each, for the settings are those "
            f"of a run of {steps} steps. Give the trajectory and the settings of one run."
        )


@torch.no_grad()
def follow(
    chunks: Chunks,
    token_ids: np.ndarray,
    adam: Adam,
    arithmetic: str,
    progress: Callable[[int], None] = lambda step: None,
) -> dict[str, Tally]:
    """One pass over all steps, in memory for a chunk: a tally for W and, where g is given, m and v.

    token_ids: (n,), the token of each row; `arithmetic` is a name of `adamw.HALVES`, UserError for
    another. `progress` takes the number of steps done.
    """
    halves = choice("adamw", arithmetic, HALVES)
    tallies = {"W": Tally()}
    for start, rows in chunks:
        if "g" in rows:
            tallies |= {name: tallies.get(name, Tally()) for name in ("m", "v")}
        for i in range(len(rows["W"]) - 1):
            step = start + i + 1
            w, m, v = (_tensor(rows[name][i + 1]) for name in ("W", "m", "v"))
            (to_m, m_sound), (to_v, v_sound) = _narrowed(m), _narrowed(v)
            made = _tensor(rows["W"][i]).clone()
            halves.take_step(
                made,
                to_m,
                to_v,
                step=adam.steps_behind + step,
                learning_rate=float(adam.learning_rates[step - 1]),
                beta1=adam.beta1,
                beta2=adam.beta2,
                epsilon=adam.epsilon,
                weight_decay=adam.weight_decay,
            )
            tallies["W"].add(step, token_ids, w, made, m_sound & v_sound)
            if "g" in rows:
                old = (_narrowed(_tensor(rows[name][i])) for name in ("m", "v"))
                (made_m, m_sound), (made_v, v_sound) = old
                grad, sound = _narrowed(_tensor(rows["g"][i]))
                halves.take_gradient(made_m, made_v, grad, beta1=adam.beta1, beta2=adam.beta2)
                tallies["m"].add(step, token_ids, m, made_m.to(m.dtype), m_sound & sound)
                tallies["v"].add(step, token_ids, v, made_v.to(v.dtype), v_sound & sound)
            progress(step)
    return tallies


def summary(tallies: Mapping[str, Tally], no_gradients: str | None, **about: object) -> dict:
    """What was found, as a JSON object; `about` is JSON that goes before it."""
    told = {name: tally.told() for name, tally in tallies.items()}
    for name in ("m", "v"):
        told.setdefault(name, {"not_audited": no_gradients})
    return about | told


def _tensor(rows: np.ndarray) -> torch.Tensor:
    """bfloat16 of bit patterns (uint16), float32 as it is."""
    tensor = torch.from_numpy(rows)
    return tensor.view(torch.bfloat16) if rows.dtype == np.uint16 else tensor


def _narrowed(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Fresh bfloat16 values, and of which the float32 values that came are widened copies."""
    narrow = values.to(torch.bfloat16, copy=True)
    return narrow, _bits(narrow.to(values.dtype)) == _bits(values)


def _bits(values: torch.Tensor) -> torch.Tensor:
    return values.view({2: torch.int16, 4: torch.int32}[values.element_size()])
