"""The phases that tokens pass through: fractions, spread, transitions, motion.

Definitions: docs/physics.md. Steps are counted from 1: step t leads from W[t-1] to W[t].
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens.errors import UserError
from deadtokens.statistics import density

SPREAD = {"p05": 5, "median": 50, "p95": 95}  # percentiles over the tokens
# Columns that each scale has beside those of its phases, see `table`.
BESIDE_PHASES = ("undefined", "mean", "std", *SPREAD, "nonfinite_tokens")
LISTED_STEPS = 100  # with non-finite values; all of them are counted

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) displacements), row 0 is step 1


@dataclass(frozen=True)
class Scheme:
    """The phases from cold to hot; each but the first begins at its threshold, in lattice cells.

    `vanishing_fraction`: with fewer tokens than this a phase counts as over.
    """

    phases: tuple[str, ...]
    thresholds: tuple[float, ...]
    vanishing_fraction: float

    def __post_init__(self):
        if len(self.phases) != len(self.thresholds) + 1:
            raise UserError(
                f"phases: {len(self.phases)} names need {len(self.phases) - 1} thresholds between "
                f"them, not {len(self.thresholds)}."
            )
        if not all(a < b for a, b in zip((0, *self.thresholds), self.thresholds, strict=False)):
            raise UserError(f"thresholds: {self.thresholds} must be positive and ascending.")
        names = (*self.phases, *BESIDE_PHASES)
        if len({column("", name) for name in names}) < len(names):
            raise UserError(
                f"phases: two of {', '.join(self.phases)} are too much alike, or one is too much "
                f"like {', '.join(BESIDE_PHASES)}: the columns of the table are named after them."
            )


@dataclass(frozen=True)
class ScaleTable:
    """All tokens' phases and displacements on one scale, step by step."""

    n_tokens: int
    counts: np.ndarray  # (T, phases) int64, of tokens
    spread: dict[str, np.ndarray]  # (T,) each, see `spread`
    density: np.ndarray  # (S, B + 4) int64, see `density.count`


def column(scale: str, quantity: str) -> str:
    """The name of a table's column."""
    return re.sub(r"\W+", "_", f"{scale}_{quantity}".lower())


def phase_index(displacement: np.ndarray, scheme: Scheme) -> np.ndarray:
    """The phase of each displacement, 0 the coldest; NaN is in none and gets -1.

    A threshold itself belongs to the hotter phase. Compared in float32, as the displacements are.
    """
    thresholds = np.array(scheme.thresholds, dtype=np.float32)
    index = np.searchsorted(thresholds, displacement, side="right")
    return np.where(np.isnan(displacement), -1, index)


def phase_counts(displacement: np.ndarray, scheme: Scheme) -> np.ndarray:
    """How many of the n tokens are in each phase: (k, n) displacements to (k, phases) int64.

    By `phase_index`, but without an index for each: so many are at or above each threshold.
    """
    thresholds = np.array(scheme.thresholds, dtype=np.float32)
    numbers = displacement.shape[1] - np.count_nonzero(np.isnan(displacement), axis=1)
    above = [np.count_nonzero(displacement >= threshold, axis=1) for threshold in thresholds]
    return -np.diff(np.stack([numbers, *above, np.zeros_like(numbers)], axis=1), axis=1)


