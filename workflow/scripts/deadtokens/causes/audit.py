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

from deadtokens.causes.arithmetic import Arithmetic, stored_tensor
from deadtokens.errors import UserError
from deadtokens.recorded.steps import Step
from deadtokens.training.settings import choice
from deadtokens.training.weights import WEIGHTS, RandomBits
from deadtokens.update_law import UpdateLaw

BEFORE_CLIPPING = (
    "gradients are recorded before they are clipped, and by how much they were clipped is not"
)
NOT_RECORDED = "the run does not record g"
FROM_ALL_ROWS = (
    "W is held without what all of its rows move in common, and not all of them are recorded"
)
FROM_A_CHECKPOINT = (
    "the run began from a checkpoint, and what that kept beside the weights is not recorded"
)


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

    def summary(self) -> dict[str, object]:
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
    weights = choice("weight_precision", weight_precision, WEIGHTS)
    if resumed and weights.kind:
        reasons["W"] = FROM_A_CHECKPOINT
    if not weights.by_row:
        reasons["W"] = FROM_ALL_ROWS
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
    steps: Iterable[Step],
    token_ids: np.ndarray,
    law: UpdateLaw,
    random_bits: Callable[[int, torch.Size], torch.Tensor],
    skipped: Collection[str] = (),
    progress: Callable[[int], None] = lambda step: None,
) -> dict[str, Tally]:
    """One pass over all steps of W, m, v and, if m is audited, g: a tally for each not skipped.

    token_ids: (n,), the token of each row. random_bits: those of these rows (`bits_of_rows`).
    `progress` takes the number of steps done. UserError for an unknown name in the law.
    """
    arithmetic = Arithmetic(law)
    tallies = {name: Tally() for name in ("W", "m", "v") if name not in skipped}
    kept = None
    for step in steps:
        if step.number == 1:
            kept = arithmetic.weights.keep(stored_tensor(step.before["W"]), random_bits, True)
        made, sound = {}, {}
        if "W" in tallies:
            made["W"], sound["W"] = _weights(step, arithmetic, kept)
        if "m" in tallies:
            made["m"], made["v"], sound["m"], sound["v"] = _moments(step, arithmetic)
        for name, tally in tallies.items():
            recorded = stored_tensor(step.after[name])
            prediction = made[name].to(recorded.dtype)
            tally.add(step.number, token_ids, recorded, prediction, sound[name])
        progress(step.number)
    return tallies


def bits_of_rows(
    random_bits: RandomBits, vocab_size: int, token_ids: np.ndarray
) -> Callable[[int, torch.Size], torch.Tensor]:
    """The random bits of these rows alone; they are drawn for a whole matrix of `vocab_size`."""
    rows = torch.from_numpy(token_ids)
    return lambda step, shape: random_bits(step, torch.Size((vocab_size, shape[1])))[rows]


def _weights(step: Step, arithmetic: Arithmetic, kept: object) -> tuple[torch.Tensor, torch.Tensor]:
    """W after the step, from W before it and both moments after it; whether those are sound."""
    m, m_sound = _narrowed(stored_tensor(step.after["m"]), arithmetic.states)
    v, v_sound = _narrowed(stored_tensor(step.after["v"]), arithmetic.states_of_v)
    made = stored_tensor(step.before["W"]).clone()
    arithmetic.take_step(step.number, made, m, v, kept)
    return made, m_sound & v_sound


def _moments(step: Step, arithmetic: Arithmetic) -> tuple[torch.Tensor, ...]:
    """m and v after the step, from those before it and its gradient; whether those are sound."""
    m, m_sound = _narrowed(stored_tensor(step.before["m"]), arithmetic.states)
    v, v_sound = _narrowed(stored_tensor(step.before["v"]), arithmetic.states_of_v)
    grad, sound = _narrowed(stored_tensor(step.made["g"]), torch.bfloat16)
    arithmetic.take_gradient(m, v, grad)
    return m, v, m_sound & sound, v_sound & sound


def summary(tallies: Mapping[str, Tally], reasons: Mapping[str, str], **about: object) -> dict:
    """What was found, as a JSON object; `about` is JSON that goes before it."""
    summaries = {name: tally.summary() for name, tally in tallies.items()}
    return about | summaries | {name: {"not_audited": reason} for name, reason in reasons.items()}


def _narrowed(values: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Fresh values of the dtype of the run, and which of those that came are such values."""
    narrow = values.to(dtype, copy=True)
    return narrow, _bits(narrow.to(values.dtype)) == _bits(values)


def _bits(values: torch.Tensor) -> torch.Tensor:
    return values.view({2: torch.int16, 4: torch.int32}[values.element_size()])
