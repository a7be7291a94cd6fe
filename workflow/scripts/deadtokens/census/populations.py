"""Tokens that share one vector in every bit: black holes, and who is in them.

Rows are hashed, and rows of one hash are compared byte by byte: the outcome is exact whatever the
hash. It is multilinear: the 32-bit words of a row times random 64-bit numbers, modulo 2^64 (Lemire
and Kaser, "Strongly universal string hashing is fast", 2014).
"""

from dataclasses import dataclass

import numpy as np

ROWS_AT_ONCE = 4096
SEED = 1  # of the hash, which decides nothing but how long it takes
WORD_BYTES = 4


@dataclass(frozen=True)
class Populations:
    """The different vectors among n rows, the most populous first; of equal ones by first row.

    label: (n,) int64, the vector of each row. first: (u,) int64, the first row of each vector;
    size: (u,) int64, its population.
    """

    label: np.ndarray
    first: np.ndarray
    size: np.ndarray


def of_rows(bits: np.ndarray) -> Populations:
    """Which of these rows, (n, D) unsigned integers, are equal in every bit."""
    leader = _leaders(bits)
    first, label, size = np.unique(leader, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -size))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return Populations(place[label], first[order], size[order])


def hashes(bits: np.ndarray) -> np.ndarray:
    """A 64-bit hash of each row: (n, D) in, (n,) uint64 out."""
    row_bytes = bits.shape[1] * bits.dtype.itemsize
    words = -(-row_bytes // WORD_BYTES)
    factors = np.random.default_rng(SEED).integers(0, 1 << 64, words, np.uint64) | np.uint64(1)
    found = np.empty(len(bits), np.uint64)
    for start in range(0, len(bits), ROWS_AT_ONCE):
        rows = np.ascontiguousarray(bits[start : start + ROWS_AT_ONCE]).view(np.uint8)
        padded = np.zeros((len(rows), words * WORD_BYTES), np.uint8)
        padded[:, :row_bytes] = rows
        found[start : start + len(rows)] = padded.view("<u4").astype(np.uint64) @ factors
    return found


def _leaders(bits: np.ndarray) -> np.ndarray:
    """Of each row the first that is equal to it, (n,) int64."""
    _, group = np.unique(hashes(bits), return_inverse=True)
    first = np.full(group.max(initial=-1) + 1, len(bits))
    np.minimum.at(first, group, np.arange(len(bits)))
    leader = first[group]
    followers = np.flatnonzero(leader != np.arange(len(bits)))
    of_one_hash_only = [
        rows[(bits[rows] != bits[leader[rows]]).any(axis=1)]
        for rows in (
            followers[start : start + ROWS_AT_ONCE]
            for start in range(0, len(followers), ROWS_AT_ONCE)
        )
    ]
    by_bytes: dict[bytes, int] = {}
    for row in (row for rows in of_one_hash_only for row in rows):
        leader[row] = by_bytes.setdefault(bits[row].tobytes(), row)
    return leader
