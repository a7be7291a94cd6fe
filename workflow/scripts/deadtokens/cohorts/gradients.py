"""How far dead tokens' gradients point the same way, and whether cohorts do so more than others.

The gradient of a dead row is a sum over positions of p · h, with p the probability of the token and
h the hidden state, so gradients point along +h and the descent that they ask for along -h. The
cosine of g with h is that of -g with -h. Where h is not recorded, the mean direction of the *other*
dead tokens' gradients stands for it. Rows of zeros have no direction and are left out and counted.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from deadtokens.cohorts import likeness
from deadtokens.cohorts.cohorts import Cohorts
from deadtokens.errors import UserError

PERCENTILES = {"p05": 5, "median": 50, "p95": 95}
# Of each test, what it finds in a cohort.
COSINES = {
    "as_recorded": "cosine",
    "beyond_common": "cosine_beyond_common",
    "beyond_row": "cosine_beyond_row",
    "initial_rows": "cosine_of_initial_rows",
}


def directions(gradients: np.ndarray) -> np.ndarray:
    """(n, D) rows of length 1, zeros where there is no gradient; float64."""
    rows = gradients.astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def at_right_angles(units: np.ndarray) -> np.ndarray:
    """(n, D) directions without their part along their mean direction; zeros where none is left."""
    common = directions(units.mean(axis=0, keepdims=True))[0]
    left = units - np.outer(units @ common, common)
    smallest = likeness.rounding_of_directions(units.shape[1])
    return np.where(np.linalg.norm(left, axis=1, keepdims=True) > smallest, left, 0.0)


def beyond_common(units: np.ndarray) -> np.ndarray:
    """What is left of (n, D) directions without their mean direction, again of length 1."""
    return directions(at_right_angles(units))


def pairwise_cosine(units: np.ndarray) -> float:
    """Mean cosine over all pairs of the rows of length 1 among (n, D); NaN without a pair.

    |Σu|² is n plus twice the sum over pairs.
    """
    n = np.count_nonzero(units.any(axis=1))
    total = units.sum(axis=0)
    return float((total @ total - n) / (n * (n - 1))) if n > 1 else np.nan


def with_others(units: np.ndarray) -> np.ndarray:
    """Cosine of each direction with the sum of all others', (n,); NaN where one of them is none."""
    total = units.sum(axis=0)
    return _cosines(units, total - units)


