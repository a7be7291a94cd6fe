"""A recorded run one step at a time, beside it the second moment that float32 would have made.

Steps are counted from 1: step t leads from W[t-1] to W[t] by g[t], with the moments m[t] and v[t].
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from deadtokens import lattice
from deadtokens.causes.second_moment import Counterfactual, float32_tensor
from deadtokens.cohorts import critical
from deadtokens.cohorts.critical import Adam
from deadtokens.errors import UserError
from deadtokens.training.adamw import HALVES, STATES
from deadtokens.training.settings import choice

# (first step - 1, W, m, v (k+1, n, D), g (k, n, D) and p_mean (k, n) or none, as they are stored)
Chunks = Iterable[tuple[int, Mapping[str, np.ndarray]]]

QUANTITIES = ("W", "m", "v", "g")
IF_RECORDED = ("p_mean",)


@dataclass(frozen=True)
class Law:
    """What turns moments into an update; the names are those of a run's settings."""

    adam: Adam
    adamw: str
    state_precision: str


@dataclass(frozen=True)
class Step:
    """One step of all recorded elements: (n, D) each, weights uint16 bits, all else float32.

    start: W[t-1] after weight decay, where the update sets out. v32: v[t] as float32 would have it
    along the same gradients; it is changed in place by the next step. p: (n,) float32, the mean
    probability of each token, None if it is not recorded.
    """

    number: int
    before: np.ndarray
    start: np.ndarray
    after: np.ndarray
    m: np.ndarray
    v: np.ndarray
    g: np.ndarray
    v32: np.ndarray
    p: np.ndarray | None = None

    def displacement(self) -> np.ndarray:
        """|ΔW′|₂ of each token, (n,) float64; infinite where an element's is."""
        moved = lattice.displacement(self.before, self.after).astype(np.float64)
        return np.sqrt((moved * moved).sum(axis=1))


def check(
    record: Iterable[str],
    clip_norm: float | None,
    weight_precision: str,
    shapes: Mapping[str, tuple[int, ...]],
    steps: int,
) -> None:
    """UserError unless the record holds all that an update came from, of a run of so many steps."""
    missing = [name for name in QUANTITIES if name not in record]
    wrong = {
        f"no {', '.join(missing)} in its record": missing,
        f"clip_norm: {clip_norm}": clip_norm is not None,
        f"weight_precision: {weight_precision}": weight_precision != "bfloat16",
    }
    found = [what for what, holds in wrong.items() if holds]
    if found:
        raise UserError(
            f"the run has {' and '.join(found)}; this takes W, m, v and the gradients as Adam saw "
            "them, and weights that are rounded after each update: ask for it for a run with "
            "record: [W, m, v, g], clip_norm: null and weight_precision: bfloat16."
        )
    expected = {name: steps + (name != "g") for name in shapes}
    # Some series hold a row of zeros for the gradients before the first step.
    if any(shape[0] not in (expected[name], steps + 1) for name, shape in shapes.items()):
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise UserError(
            f"{told}: the settings are those of a run of {steps} steps. Give the trajectory and "
            "the settings of one run."
        )


@torch.no_grad()
def each(chunks: Chunks, law: Law) -> Iterator[Step]:
    """Every step from the first on, in memory for a chunk."""
    counterfactual = None
    for start, rows in chunks:
        m, v, g = (float32_tensor(rows[name]) for name in ("m", "v", "g"))
        if start == 0:
            betas = law.adam.beta1, law.adam.beta2
            counterfactual = Counterfactual(v[0], *betas, law.adamw)
        for i, grad in enumerate(g):
            step, before = start + i + 1, rows["W"][i]
            yield Step(
                number=step,
                before=before,
                start=law.adam.decayed(before, step),
                after=rows["W"][i + 1],
                m=m[i + 1].numpy(),
                v=v[i + 1].numpy(),
                g=grad.numpy(),
                v32=counterfactual.take(grad).numpy(),
                p=rows["p_mean"][i] if "p_mean" in rows else None,
            )


def beyond_half_a_cell(step: Step, law: Law) -> np.ndarray:
    """|update| over half the way to the neighbour, (n, D) float32, rounded as in the run."""
    return _over_half(step, step.v, law, STATES[law.state_precision])


def beyond_with_float32_v(step: Step, law: Law) -> np.ndarray:
    """The same with the counterfactual second moment, in float32 throughout."""
    return _over_half(step, step.v32, law, torch.float32)


def _over_half(step: Step, v: np.ndarray, law: Law, dtype: torch.dtype) -> np.ndarray:
    made = {}

    def keep(param, kept, m, denominator, *, step, step_size, decay):
        made["update"] = m.float().mul(-step_size).div(denominator.float())

    choice("adamw", law.adamw, HALVES).take_step(
        None,
        torch.from_numpy(step.m).to(dtype),
        torch.from_numpy(v).to(dtype),
        step=law.adam.steps_behind + step.number,
        learning_rate=float(law.adam.learning_rates[step.number - 1]),
        beta1=law.adam.beta1,
        beta2=law.adam.beta2,
        epsilon=law.adam.epsilon,
        weight_decay=0.0,
        add=keep,
    )
    # Of m only the sign counts there, and it must be a bfloat16 value.
    towards = (step.m.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    with np.errstate(over="ignore"):  # at a weight of zero cells are so small that it may overflow
        return np.abs(made["update"].numpy()) / critical.half_cells(step.start, towards)
