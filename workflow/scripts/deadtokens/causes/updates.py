"""The updates of a recorded run, beside each the second moment that float32 would have made."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from deadtokens import gauge, lattice
from deadtokens.causes.arithmetic import Arithmetic, float32_tensor
from deadtokens.causes.second_moment import Counterfactual
from deadtokens.errors import UserError
from deadtokens.recorded.steps import Step, numbers
from deadtokens.update_law import UpdateLaw, half_cells

OF_STATE = ("W", "m", "v")
QUANTITIES = (*OF_STATE, "g")
IF_RECORDED = ("p_mean",)


@dataclass(frozen=True)
class Update:
    """One step of all recorded elements: (n, D) each, weights uint16 bits, all else float32.

    start: W[t-1] after weight decay, where the update sets out. v32: v[t] as float32 would have it
    along the same gradients; it is changed in place by the next update. p: (n,) float32, the mean
    probability of each token. g and v32 are None where gradients are not followed, p where it is
    not recorded.
    """

    number: int
    before: np.ndarray
    start: np.ndarray
    after: np.ndarray
    m: np.ndarray
    v: np.ndarray
    g: np.ndarray | None = None
    v32: np.ndarray | None = None
    p: np.ndarray | None = None


def check(shapes: Mapping[str, tuple[int, ...]], steps: int) -> None:
    """UserError unless these quantities are of a run of so many steps."""
    expected = {name: steps + (name != "g") for name in shapes}
    # Some series hold a row of zeros for the gradients before the first step.
    if any(shape[0] not in (expected[name], steps + 1) for name, shape in shapes.items()):
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise UserError(
            f"{listed}: the settings are those of a run of {steps} steps. Give the trajectory and "
            "the settings of one run."
        )


@torch.no_grad()
def each(steps: Iterable[Step], law: UpdateLaw) -> Iterator[Update]:
    """The update of every step with `QUANTITIES`, from the first step on."""
    counterfactual = None
    for step in steps:
        if counterfactual is None:
            counterfactual = Counterfactual(float32_tensor(step.before["v"]), law)
        grad = float32_tensor(step.made["g"])
        v32 = counterfactual.take(grad).numpy()
        yield replace(of_state(step, law), g=grad.numpy(), v32=v32, p=step.made.get("p_mean"))


def of_state(step: Step, law: UpdateLaw) -> Update:
    """The update of one step, any one, with `OF_STATE`: no gradients are followed."""
    return Update(
        number=step.number,
        before=step.before["W"],
        start=law.decayed(step.before["W"], step.number),
        after=step.after["W"],
        m=numbers(step.after["m"]),
        v=numbers(step.after["v"]),
    )


def means(weights: Iterable[tuple[int, np.ndarray]], law: UpdateLaw) -> np.ndarray:
    """The mean of all rows where each update sets out, after weight decay: (T, D) float64.

    weights: W of every state, uint16 bits, in chunks of (first t, (k, n, D)).
    """
    found = [
        gauge.mean(lattice.to_float32(law.decayed(bits, t + 1)))
        for start, chunk in weights
        for t, bits in enumerate(chunk, start)
        if t < law.steps  # from the last state no update sets out
    ]
    return np.stack(found)


def beyond_half_a_cell(update: Update, law: UpdateLaw) -> np.ndarray:
    """|update| over half the way to the neighbour, (n, D) float32, rounded as in the run."""
    return _over_half(update, update.v, law)


def beyond_with_float32_v(update: Update, law: UpdateLaw) -> np.ndarray:
    """The same with the counterfactual second moment, in float32 throughout."""
    return _over_half(update, update.v32, law, torch.float32)


def _over_half(
    update: Update, v: np.ndarray, law: UpdateLaw, dtype: torch.dtype | None = None
) -> np.ndarray:
    moments = torch.from_numpy(update.m), torch.from_numpy(v)
    added = Arithmetic(law).update(update.number, *moments, dtype).numpy()
    # Of m only the sign counts there, and it must be a bfloat16 value.
    towards = (update.m.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    with np.errstate(over="ignore"):  # at a weight of zero cells are so small that it may overflow
        return np.abs(added) / half_cells(update.start, towards)