def with_vector(units: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Cosine of each direction with one vector, (n,); NaN where one of them is none."""
    return _cosines(units, np.broadcast_to(vector.astype(np.float64), units.shape))


class Steps:
    """The table of alignment, filled step by step; O(steps).

    Give `add` the steps in their order.
    """

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []
        self._before: np.ndarray | None = None

    def add(self, step: int, gradients: np.ndarray, h_mean: np.ndarray | None) -> None:
        """One step's (n, D) gradients and, if recorded, the (D,) mean hidden state."""
        units = directions(gradients)
        mean = units.mean(axis=0)
        row = {
            "step": step,
            "tokens": int(np.count_nonzero(units.any(axis=1))),
            "gradient_norm_median": float(np.median(np.linalg.norm(gradients, axis=1))),
            "pairwise_cosine": pairwise_cosine(units),
            **_spread("with_others", with_others(units)),
            "mean_with_step_before": np.nan
            if self._before is None
            else _cosine(mean, self._before),
        }
        if h_mean is not None:
            row |= _spread("with_h_mean", with_vector(units, h_mean))
            row["mean_with_h_mean"] = _cosine(mean, h_mean)
        self._rows.append(row)
        self._before = mean

    def table(self) -> pd.DataFrame:
        """A row per step."""
        return pd.DataFrame(self._rows)


def compare(
    cohorts: Cohorts,
    gradients: Sequence[np.ndarray],
    rows: Sequence[np.ndarray],
    initial: np.ndarray,
    permutations: int,
    seed: int,
) -> dict[str, object]:
    """Every cohort and the tests, as a JSON object; (N, D) of each step looked at.

    rows: W before each of these steps; initial: W[0]. The tests: `as_recorded`, of the directions;
    `beyond_common`, of their parts at right angles to the mean direction, made length 1, for the
    push along h is everybody's; `beyond_row`, of what a linear map of the row leaves of these
    parts; and as a null check `initial_rows`, `beyond_common` of W[0], which no push has made.
    """
    units = [directions(g[cohorts.tokens]) for g in gradients]
    row = likeness.AlikeBeyondRow(
        cohorts,
        (at_right_angles(u) for u in units),
        (w[cohorts.tokens].astype(np.float64) for w in rows),
    )
    of_tests = {
        "as_recorded": lambda: likeness.Alike(cohorts, units),
        "beyond_common": lambda: likeness.Alike(cohorts, map(beyond_common, units)),
        "beyond_row": lambda: row,
        "initial_rows": lambda: likeness.Alike(
            cohorts, [beyond_common(directions(initial[cohorts.tokens]))] if units else []
        ),
    }
    tests, described = {}, cohorts.described()
    for name, make in of_tests.items():
        statistic = make()  # one at a time: each holds all directions
        tests[name] = likeness.permutation_test(statistic, permutations, seed)
        for cohort, cosine in zip(described, statistic.each(), strict=True):
            cohort[COSINES[name]] = cosine
    return {"cohorts": described, "cohort_tests": tests, "row_explains": _explained(row)}


def _explained(row: likeness.AlikeBeyondRow) -> dict[str, object]:
    """Shares of variance over the steps, and what rows of noise would explain."""
    shares, others = row.explained, len(row.cohorts) - 1
    return {
        "mean": float(np.mean(shares)) if shares else None,
        "least": min(shares, default=None),
        "most": max(shares, default=None),
        "by_chance": row.rank / others if shares else None,
        "reason": None if shares else row.reason,
    }


def summary(
    table: pd.DataFrame,
    cohorts: Cohorts,
    looked_at: Sequence[int],
    compared: Mapping[str, object],
) -> dict[str, object]:
    """The cosines' means over all steps, and what `compare` found, as a JSON object."""
    means = {}
    for name, column in table.drop(columns=["step", "tokens", "gradient_norm_median"]).items():
        known = column[np.isfinite(column)].to_numpy()
        means[name] = float(known.mean()) if len(known) else None
    return {
        "steps": len(table),
        "tokens": int(table["tokens"].max()),
        "direction_of_h": "h_mean" if "mean_with_h_mean" in table else "others",
        "mean_over_steps": means,
        "cohort_window": cohorts.window,
        "frozen_tokens": len(cohorts),
        "steps_looked_at": list(looked_at),
        **compared,
    }


def check(steps: int, tokens: int, displacement: tuple) -> None:
    """UserError unless gradients of so many steps and tokens are of this displacement's run."""
    if displacement != (steps, tokens):
        raise UserError(
            f"gradients g of {steps} steps and {tokens} tokens and the displacement {displacement} "
            "are not of one run: give the files of one run."
        )


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row, (n,); NaN where one of the two is zero."""
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    dot = np.einsum("ij,ij->i", a, b)
    return np.divide(dot, length, out=np.full(len(a), np.nan), where=length > 0)


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(_cosines(a[None].astype(np.float64), b[None].astype(np.float64))[0])


def _spread(name: str, values: np.ndarray) -> dict[str, float]:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return dict.fromkeys((f"{name}_{key}" for key in ("mean", *PERCENTILES)), np.nan)
    found = np.percentile(known, [*PERCENTILES.values()])
    percentiles = {
        f"{name}_{key}": float(value) for key, value in zip(PERCENTILES, found, strict=True)
    }
    return {f"{name}_mean": float(known.mean()), **percentiles}
