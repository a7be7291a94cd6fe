"""The centre of a structure: the most populous black hole, or else where rows lie densest.

Densest, with k neighbours: the row whose k-th nearest row is nearest, and of that row and its k
nearest the medoid, from which the sum of distances to the others is smallest. All pairs of rows
would be too many. So rows are projected on a few random directions, and only the candidates whose
k-th nearest in the projection is nearest are measured against all rows, in all dimensions. A row
that is dense in space is dense in every projection.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from deadtokens.census import formats
from deadtokens.census.formats import Format
from deadtokens.census.populations import Populations

ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class Search:
    """How the densest neighbourhood is looked for where no two tokens share a vector."""

    neighbours: int  # k
    projections: int
    candidates: int
    random_seed: int  # of the directions


def find(populations: Populations, bits: np.ndarray, form: Format, search: Search) -> int:
    """The row of the centre among (n, D) bits, n > 0.

    Of equally populous black holes it is the one whose bits come first, wherever its rows stand.
    """
    largest = populations.size[0]
    if largest > 1:
        equal = populations.first[populations.size == largest]
        return int(min(equal, key=lambda row: bits[row].tobytes()))
    return densest(bits, form, search)


def densest(bits: np.ndarray, form: Format, search: Search) -> int:
    """The medoid of the densest neighbourhood; of equal ones that of the first row."""
    k = min(search.neighbours, len(bits) - 1)
    if k < 1:
        return 0
    candidates = _candidates(bits, form, search, k)
    origin = formats.values(bits[candidates[0]], form).astype(np.float64)
    around = _shifted(bits[candidates], form, origin)
    squares = np.concatenate(
        [_squared_distances(block, around) for block in _blocks(bits, form, origin)]
    )  # (n, candidates)
    kth = np.partition(squares, k, axis=0)[k]  # 0 is the row itself
    best = int(np.argmin(kth))
    members = np.sort(np.argsort(squares[:, best], kind="stable")[: k + 1])
    rows = _shifted(bits[members], form, origin)
    sums = np.sqrt(_squared_distances(rows, rows)).sum(axis=1)
    return int(members[np.argmin(sums)])


def _candidates(bits: np.ndarray, form: Format, search: Search, k: int) -> np.ndarray:
    if len(bits) <= search.candidates:
        return np.arange(len(bits))
    random = np.random.default_rng(search.random_seed)
    dimensions = min(search.projections, bits.shape[1])
    directions, _ = np.linalg.qr(random.standard_normal((bits.shape[1], dimensions)))
    nowhere = np.zeros(bits.shape[1])
    projected = np.concatenate([block @ directions for block in _blocks(bits, form, nowhere)])
    kth = KDTree(projected).query(projected, [k + 1])[0][:, 0]
    return np.sort(np.argsort(kth, kind="stable")[: search.candidates])


def _blocks(bits: np.ndarray, form: Format, origin: np.ndarray):
    for start in range(0, len(bits), ROWS_AT_ONCE):
        yield _shifted(bits[start : start + ROWS_AT_ONCE], form, origin)


def _shifted(bits: np.ndarray, form: Format, origin: np.ndarray) -> np.ndarray:
    """Values relative to a row nearby, so that squares of small distances do not cancel."""
    return formats.values(bits, form).astype(np.float64) - origin


def _squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, D), (m, D) in, (n, m) out."""
    squares = [np.einsum("ij,ij->i", of, of) for of in (rows, others)]
    return np.maximum(squares[0][:, None] + squares[1] - 2 * rows @ others.T, 0)
