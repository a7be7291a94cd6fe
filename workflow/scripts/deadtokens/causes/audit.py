"""The update law held to a record: does every recorded state follow from the one before it?

Two claims, element by element and bit by bit, both by the pinned arithmetic of `training.adamw`
itself: W[t] follows from W[t-1], m[t] and v[t]; m[t] and v[t] follow from m[t-1], v[t-1] and g[t].
Steps are counted from 1. A record that was tampered with, or made by another arithmetic, breaks
them at the first step that it touches.

What a run keeps beside its weights (`training.weights`) is not recorded, but it began with the run
and follows from the record: the audit carries it along, and draws the same random numbers.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from deadtokens.cohorts.critical import Adam
from deadtokens.errors import UserError
from deadtokens.training.adamw import HALVES, STATES
from deadtokens.training.settings import choice
from deadtokens.training.weights import WEIGHTS, RandomBits

# (first step - 1, W, m, v (k+1, n, D) and, if they are audited, g (k, n, D), as they are stored)
Chunks = Iterable[tuple[int, Mapping[str, np.ndarray]]]

BEFORE_CLIPPING = (
    "gradients are recorded before they are clipped, and by how much they were clipped is not"
)
NOT_RECORDED = "the run does not record g"
FROM_A_CHECKPOINT = (
    "the run began from a checkpoint, and what that kept beside the weights is not recorded"
)


@dataclass(frozen=True)
class Law:
    """The update law of a run: `adamw`, and the precisions, are names as its settings have them.

    `random_bits` are those of the whole tied matrix, of `vocab_size` rows.
    """

    adam: Adam
    adamw: str
    state_precision: str
    weight_precision: str
    random_bits: RandomBits
    vocab_size: int


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


def why_not(recorded: bool, clipped: bool, weight_precision: str, resumed: bool) -> dict[str, str]:
    """What cannot be audited, and why: `recorded`, whether gradients are, and what the run is.

    `resumed`: whether it took its weights from a checkpoint.
    """
    reasons = {}
    if not recorded or clipped:
        reasons |= dict.fromkeys(("m", "v"), BEFORE_CLIPPING if recorded else NOT_RECORDED)
    if resumed and choice("weight_precision", weight_precision, WEIGHTS).kind:
        reasons["W"] = FROM_A_CHECKPOINT
    return reasons


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
    law: Law,
    skipped: Collection[str] = (),
    progress: Callable[[int], None] = lambda step: None,
) -> dict[str, Tally]:
    """One pass over all steps, in memory for a chunk: a tally for each of W, m, v not skipped.

    token_ids: (n,), the token of each row. `progress` takes the number of steps done. UserError for
    an unknown name in the law.
    """
    halves = choice("adamw", law.adamw, HALVES)
    states = choice("state_precision", law.state_precision, STATES)
    weights = choice("weight_precision", law.weight_precision, WEIGHTS)
    adam, betas = law.adam, {"beta1": law.adam.beta1, "beta2": law.adam.beta2}
    tallies = {name: Tally() for name in ("W", "m", "v") if name not in skipped}
    kept = None
    for start, rows in chunks:
        if start == 0:
            kept = weights.keep(_tensor(rows["W"][0]), _bits_of_rows(law, token_ids))
        for i in range(len(rows["W"]) - 1):
            step = start + i + 1
            w, m, v = (_tensor(rows[name][i + 1]) for name in ("W", "m", "v"))
            if "W" in tallies:
                (to_m, m_sound), (to_v, v_sound) = _narrowed(m, states), _narrowed(v, states)
                made = _tensor(rows["W"][i]).clone()
                halves.take_step(
                    made,
                    to_m,
                    to_v,
                    kept,
                    step=adam.steps_behind + step,
                    learning_rate=float(adam.learning_rates[step - 1]),
                    **betas,
                    epsilon=adam.epsilon,
                    weight_decay=adam.weight_decay,
                    add=weights.add,
                )
                tallies["W"].add(step, token_ids, w, made, m_sound & v_sound)
            if "m" in tallies:
                made_m, m_sound = _narrowed(_tensor(rows["m"][i]), states)
                made_v, v_sound = _narrowed(_tensor(rows["v"][i]), states)
                grad, sound = _narrowed(_tensor(rows["g"][i]), torch.bfloat16)
                halves.take_gradient(made_m, made_v, grad, **betas)
                tallies["m"].add(step, token_ids, m, made_m.to(m.dtype), m_sound & sound)
                tallies["v"].add(step, token_ids, v, made_v.to(v.dtype), v_sound & sound)
            progress(step)
    return tallies


def summary(tallies: Mapping[str, Tally], reasons: Mapping[str, str], **about: object) -> dict:
    """What was found, as a JSON object; `about` is JSON that goes before it."""
    told = {name: tally.told() for name, tally in tallies.items()}
    return about | told | {name: {"not_audited": reason} for name, reason in reasons.items()}


def _bits_of_rows(law: Law, token_ids: np.ndarray) -> Callable[[int, torch.Size], torch.Tensor]:
    """The random bits of these rows alone; they were drawn for the whole matrix."""
    rows = torch.from_numpy(token_ids)
    return lambda step, shape: law.random_bits(step, torch.Size((law.vocab_size, shape[1])))[rows]


def _tensor(rows: np.ndarray) -> torch.Tensor:
    """bfloat16 of bit patterns (uint16), float32 as it is."""
    tensor = torch.from_numpy(rows)
    return tensor.view(torch.bfloat16) if rows.dtype == np.uint16 else tensor


def _narrowed(values: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Fresh values of the dtype of the run, and which of those that came are such values."""
    narrow = values.to(dtype, copy=True)
    return narrow, _bits(narrow.to(values.dtype)) == _bits(values)


def _bits(values: torch.Tensor) -> torch.Tensor:
    return values.view({2: torch.int16, 4: torch.int32}[values.element_size()])
