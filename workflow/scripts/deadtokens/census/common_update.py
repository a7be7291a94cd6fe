"""The update that tokens have in common: of each element, at each step, what explains most of them.

A token whose element went from v to w was updated by a u with R(v + u) = w, R rounding to bfloat16:
by one between low - v and high - v, where low and high are the ends of what is rounded to w. The
common update is the middle of the range that lies within most tokens' ranges, each token counted
(of several such ranges the lowest). Where all tokens agree, a single push and rounding make the
step, and nothing that distinguishes tokens does.
"""

from dataclasses import dataclass

import numpy as np

from deadtokens.census import formats, rounding
from deadtokens.census.formats import BFLOAT16


@dataclass(frozen=True)
class CommonUpdate:
    """Of D elements between two states of n tokens.

    update: (D,) float64, 0 where no token changed. changed: (D,) bool, whether any did. agreeing:
    (D,) int64, how many of the n tokens the update explains.
    """

    update: np.ndarray
    changed: np.ndarray
    agreeing: np.ndarray


def of(before: np.ndarray, after: np.ndarray) -> CommonUpdate:
    """From (n, D) bfloat16 bits of the same tokens before and after, all finite."""
    tokens, elements = before.shape
    update, agreeing = np.zeros(elements), np.full(elements, tokens)
    changed = (before != after).any(axis=0)
    for element in np.flatnonzero(changed):
        update[element], agreeing[element] = _of_element(before[:, element], after[:, element])
    return CommonUpdate(update, changed, agreeing)


def _of_element(before: np.ndarray, after: np.ndarray) -> tuple[float, int]:
    both, number = np.unique(before.astype(np.uint32) << 16 | after, return_counts=True)
    was, became = (both >> 16).astype(np.uint16), both.astype(np.uint16)
    low, high = rounding.cell(became)
    ends = np.concatenate([low, high]) - np.tile(formats.values(was, BFLOAT16), 2)
    covers = np.concatenate([number, -number])
    # Ranges that touch share no update but a tie: at one place they end before others begin.
    order = np.lexsort((covers, ends))
    covered = np.cumsum(covers[order])
    most = int(np.argmax(covered))
    return float(ends[order][most : most + 2].mean()), int(covered[most])
