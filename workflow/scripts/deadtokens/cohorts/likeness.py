"""How alike the gradients of a cohort are, and those of shuffled cohorts: two statistics, one test.

Both statistics are means over all pairs of tokens of one cohort, and over K steps. `Alike` is of
(n, D) directions as they are. `AlikeBeyondRow` is of what a linear map of the token's own row of W
leaves of them: gradients and stop times both follow from the row, so a plain shuffle, which breaks
both ties at once, takes that for something that cohorts share. Tokens are shuffled under a
covariate as by D. Freedman and D. Lane, "A nonstochastic interpretation of reported significance
levels", J. Bus. Econ. Stat. 1 (1983); A. M. Winkler et al., "Permutation inference for the general
linear model", NeuroImage 92 (2014).
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from deadtokens.cohorts.cohorts import Cohorts

HISTOGRAM_BINS = 40
UNIT = np.finfo(np.float64).eps / 2  # of rounding: half the distance of 1 to the next number
RESULTS = ("within", "null_mean", "null_sd", "excess", "excess_over_sd", "p_value")


class Statistic(Protocol):
    """A mean over pairs within cohorts, the larger the more alike these are."""

    reason: str | None  # why there is nothing to test
    base: float  # what all pairs of tokens have in common, in every order

    def within(self, order: np.ndarray | None = None) -> float:
        """The statistic less `base`, with the tokens `order` (n,) in the places of the cohorts."""

    def each(self) -> list[float | None]:
        """The statistic of each cohort; None for a token alone."""

    def rounding(self) -> float:
        """Two values of `within` that differ by no more count as equal."""


def rounding_of_directions(width: int) -> float:
    """How far a float64 direction of so many elements may be from the true one.

    Its length is a sum of D squares, a root and a division: (D / 2 + 2) units of rounding (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, 3.1), and the part along another direction
    takes D more. What is left below that of two directions tells nothing.
    """
    return (1.5 * width + 4) * UNIT


class Alike:
    """Mean product of two rows of one cohort: of rows of length 1, the mean cosine.

    `parts`: (n, D) float64 rows of each step. To keep what tells rows apart where all are nearly
    the same, rows are held as their mean and their deviations d from it, whose squares may be ten
    powers smaller than 1. With a = mean · d, the sum over ordered pairs of a cohort of m is
    m (m-1) |mean|² + 2 (m-1) Σa + |Σd|² - Σ|d|².
    """

    def __init__(self, cohorts: Cohorts, parts: Iterable[np.ndarray]):
        self.cohorts, self.reason = cohorts, cohorts.nothing_to_test()
        deviations, along, base = [], [np.zeros(len(cohorts))], 0.0
        for rows in parts:
            mean = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])
            different = rows - mean
            if _mean_square(different) <= rounding_of_directions(rows.shape[1]) ** 2:
                different = np.zeros_like(rows)
            deviations.append(different)
            along.append(different @ mean)
            base += float(mean @ mean)
        steps = max(len(deviations), 1)
        self.base = base / steps
        self._along = np.sum(along, axis=0) / steps
        rows = np.concatenate(deviations, axis=1) if deviations else np.empty((len(cohorts), 0))
        self._rows = rows / np.sqrt(steps)  # so that a product of two is the mean over steps
        self._squares = _squares(self._rows)

    def within(self, order: np.ndarray | None = None) -> float:
        """See `Statistic`; NaN without a pair."""
        pairs = self.cohorts.ordered_pairs
        if not pairs:
            return np.nan
        sums = self.cohorts.sums(self._rows, order)
        along = self._along if order is None else self._along[order]
        products = _squares(sums).sum() - self._squares.sum()
        return float((products + 2 * (self.cohorts.others * along).sum()) / pairs)

    def each(self) -> list[float | None]:
        """See `Statistic`."""
        own, along = (_by_cohort(self.cohorts, x) for x in (self._squares, self._along))
        sizes, sums = self.cohorts.sizes, _squares(self.cohorts.sums(self._rows))
        products = sums - own + 2 * (sizes - 1) * along
        return _per_pair(products, sizes, self.base)

    def rounding(self) -> float:
        """See `Statistic`. In proportion to what is left when the mean is taken out.

        A sum of k terms is off by at most k units of rounding times the sum of their sizes (Higham,
        4.2). Here no term takes more than n + K·D additions. The sizes are at most Σ|d|² of the
        squares, m Σ|d|² of |Σd|² over cohorts of at most m (Cauchy and Schwarz), 2 m Σ|a| of the
        rest, all over the number of pairs.
        """
        largest = self.cohorts.sizes.max(initial=0)
        sizes = (largest + 1) * self._squares.sum() + 2 * largest * np.abs(self._along).sum()
        terms = len(self._rows) + self._rows.shape[1]
        return float(2 * terms * UNIT * sizes / max(self.cohorts.ordered_pairs, 1))


class AlikeBeyondRow:
    """Mean product of two residuals of one cohort over their mean square: a cosine, by length.

    `parts`: (n, D) float64 of each step, `rows`: (n, D) of W before it. With Z = [1, rows] and R
    what takes the least squares fit on Z out, the residuals of a step are e = R part, and the
    statistic is Σ over pairs of e·e' / pairs / (Σ|e|² / n), mean over steps. A shuffle P makes it
    of R P e: residuals are exchanged, and the fit is taken out again, as by Freedman and Lane.
    `explained`: of each step the share of the parts' variance that the fit explains; `rank`: of
    the rows less their mean, what a fit of no meaning has for free. Needs more tokens than D + 1.
    """

    base = 0.0

    def __init__(self, cohorts: Cohorts, parts: Iterable[np.ndarray], rows: Iterable[np.ndarray]):
        self.cohorts, self.explained, self.rank = cohorts, [], 0
        self._steps: list[tuple[np.ndarray, ...]] = []  # residuals, basis of Z, its cohorts' sums
        self.reason = cohorts.nothing_to_test()
        if self.reason:
            return
        for part, of_row in zip(parts, rows, strict=True):
            self.reason = self.reason or _too_few(len(cohorts), of_row.shape[1])
            if self.reason:
                return
            self._add(part, of_row)
        if not self._steps:
            self.reason = "the tokens' own rows explain all of it"

    def _add(self, part: np.ndarray, rows: np.ndarray) -> None:
        basis = _basis(rows)
        self.rank = max(self.rank, basis.shape[1] - 1)
        left = _without(basis, _without(basis, part))  # twice: to working precision
        total = _mean_square(part - part.mean(axis=0))
        if total == 0:
            return
        own = _mean_square(left)
        self.explained.append(float(1 - own / total))
        # A projection of n numbers is off by n units of rounding: below that nothing is left.
        if own > (len(rows) * UNIT) ** 2 * _mean_square(part):
            of_cohorts = self.cohorts.sums(basis)
            self._steps.append((left / np.sqrt(own), basis, of_cohorts))

    def within(self, order: np.ndarray | None = None) -> float:
        """See `Statistic`."""
        found = [self._of_step(*step, order) for step in self._steps]
        return float(np.mean(found)) / self.cohorts.ordered_pairs

    def _of_step(
        self, left: np.ndarray, basis: np.ndarray, of_cohorts: np.ndarray, order: np.ndarray | None
    ) -> float:
        """Σ over ordered pairs of products of R P e, over its mean square, without making R P e."""
        fit = basis.T @ (left if order is None else left[order])
        sums = self.cohorts.sums(left, order) - of_cohorts @ fit
        square = (left**2).sum() - (fit**2).sum()
        return float(((sums**2).sum() - square) / (square / len(left)))

    def each(self) -> list[float | None]:
        """See `Statistic`."""
        sizes = self.cohorts.sizes
        if self.reason:
            return [None] * len(sizes)
        products = [
            _squares(self.cohorts.sums(left)) - _by_cohort(self.cohorts, _squares(left))
            for left, *_ in self._steps
        ]
        return _per_pair(np.mean(products, axis=0), sizes, 0.0)

    def rounding(self) -> float:
        """See `Alike.rounding`; residuals have a mean square of 1, and n more additions each."""
        n = len(self.cohorts)
        terms = 2 * n + self._steps[0][0].shape[1]
        sizes = (self.cohorts.sizes.max() + 1) * n
        return float(2 * terms * UNIT * sizes / self.cohorts.ordered_pairs)


def permutation_test(statistic: Statistic, permutations: int, seed: int) -> dict[str, object]:
    """Are tokens of one cohort more alike than tokens drawn at random? A JSON object.

    The null shuffles which token is in which cohort. p is one-sided, with the +1 rule; the effect
    is the excess over the mean of the null, also in its standard deviations. Without anything to
    test there is no p, but a reason.
    """
    cohorts = statistic.cohorts
    result = {"permutations": permutations, "seed": seed, "pairs": cohorts.ordered_pairs // 2}
    result["reason"] = statistic.reason
    if statistic.reason:
        return result | dict.fromkeys(RESULTS) | {"null_edges": [], "null_counts": []}
    found, random = statistic.within(), np.random.default_rng(seed)
    null = np.array(
        [statistic.within(random.permutation(len(cohorts))) for _ in range(permutations)]
    )
    mean, spread, rounding = float(null.mean()), float(null.std()), statistic.rounding()
    reached = int(np.count_nonzero(null >= found - rounding))
    counts, edges = np.histogram(null, HISTOGRAM_BINS) if spread > rounding else ([], [])
    results = (
        *(statistic.base + found, statistic.base + mean, spread, found - mean),
        (found - mean) / spread if spread > rounding else None,
        (1 + reached) / (1 + permutations),
    )
    result |= dict(zip(RESULTS, results, strict=True))
    # Edges of the excess: of the cosines themselves they may all be the same number.
    edges = [float(edge - mean) for edge in edges]
    return result | {"null_edges": edges, "null_counts": [int(count) for count in counts]}


def _too_few(tokens: int, width: int) -> str | None:
    if tokens > width + 1:
        return None
    return (
        f"{tokens} tokens froze, and a linear map of rows of {width} elements explains any "
        f"{width + 1} of them: more are needed"
    )


def _basis(rows: np.ndarray) -> np.ndarray:
    """(n, 1 + rank) orthonormal columns that span a constant and the columns of (n, D) rows."""
    n = len(rows)
    left, sizes, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    known = sizes > sizes.max(initial=0) * max(rows.shape) * 2 * UNIT  # as np.linalg.matrix_rank
    return np.concatenate([np.full((n, 1), n**-0.5), left[:, known]], axis=1)


def _without(basis: np.ndarray, part: np.ndarray) -> np.ndarray:
    return part - basis @ (basis.T @ part)


def _per_pair(products: np.ndarray, sizes: np.ndarray, base: float) -> list[float | None]:
    """Of each cohort the sum over its ordered pairs by their number; None without a pair."""
    pairs = sizes * (sizes - 1)
    return [base + float(p / n) if n else None for p, n in zip(products, pairs, strict=True)]


def _by_cohort(cohorts: Cohorts, values: np.ndarray) -> np.ndarray:
    return cohorts.sums(values[:, None])[:, 0]


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)


def _mean_square(rows: np.ndarray) -> float:
    """The mean of the rows' squared lengths."""
    return float(_squares(rows).mean()) if len(rows) else 0.0
