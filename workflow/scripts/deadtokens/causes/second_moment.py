"""The second moment along a recorded run: how often it rose and fell, and what float32 makes of it.

Definitions: docs/physics.md. The counterfactual takes the recorded gradients, one after the other,
into a second moment in float32 by the pinned arithmetic (`training.adamw`). It answers what v would
have been along this trajectory; had v been so, the trajectory would have been another.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from deadtokens.errors import UserError
from deadtokens.training.adamw import HALVES
from deadtokens.training.settings import choice

# (first step - 1, v (k+1, n, D), g (k, n, D), bfloat16 as bit patterns)
Chunks = Iterable[tuple[int, Mapping[str, np.ndarray]]]

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


def check(record: Iterable[str], clip_norm: float | None) -> None:
    """UserError unless the gradients that Adam saw are in the record."""
    missing = [name for name in ("v", "g") if name not in record]
    if missing or clip_norm is not None:
        found = f"no {', '.join(missing)}" if missing else f"clip_norm: {clip_norm}"
        raise UserError(
            f"the run has {found}, but this takes v and the gradients as Adam saw them: ask for it "
            "for a run that records v and g and does not clip."
        )


class Counterfactual:
    """A second moment in float32 that takes up one recorded gradient after the other.

    start: v[0], (n, D) float32; `value` is v after the gradients so far.
    """

    def __init__(self, start: torch.Tensor, beta1: float, beta2: float, arithmetic: str):
        self.value = start.clone()
        self._first_moment = torch.zeros_like(self.value)  # which nothing here depends on
        self._take = choice("adamw", arithmetic, HALVES).take_gradient
        self._betas = {"beta1": beta1, "beta2": beta2}

    def take(self, grad: torch.Tensor) -> torch.Tensor:
        """v after this gradient, (n, D) float32; the next call changes it in place."""
        self._take(self._first_moment, self.value, grad, **self._betas)
        return self.value


@torch.no_grad()
def follow(
    chunks: Chunks,
    beta1: float,
    beta2: float,
    arithmetic: str,
    progress: Callable[[int], None] = lambda step: None,
) -> Trace:
    """One pass over all steps, in memory for a chunk; `progress` takes the number of steps done."""
    trace, counterfactual = Trace(), None
    for start, rows in chunks:
        recorded, grads = float32_tensor(rows["v"]), float32_tensor(rows["g"])
        if start == 0:
            counterfactual = Counterfactual(recorded[0], beta1, beta2, arithmetic)
            trace.counterfactual = counterfactual.value
        for i, grad in enumerate(grads):
            before, v = recorded[i], recorded[i + 1]
            counterfactual.take(grad)
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
            progress(start + i + 1)
    return trace


def table(trace: Trace) -> pd.DataFrame:
    """A row per step, counted from 1."""
    return pd.DataFrame({"step": range(1, len(trace.rows["rose"]) + 1), **trace.rows})


def summary(trace: Trace, **about: object) -> dict[str, object]:
    """What was found, as a JSON object: shares over all steps, and the last step."""
    over_all = {way: float(np.mean(trace.rows[way])) for way in WAYS}
    at_end = {name: values[-1] for name, values in trace.rows.items() if name not in WAYS}
    return about | {"steps": len(trace.rows["rose"]), "ratchet": over_all, "last_step": at_end}


def float32_tensor(rows: np.ndarray) -> torch.Tensor:
    """The values of stored rows, bfloat16 as bit patterns or float32."""
    tensor = torch.from_numpy(rows)
    return tensor.view(torch.bfloat16).float() if rows.dtype == np.uint16 else tensor


def _share(mask: torch.Tensor) -> float:
    return float(mask.double().mean())


def _quantile(values: torch.Tensor, q: float) -> float:
    """By order, the lower one; NaN of none. torch's own takes no large tensors."""
    if not values.numel():
        return float("nan")
    return float(values.kthvalue(1 + int(q * (values.numel() - 1))).values)