def spread(displacement: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, standard deviation and percentiles of (k, n) displacements over the tokens, each (k,).

    They are taken over the tokens of finite displacement, and are NaN where there are none;
    `nonfinite_tokens` counts the others.
    """
    rows = [row[np.isfinite(row)].astype(np.float64) for row in displacement]
    measured = [_spread_of(row) for row in rows]
    result = dict(zip(("mean", "std", *SPREAD), np.array(measured).T, strict=True))
    missing = [displacement.shape[1] - len(row) for row in rows]
    return {**result, "nonfinite_tokens": np.array(missing)}


def _spread_of(row: np.ndarray) -> tuple[float, ...]:
    """Mean, standard deviation and percentiles; NaN of nothing."""
    if not row.any():  # late in a run nothing moves, and there is nothing to sort
        return (0.0 if len(row) else np.nan,) * (2 + len(SPREAD))
    return (row.mean(), row.std(), *np.percentile(row, [*SPREAD.values()]))


def count_moving(chunks: Chunks, threshold: float) -> np.ndarray:
    """How many tokens move at each step, (T,): |ΔW′|₂ at least the threshold; NaN is no motion."""
    return np.concatenate([(l2 >= np.float32(threshold)).sum(axis=1) for _, l2 in chunks])


def classify(chunks: Chunks, scheme: Scheme, bins: density.Bins) -> ScaleTable:
    """Sort all tokens' displacements on one scale into phases, a time chunk after the other."""
    counts, spreads, total = [], [], 0
    for start, displacement in chunks:
        counts.append(phase_counts(displacement, scheme))
        spreads.append(spread(displacement))
        total = total + density.count(displacement, start + 1, bins)
    return ScaleTable(
        n_tokens=displacement.shape[1],
        counts=np.concatenate(counts),
        spread={name: np.concatenate([part[name] for part in spreads]) for name in spreads[0]},
        density=total,
    )


def table(
    scales: dict[str, ScaleTable], scheme: Scheme, n_moving: np.ndarray, nonfinite: np.ndarray
) -> pd.DataFrame:
    """A row per step; all columns that begin with `SCALE_` are on that scale.

    One fraction per phase and one of tokens in no phase (`undefined`: NaN), then `spread`.
    """
    columns = {"step": np.arange(1, len(n_moving) + 1)}
    for scale, of_scale in scales.items():
        undefined = of_scale.n_tokens - of_scale.counts.sum(axis=1)
        shares = np.column_stack([of_scale.counts, undefined]).T / of_scale.n_tokens
        named = dict(zip([*scheme.phases, "undefined"], shares, strict=True)) | of_scale.spread
        columns |= {column(scale, quantity): values for quantity, values in named.items()}
    moving = n_moving / of_scale.n_tokens
    return pd.DataFrame({**columns, "moving": moving, "nonfinite_elements": nonfinite})


def summary(
    scales: dict[str, ScaleTable],
    scheme: Scheme,
    n_moving: np.ndarray,
    motion_threshold: float,
    nonfinite: np.ndarray,
    population: str = "dead",
) -> dict[str, object]:
    """What happened when, as a JSON object; steps count from 1 and None stands for never.

    population: whose motion it is, that of dead, live or all tokens.
    """
    return {
        "population": population,
        "steps": len(n_moving),
        "tokens": next(iter(scales.values())).n_tokens,
        "phases": list(scheme.phases),
        "thresholds": list(scheme.thresholds),
        "vanishing_fraction": scheme.vanishing_fraction,
        "scales": {
            scale: {
                "phases": transitions(scale, of_scale, scheme),
                "nonfinite_tokens": occurrences(of_scale.spread["nonfinite_tokens"]),
            }
            for scale, of_scale in scales.items()
        },
        "motion": {"threshold": motion_threshold, **motion(n_moving)},
        "nonfinite_elements": occurrences(nonfinite),
    }


def first_and_for_good(condition: np.ndarray) -> dict[str, int | None]:
    """The first step at which a (T,) condition holds, and the step from which it stays so."""
    holds, fails = np.flatnonzero(condition), np.flatnonzero(~condition)
    for_good = int(fails[-1]) + 2 if len(fails) else 1
    return {
        "first": int(holds[0]) + 1 if len(holds) else None,
        "for_good": for_good if for_good <= len(condition) else None,
    }


def transitions(scale: str, table: ScaleTable, scheme: Scheme) -> dict[str, dict]:
    """What happens to each phase, None standing for never.

    `majority`: when more than half of the tokens are in this phase or a colder one (the seeds'
    transition). `vanished`: when the phase falls below the vanishing fraction, having been above.
    `column`: where the table holds its fractions.
    """
    as_cold = np.cumsum(table.counts, axis=1)  # whole numbers, so that a tie at one half is a tie
    fractions = table.counts / table.n_tokens
    result = {}
    for i, phase in enumerate(scheme.phases):
        present = fractions[:, i] >= scheme.vanishing_fraction
        gone = ~present & np.logical_or.accumulate(present)
        result[phase] = {
            "column": column(scale, phase),
            "majority": first_and_for_good(2 * as_cold[:, i] > table.n_tokens),
            "vanished": first_and_for_good(gone),
            "final_fraction": float(fractions[-1, i]),
        }
    return result


def motion(n_moving: np.ndarray) -> dict[str, object]:
    """When motion ends, from the number of moving tokens at each step, (T,)."""
    steps = np.flatnonzero(n_moving) + 1
    last = int(steps[-1]) if len(steps) else -1
    return {
        "tokens_moving_at_last_step": int(n_moving[-1]),
        "last_motion_step": last,
        "fimbulwinter_duration": len(n_moving) - max(last, 0),
    }


def occurrences(counts: np.ndarray) -> dict[str, object]:
    """At which steps something occurs, from its number at each step, (T,)."""
    steps = np.flatnonzero(counts) + 1
    return {
        "total": int(counts.sum()),
        "steps": len(steps),
        "first_steps": steps[:LISTED_STEPS].tolist(),
    }
