"""Whether vectors met where the lattice became coarser: coalescences beside an element's exponent.

An element *changes* between two states if its bits do, and its change is *coarser* if the cell at
its value is larger after than before: max(E, 1) rose, E being the exponent field, for the smallest
two exponents have cells of one size. The unit is a pair (vector before, vector after) that a token
goes through, and an element of it. Of vectors that coalesce only those elements count in which the
vectors before were not all equal, for nothing else had kept them apart.
"""

import numpy as np

from deadtokens.census import formats
from deadtokens.census.formats import Format

COUNTS = (
    "coalescences_coarser",
    *("merged_changes", "merged_changes_coarser"),
    *("other_changes", "other_changes_coarser"),
)
NONE = dict.fromkeys(COUNTS, 0)


def count(
    before: np.ndarray, after: np.ndarray, number: np.ndarray, form: Format
) -> dict[str, int]:
    """What coalesced where, of P different pairs of (vector before, vector after): (P, D) bits.

    number: (P,) of the vector after, for which those that are equal have the same.

    coalescences_coarser: the coalescences (k - 1 of a vector made from k) of those vectors after in
    which at least one element that had differed became coarser, coming from one of its k at least.
    merged_changes, other_changes: changes of differing elements of vectors that coalesced, and of
    any elements of pairs whose vector after was made from one alone; `_coarser`: of these, those.
    """
    if not len(before):
        return dict(NONE)
    # Pairs of one vector after stand together.
    order = np.argsort(number, kind="stable")
    before, after, number = before[order], after[order], number[order]
    starts = np.r_[True, number[1:] != number[:-1]]
    first = np.flatnonzero(starts)
    sizes = np.diff(np.append(first, len(after)))
    group = np.cumsum(starts) - 1
    differed = np.minimum.reduceat(before, first) != np.maximum.reduceat(before, first)  # (m, D)
    changed = before != after
    coarser = changed & (_cell(after, form) > _cell(before, form))
    of_merged = differed[group]
    alone = (sizes == 1)[group]
    met = np.logical_or.reduceat((coarser & of_merged).any(axis=1), first)
    return {
        "coalescences_coarser": int((sizes - 1)[met].sum()),
        "merged_changes": int((changed & of_merged).sum()),
        "merged_changes_coarser": int((coarser & of_merged).sum()),
        "other_changes": int(changed[alone].sum()),
        "other_changes_coarser": int(coarser[alone].sum()),
    }


def _cell(bits: np.ndarray, form: Format) -> np.ndarray:
    return np.maximum(formats.exponent(bits, form), 1)
