"""How far every row is from one of them: on the lattice, in exponents, in space.

A pass over the matrix in blocks of rows; beside it memory is that of a block.
"""

import numpy as np
import pandas as pd

from deadtokens.census import formats
from deadtokens.census.formats import Format

ROWS_AT_ONCE = 1024


def from_row(bits: np.ndarray, form: Format, centre: np.ndarray) -> pd.DataFrame:
    """A row per row of (n, D) bits: how far it is from `centre`, (D,) bits.

    exponent_distance: the largest difference of exponent fields; lattice_max and lattice_sum: L-
    infinity and L1 of the difference of order indices; distance: Euclidean; norm: its own;
    at_power_of_two: the share of its own elements that are at one (`formats.at_power_of_two`).
    """
    parts = [
        _of_block(bits[start : start + ROWS_AT_ONCE], form, centre)
        for start in range(0, len(bits), ROWS_AT_ONCE)
    ]
    return pd.DataFrame(np.concatenate(parts))


def _of_block(bits: np.ndarray, form: Format, centre: np.ndarray) -> np.ndarray:
    wide = np.int32 if form.bits == 16 else np.int64  # that holds a difference of order indices
    exponents = formats.exponent(bits, form) - formats.exponent(centre, form)
    own, middle = formats.order_index(bits, form), formats.order_index(centre, form)
    steps = np.abs(np.subtract(own, middle, dtype=wide))
    row = formats.values(bits, form).astype(np.float64)
    found = np.empty(
        len(bits),
        [
            *((name, np.int64) for name in ("exponent_distance", "lattice_max", "lattice_sum")),
            *((name, np.float64) for name in ("distance", "norm", "at_power_of_two")),
        ],
    )
    found["exponent_distance"] = np.abs(exponents).max(axis=1)
    found["lattice_max"] = steps.max(axis=1)
    found["lattice_sum"] = steps.sum(axis=1, dtype=np.int64)
    found["at_power_of_two"] = formats.at_power_of_two(bits, form).mean(axis=1)
    found["norm"] = np.sqrt(np.einsum("ij,ij->i", row, row))
    row -= formats.values(centre, form)
    found["distance"] = np.sqrt(np.einsum("ij,ij->i", row, row))
    return found


def counts_within(exponent_distance: np.ndarray, largest: int) -> list[int]:
    """How many rows are within each exponent distance 0..largest."""
    return [int((exponent_distance <= distance).sum()) for distance in range(largest + 1)]


def plateau(counts: list[int], growth: float) -> dict[str, int] | None:
    """The longest stretch of exponent distances over which the count grows by no more than this
    share from each to the next, the first of equally long ones; None if there is none.

    It has two distances and two rows at least, and ends where the count rises again: a stretch that
    holds on to the last distance has all rows in it, or nothing to be apart from.
    """
    best, first = None, 0
    for distance in range(1, len(counts)):
        if counts[distance] <= counts[distance - 1] * (1 + growth):
            continue
        last = distance - 1
        is_longer = best is None or last - first > best["last"] - best["first"]
        if last > first and counts[first] > 1 and is_longer:
            best = {"first": first, "last": last, "tokens": counts[last]}
        first = distance
    return best
