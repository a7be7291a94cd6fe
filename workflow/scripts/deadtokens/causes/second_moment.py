"""The second moment along a recorded run: how often it rose and fell, and what float32 makes of it.

Definitions: docs/physics.md. The counterfactual takes the recorded gradients, one after the other,
into a second moment in float32 by the pinned arithmetic (`training.adamw`). It answers what v would
have been along this trajectory; had v been so, the trajectory would have been another.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from deadtokens.causes.arithmetic import Arithmetic, float32_tensor
from deadtokens.recorded.steps import Step
from deadtokens.update_law import UpdateLaw

QUANTITIES = ("v", "g")
QUANTILES = {"p05": 0.05, "median": 0.5, "p95": 0.95}
WAYS = ("rose", "fell", "stood")


@dataclass
class Trace:
    """Shares of the elements and medians, a value for each step, and the last counterfactual v."""

    rows: dict[str, list[float]] = field(default_factory=dict)
    counterfactual: torch.Tensor | None = None  # (n, D) float32

    def add(self, **values: float) -> None:
        for name, value in values.items():
            self.rows.setdefault(name, []).append(value)


class Counterfactual:
    """A second moment in float32 that takes up one recorded gradient after the other.

    start: v[0], (n, D) float32; `value` is v after the gradients so far.
    """

    def __init__(self, start: torch.Tensor, law: UpdateLaw):
        self.value = start.clone()
        self._first_moment = torch.zeros_like(self.value)  # which nothing here depends on
        self._arithmetic = Arithmetic(law)

    def take(self, grad: torch.Tensor) -> torch.Tensor:
        """v after this gradient, (n, D) float32; the next call changes it in place."""
        self._arithmetic.take_gradient(self._first_moment, self.value, grad)
        return self.value


@torch.no_grad()
def follow(
    steps: Iterable[Step],
    law: UpdateLaw,
    progress: Callable[[int], None] = lambda step: None,
) -> Trace:
    """One pass over all steps with `QUANTITIES`; `progress` takes the number of steps done."""
    trace, counterfactual = Trace(), None
    for step in steps:
        before, v = float32_tensor(step.before["v"]), float32_tensor(step.after["v"])
        if counterfactual is None:
            counterfactual = Counterfactual(before, law)
            trace.counterfactual = counterfactual.value
        counterfactual.take(float32_tensor(step.made["g"]))
        # By so much a step is shorter than float32 would have made it along the same gradients.
        shortening = (trace.counterfactual / v).sqrt()
        shortening = shortening[shortening.isfinite()]
        trace.add(
            rose=_share(v > before),
            fell=_share(v < before),
            stood=_share(v == before),
            v_median=float(v.median()),
            counterfactual_median=float(trace.counterfactual.median()),
            **{f"shortening_{name}": _quantile(shortening, q) for name, q in QUANTILES.items()},
        )
        progress(step.number)
    return trace


def table(trace: Trace) -> pd.DataFrame:
    """A row per step, counted from 1."""
    return pd.DataFrame({"step": range(1, len(trace.rows["rose"]) + 1), **trace.rows})


def summary(trace: Trace, **about: object) -> dict[str, object]:
    """What was found, as a JSON object: shares over all steps, and the last step."""
    over_all = {way: float(np.mean(trace.rows[way])) for way in WAYS}
    at_end = {name: values[-1] for name, values in trace.rows.items() if name not in WAYS}
    return about | {"steps": len(trace.rows["rose"]), "ratchet": over_all, "last_step": at_end}


def _share(mask: torch.Tensor) -> float:
    return float(mask.double().mean())


def _quantile(values: torch.Tensor, q: float) -> float:
    """By order, the lower one; NaN of none. torch's own takes no large tensors."""
    if not values.numel():
        return float("nan")
    return float(values.kthvalue(1 + int(q * (values.numel() - 1))).values)
