"""Cohorts: tokens whose last motions lie in the same window of steps."""

from functools import cached_property

import numpy as np
from scipy import sparse

from deadtokens.freezing import stopping


class Cohorts:
    """Tokens that froze within the same window of so many steps.

    last: (N,) last motion of all tokens. Those that never moved, or are not known to have stopped
    (`stopping`), freeze in no window and are left out; n are left, `tokens`, in the order in which
    they froze. So the rows of a cohort lie side by side wherever (n, ...) rows of these tokens are
    meant.
    """

    def __init__(self, last: np.ndarray, steps: int, window: int, still_for: int):
        self.tokens = np.flatnonzero((last > 0) & stopping.stopped(last, steps, still_for))
        self.tokens = self.tokens[np.argsort(last[self.tokens], kind="stable")]
        self.last, self.window = last[self.tokens], window
        self.labels, self.starts = np.unique((self.last - 1) // window, return_index=True)
        self.sizes = np.diff([*self.starts, len(self.tokens)]).astype(int)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def ordered_pairs(self) -> int:
        """Pairs of two tokens of one cohort, each counted in both orders."""
        return int((self.sizes * (self.sizes - 1)).sum())

    @property
    def others(self) -> np.ndarray:
        """How many others are in the cohort of each place, (n,)."""
        return np.repeat(self.sizes - 1, self.sizes)

    def steps(self, number: int) -> list[int]:
        """At most so many, even from the first freezing to the latest; none without a freezing."""
        if len(self) == 0:
            return []
        spread = np.rint(np.linspace(self.last[0], self.last[-1], number))
        return np.unique(spread).astype(int).tolist()

    def sums(self, rows: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
        """The sum of each cohort's (n, M) float64 rows, (C, M), one after the other.

        `order` (n,) puts other tokens into the places of a cohort. A product with a sparse matrix
        of ones copies no rows, and adds in the order of the places whatever the threads.
        """
        if order is None:
            return self._places @ rows
        ends = self._places.indptr
        return sparse.csr_array((self._places.data, order, ends), self._places.shape) @ rows

    @cached_property
    def _places(self) -> sparse.csr_array:
        n, ends = len(self), [*self.starts, len(self)]
        return sparse.csr_array((np.ones(n), np.arange(n), ends), (len(self.sizes), n))

    def described(self) -> list[dict[str, int]]:
        """Steps and tokens of each cohort."""
        return [
            {"from": label * self.window + 1, "to": (label + 1) * self.window, "tokens": size}
            for label, size in zip(self.labels.tolist(), self.sizes.tolist(), strict=True)
        ]

    def nothing_to_test(self) -> str | None:
        """Why no test can compare these cohorts; None if one can."""
        if len(self) == 0:
            return "not one token froze within the run"
        if self.sizes.max() == 1:
            return "no two tokens froze in the same window"
        if len(self.sizes) == 1:
            return "all tokens that froze did so in one window"
        return None
