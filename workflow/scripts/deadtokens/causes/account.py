"""The causal account: what made updates shrink against the cells of the lattice, step by step.

Definitions: docs/physics.md. An update in cells is u = lr · m̂ / (√v̂ + ε) / ULP(W[t-1]), by the
formula, in float64. The mean over elements of log2 u(t) - log2 u(t0) is split into `TERMS`, which
add up to it. Octaves throughout; steps are counted from 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from deadtokens import gauge, lattice
from deadtokens.causes import updates
from deadtokens.causes.updates import Update
from deadtokens.errors import UserError
from deadtokens.update_law import UpdateLaw

TERMS = {
    "rate": "the learning rate",
    "gradient": "|g|, which is about p_dead times |h_mean|",
    "lag": "|m| / |g|: what m remembers of larger gradients, less what it averages out",
    "m_correction": "the bias correction of m",
    "v_float32": "√v as float32 would have made it of the same gradients",
    "v_correction": "the bias correction of v",
    "ratchet": "√v beyond that: what bfloat16 adds, for its v cannot fall",
    "epsilon": "ε in the denominator",
    "cell": "ULP of the weights",
}
# What the gradient is made of, where the run recorded p_mean.
GRADIENT = {
    "p_dead": "the probability of the token, mean over the batch: the softmax sharpens",
    "hidden": "|g| / p_dead: hidden states, as long and as aligned as they are where it is likely",
}
# What the cells are made of: their parts add up to `cell`.
CELL = {
    "cell_drift": "the common drift of the rows: cells as stored less those relative to their mean",
    "cell_relative": "ULP of the weights relative to the mean of all recorded rows",
}
# What the terms are the parts of.
CAUSES = {
    "rate": ("rate",),
    "momentum": ("gradient", "lag", "m_correction"),
    "second_moment": ("v_float32", "v_correction"),
    "ratchet": ("ratchet",),
    "epsilon": ("epsilon",),
    "cell_drift": ("cell_drift",),
    "cell_relative": ("cell_relative",),
}
BELOW = {"below_half_cell": "as published", "below_half_cell_float32_v": "with v in float32"}


@dataclass(frozen=True)
class Logs:
    """One step in octaves: a number or (n, D) float64 for each term, and log2 u by itself.

    `terms` has those of `CELL`, too, which add up to the cell's, and of `GRADIENT` if the run
    recorded p_mean, which add up to the gradient's.
    """

    terms: dict[str, np.ndarray | np.float64]
    update: np.ndarray
    there: np.ndarray  # (n, D) bool: elements whose g, m and both v are other than zero


def logs(step: Update, law: UpdateLaw, mean: np.ndarray) -> Logs:
    """The logarithms of a step; they are minus infinity, and not `there`, where there is a zero.

    mean: that of all recorded rows where the update sets out, (D,) float64.
    """
    g, m, v, v32 = (np.abs(x.astype(np.float64)) for x in (step.g, step.m, step.v, step.v32))
    ulp = lattice.ulp(step.start).astype(np.float64)
    rate = np.float64(law.learning_rates[step.number - 1])
    m_correction = law.first_correction(step.number)
    v_correction = law.correction(step.number)
    there = (g > 0) & (m > 0) & (v > 0) & (v32 > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(v)
        log_g, log_m, log_v, log_v32 = (np.log2(x) for x in (g, m, v, v32))
        update = rate * (m / m_correction) / (root / v_correction + law.epsilon) / ulp
        terms = {
            "rate": np.log2(rate),
            "gradient": log_g,
            "lag": log_m - log_g,
            "m_correction": -np.log2(m_correction),
            "v_float32": -log_v32 / 2,
            "v_correction": np.log2(v_correction),
            "ratchet": (log_v32 - log_v) / 2,
            "epsilon": -np.log1p(law.epsilon * v_correction / root) / np.log(2),
            "cell": -np.log2(ulp),
        }
        relative = gauge.readings(lattice.to_float32(step.start), mean)[gauge.RELATIVE]
        terms["cell_relative"] = -np.log2(gauge.ulp_of_numbers(relative))
        terms["cell_drift"] = terms["cell"] - terms["cell_relative"]
        if step.p is not None:
            p = np.broadcast_to(step.p.astype(np.float64)[:, None], g.shape)
            log_p, there = np.log2(p), there & (p > 0)
            terms |= {"p_dead": log_p, "hidden": log_g - log_p}
        return Logs(terms, np.log2(update), there)


@dataclass
class Account:
    """The table: a row per step, each made of one `Update` and the logarithms of step t0.

    means: of all recorded rows, where each update sets out, (T, D) float64, see `updates.means`.
    """

    law: UpdateLaw
    means: np.ndarray
    base: Logs
    rows: dict[str, list[float]] = field(default_factory=dict)

    def add(self, step: Update) -> None:
        """Take up the next step."""
        now = logs(step, self.law, self.means[step.number - 1])
        both = now.there & self.base.there
        row = {"step": step.number, "total": _mean_change(now.update, self.base.update, both)}
        for name in now.terms:
            row[name] = _mean_change(now.terms[name], self.base.terms[name], both)
        row["left_out"] = 1 - float(both.mean())
        row["log2_update"] = _mean(now.update, now.there)
        for name, norm in (("gradient_norm", step.g), ("m_norm", step.m)):
            row[name] = float(np.median(np.linalg.norm(norm.astype(np.float64), axis=1)))
        beyond = (
            updates.beyond_half_a_cell(step, self.law),
            updates.beyond_with_float32_v(step, self.law),
        )
        for name, ratio in zip(BELOW, beyond, strict=True):
            row[name] = 1 - float((ratio > 1).mean())
        row["moved"] = float((step.before != step.after).mean())
        for name, value in row.items():
            self.rows.setdefault(name, []).append(value)

    def mean(self, name: str, window: int) -> float:
        """The mean of a column over the last steps."""
        return float(np.mean(self.rows[name][-window:]))


def base_at(run: Iterable[Update], law: UpdateLaw, means: np.ndarray, from_step: int) -> Logs:
    """The logarithms of step t0, from a run that is followed to there and no further."""
    for step in run:
        if step.number == from_step:
            return logs(step, law, means[from_step - 1])
    raise UserError(
        f"account.from_step: {from_step} is beyond the last step of the run. Set one within it."
    )


def table(account: Account) -> pd.DataFrame:
    """A row per step."""
    return pd.DataFrame(account.rows)


def summary(account: Account, window: int) -> dict[str, object]:
    """What was found, as a JSON object; changes are in octaves, means over the last steps too."""
    named = ("total", *TERMS, *CELL)
    late = {name: account.mean(name, window) for name in named}
    causes = {name: sum(late[part] for part in parts) for name, parts in CAUSES.items()}
    last = {name: account.rows[name][-1] for name in named}
    parts = [name for name in GRADIENT if name in account.rows]
    total = late["total"]
    return {
        "terms": TERMS | CELL | {name: GRADIENT[name] for name in parts},
        "change_at_last_step": last,
        "change_over_last_window": late,
        "gradient_over_last_window": {name: account.mean(name, window) for name in parts},
        "causes_over_last_window": causes,
        "shares_over_last_window": {
            name: change / total + 0.0 if total else None for name, change in causes.items()
        },
        "largest_share_left_out": float(np.max(account.rows["left_out"])),
        "largest_update": _largest(account),
        "below_half_cell": {
            meaning: {
                "over_last_window": account.mean(name, window),
                "first_step_with_half_of_them": _first(account.rows, name),
            }
            for name, meaning in BELOW.items()
        },
        "moved_over_last_window": account.mean("moved", window),
    }


def _largest(account: Account) -> dict[str, float]:
    place = int(np.nanargmax(account.rows["log2_update"]))
    return {"step": account.rows["step"][place], "log2_update": account.rows["log2_update"][place]}


def _first(rows: dict[str, list[float]], name: str) -> int | None:
    """The first step with at least half of all updates below half a cell; None for never."""
    places = np.flatnonzero(np.array(rows[name]) >= 0.5)
    return rows["step"][places[0]] if len(places) else None


def _mean_change(now: np.ndarray, before: np.ndarray, both: np.ndarray) -> float:
    if np.ndim(now) == 0:
        return float(now - before) if both.any() else float("nan")
    with np.errstate(invalid="ignore"):  # minus infinity less itself, which `both` leaves out
        return _mean(now - before, both)


def _mean(values: np.ndarray, there: np.ndarray) -> float:
    if there.all():
        return float(values.mean())
    return float(values[there].mean()) if there.any() else float("nan")
