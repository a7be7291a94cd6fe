"""How far dead tokens' gradients point the same way, and whether cohorts do so more than others.

The gradient of a dead row is a sum over positions of p · h, with p the probability of the token and
h the hidden state, so gradients point along +h and the descent that they ask for along -h. The
cosine of g with h is that of -g with -h. Where h is not recorded, the mean direction of the *other*
dead tokens' gradients stands for it. Rows of zeros have no direction and are left out and counted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from deadtokens.errors import UserError
from deadtokens.freezing import stopping

PERCENTILES = {"p05": 5, "median": 50, "p95": 95}
HISTOGRAM_BINS = 40
ROUNDING = 1e-6  # sums of float32 in another order differ by less, so what is equal counts as equal
RESULTS = ("within", "null_mean", "null_sd", "excess", "excess_over_sd", "p_value")


def directions(gradients: np.ndarray) -> np.ndarray:
    """(n, D) rows of length 1, zeros where there is no gradient; float64."""
    rows = gradients.astype(np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def beyond_common(units: np.ndarray) -> np.ndarray:
    """What is left of (n, D) directions without their mean direction, again of length 1."""
    common = directions(units.mean(axis=0, keepdims=True))[0]
    return directions(units - np.outer(units @ common, common))


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


class Cohorts:
    """Tokens that froze within the same window of so many steps, and how aligned they are.

    last: (N,) last motion of all tokens. Those that never moved, or are not known to have stopped
    (`stopping`), freeze in no window and are left out; n are left. `rows` below are (n, K·D)
    float32: the directions of these tokens' gradients at K steps side by side, over sqrt(K), so
    that the product of two rows is the mean of K cosines.
    """

    def __init__(self, last: np.ndarray, steps: int, window: int, still_for: int):
        self.tokens = np.flatnonzero((last > 0) & stopping.stopped(last, steps, still_for))
        self.tokens = self.tokens[np.argsort(last[self.tokens], kind="stable")]
        self.last, self.window = last[self.tokens], window
        labels, starts = np.unique((self.last - 1) // window, return_index=True)
        self.labels, self.starts = labels, starts  # rows of a cohort lie side by side
        self.sizes = np.diff([*starts, len(self.tokens)]).astype(int)

    def steps(self, number: int) -> list[int]:
        """At most so many, even from the first freezing to the latest; none without a freezing."""
        if len(self.last) == 0:
            return []
        return (
            np.unique(np.rint(np.linspace(self.last[0], self.last[-1], number)))
            .astype(int)
            .tolist()
        )

    def rows(
        self, gradients: Iterable[np.ndarray], of: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """The rows: `of` the directions of all tokens' (N, D) gradients, step by step."""
        units = [of(directions(g[self.tokens])).astype(np.float32) for g in gradients]
        if not units:
            return np.empty((0, 0), np.float32)
        return np.concatenate(units, axis=1) / np.float32(np.sqrt(len(units)))

    def within(self, rows: np.ndarray, order: np.ndarray | None = None) -> float:
        """Mean cosine over all pairs of tokens of one cohort, and the steps; NaN without a pair.

        Over ordered pairs: Σ over cohorts of |Σu|² - Σ|u|². `order` (n,) puts others in a cohort.
        """
        pairs = (self.sizes * (self.sizes - 1)).sum()
        sums = self._sums(rows, np.arange(len(rows)) if order is None else order)
        squares = np.einsum("ij,ij->", sums, sums) - _squares(rows).sum()
        return float(squares / pairs) if pairs else np.nan

    def _sums(self, rows: np.ndarray, order: np.ndarray) -> np.ndarray:
        """(C, K·D) float64. One sum after the other is six times faster than `add.reduceat`."""
        ends = self.starts + self.sizes
        of_cohorts = [rows[order[a:b]].sum(axis=0) for a, b in zip(self.starts, ends, strict=True)]
        return np.array(of_cohorts, dtype=np.float64)

    def each(self, rows: np.ndarray) -> list[dict]:
        """Steps, tokens and mean cosine of the pairs of each cohort; None for a token alone."""
        sums, own = self._sums(rows, np.arange(len(rows))), _squares(rows)
        pairs = self.sizes * (self.sizes - 1)
        summaries = []
        for i, label in enumerate(self.labels.tolist()):
            members = slice(self.starts[i], self.starts[i] + self.sizes[i])
            both = sums[i] @ sums[i] - own[members].sum()
            summaries.append(
                {
                    "from": label * self.window + 1,
                    "to": (label + 1) * self.window,
                    "tokens": int(self.sizes[i]),
                    "cosine": float(both / pairs[i]) if pairs[i] else None,
                }
            )
        return summaries

    def permutation_test(self, rows: np.ndarray, permutations: int, seed: int) -> dict[str, object]:
        """Are gradients more aligned within cohorts than among tokens drawn at random?

        The null shuffles which token is in which cohort. p is one-sided, with the +1 rule; the
        effect is the excess over the mean of the null, also in its standard deviations. Without
        anything to test there is no p, but a reason.
        """
        pairs = int((self.sizes * (self.sizes - 1) // 2).sum())
        reason = self._nothing_to_test()
        result = {"permutations": permutations, "seed": seed, "pairs": pairs, "reason": reason}
        if reason:
            return result | dict.fromkeys(RESULTS) | {"null_edges": [], "null_counts": []}
        found, random = self.within(rows), np.random.default_rng(seed)
        null = np.array(
            [self.within(rows, random.permutation(len(rows))) for _ in range(permutations)]
        )
        mean, spread = float(null.mean()), float(null.std())
        reached = np.count_nonzero(null >= found - ROUNDING)
        counts, edges = np.histogram(null, HISTOGRAM_BINS)
        results = (
            *(found, mean, spread, found - mean),
            (found - mean) / spread if spread > ROUNDING else None,
            (1 + reached) / (1 + permutations),
        )
        result |= dict(zip(RESULTS, results, strict=True))
        return result | {"null_edges": edges.tolist(), "null_counts": counts.tolist()}

    def _nothing_to_test(self) -> str | None:
        if len(self.tokens) == 0:
            return "not one token froze within the run"
        if self.sizes.max() == 1:
            return "no two tokens froze in the same window"
        if len(self.sizes) == 1:
            return "all tokens that froze did so in one window"
        return None


def compare(
    cohorts: Cohorts, gradients: Sequence[np.ndarray], permutations: int, seed: int
) -> dict[str, object]:
    """Every cohort and the tests, as a JSON object; gradients: (N, D) of each step looked at.

    Once of the gradients as they are, and once beyond what all frozen tokens have in common: of
    their parts at right angles to the mean direction, for the push along h is everybody's.
    """
    tests, each = {}, []
    for name, of in (("as_recorded", lambda units: units), ("beyond_common", beyond_common)):
        rows = cohorts.rows(gradients, of)
        tests[name] = cohorts.permutation_test(rows, permutations, seed)
        each.append(cohorts.each(rows))
    return {
        "cohorts": [a | {"cosine_beyond_common": b["cosine"]} for a, b in zip(*each, strict=True)],
        "cohort_tests": tests,
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
        "frozen_tokens": len(cohorts.tokens),
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


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)


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
