"""Which vectors are neighbours on the lattice: at most one representable value apart everywhere.

Every pair is found, by a hash join: in a few dimensions the axis of order indices is cut into cells
of two values, so that the neighbours of a value lie in its own cell or in one other, the nearer.
With k such dimensions a vector looks up 2^k cells; the pairs that it finds there are then verified
in all dimensions. How well the dimensions are chosen decides how long it takes, and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens.census import populations

MOST_DIMENSIONS = 6  # of the join: 64 cells to look up
SAMPLED_PAIRS = 4096  # by which dimensions are chosen
PAIRS_AT_ONCE = 1 << 20
VERIFIED_AT_ONCE = (8, 32, 128)  # dimensions, growing, for most pairs fail early
ROWS_AT_ONCE = 4096
SEED = 1  # of what decides nothing but how long it takes
# By the Manhattan distance in lattice steps; 0 is two vectors that differ in the sign of a zero.
KINDS = {0: "same_place", 1: "face", 2: "edge"}
CORNER = "corner"


@dataclass(frozen=True)
class Adjacency:
    """Neighbouring vectors: `pairs` has a row per pair, first < second, with l1 in lattice steps.

    pairs is None where more candidate pairs than allowed would have had to be verified.
    """

    candidates: int
    pairs: pd.DataFrame | None


def neighbours(order: np.ndarray, most_pairs: int) -> Adjacency:
    """All pairs of rows of (u, D) order indices, int32, with L-infinity <= 1.

    candidates: the pairs that the join finds and the rest of the dimensions decides.
    """
    if len(order) < 2:
        return Adjacency(0, _table([], [], []))
    keys, wanted = _keys(order, _dimensions(order))
    place = np.argsort(keys, kind="stable")
    occupied, first, size = np.unique(keys[place], return_index=True, return_counts=True)
    index = pd.Index(occupied)  # by hash, which takes less time than a binary search
    at = [index.get_indexer(asked) for asked in wanted]  # -1 where no vector has that key
    begin = [first[one] for one in at]
    end = [b + np.where(one < 0, 0, size[one]) for b, one in zip(begin, at, strict=True)]
    found = sum(int((e - b).sum()) for b, e in zip(begin, end, strict=True))
    candidates = (found - len(order)) // 2  # each finds itself, and each pair is found from both
    if candidates > most_pairs:
        return Adjacency(candidates, None)
    kept = [
        (first, second)
        for b, e in zip(begin, end, strict=True)
        for first, second in _verified(order, place, b, e)
    ]
    first = np.concatenate([one for one, _ in kept] or [[]]).astype(np.int64)
    second = np.concatenate([other for _, other in kept] or [[]]).astype(np.int64)
    # Two cells of one key would give a pair twice.
    pairs = np.unique(np.stack([first, second], axis=1), axis=0)
    return Adjacency(candidates, _table(pairs[:, 0], pairs[:, 1], manhattan(order, *pairs.T)))


def kind(l1: int) -> str:
    """What neighbours share: a face, an edge or a corner of their cells, or the same place."""
    return KINDS.get(int(l1), CORNER)


def manhattan(order: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The L1 distance of pairs of rows in lattice steps, int64."""
    found = np.empty(len(first), np.int64)
    for start in range(0, len(first), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        steps = np.subtract(order[first[part]], order[second[part]], dtype=np.int64)
        found[part] = np.abs(steps).sum(axis=1)
    return found


def _table(first, second, l1) -> pd.DataFrame:
    table = pd.DataFrame({"first": first, "second": second, "l1": l1}).astype(np.int64)
    return table.assign(kind=[kind(distance) for distance in table["l1"]])


def _dimensions(order: np.ndarray) -> list[int]:
    """Those that tell most of a sample of pairs apart, chosen one after the other.

    The sample is one of vectors by their hash, whatever the order of rows: so is the outcome.
    """
    random = np.random.default_rng(SEED)
    of_hash = np.argsort(populations.hashes(order))
    first, second = of_hash[random.integers(0, len(order), (2, SAMPLED_PAIRS))]
    apart = first != second
    steps = np.subtract(order[first[apart]], order[second[apart]], dtype=np.int64)
    near = np.abs(steps) <= 1  # (pairs, D)
    chosen: list[int] = []
    while len(chosen) < min(MOST_DIMENSIONS, order.shape[1]):
        best = int(np.argmin(near.sum(axis=0)))
        if chosen and (not len(near) or near[:, best].all()):
            break
        chosen.append(best)
        near = near[near[:, best]]
    return chosen


def _keys(order: np.ndarray, dimensions: list[int]) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """The key of every vector's own cell, and those of all cells where its neighbours may be."""
    cell = order[:, dimensions].astype(np.int64) >> 1
    step = np.where(order[:, dimensions] & 1, 1, -1)  # the upper value of a cell looks up
    factors = np.random.default_rng(SEED).integers(-(1 << 62), 1 << 62, len(dimensions)) | 1
    with np.errstate(over="ignore"):
        own = (cell * factors).sum(axis=1)
        aside = step * factors
        wanted = [
            own + (aside * [number >> bit & 1 for bit in range(len(dimensions))]).sum(axis=1)
            for number in range(1 << len(dimensions))
        ]
    return own, wanted


def _verified(order, place, begin, end) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The neighbours among what each vector finds between begin and end, in blocks."""
    sizes = end - begin
    up_to = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        done = up_to[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(up_to, done + PAIRS_AT_ONCE, "right")))
        size = sizes[start:stop]
        first = np.repeat(np.arange(start, stop), size)
        offset = np.arange(len(first)) - np.repeat(np.cumsum(size) - size, size)
        second = place[np.repeat(begin[start:stop], size) + offset]
        once = first < second
        yield _near(order, first[once], second[once])
        start = stop


def _near(order, first, second) -> tuple[np.ndarray, np.ndarray]:
    """Of these pairs those that are neighbours; each is given up at its first difference."""
    begin, sizes = 0, iter(VERIFIED_AT_ONCE)
    while begin < order.shape[1] and len(first):
        end = min(order.shape[1], begin + next(sizes, VERIFIED_AT_ONCE[-1]))
        columns = np.ascontiguousarray(order[:, begin:end])
        at_once = max(1, PAIRS_AT_ONCE // (end - begin))
        near = np.empty(len(first), bool)
        for at in range(0, len(first), at_once):
            part = slice(at, at + at_once)
            steps = np.subtract(columns[first[part]], columns[second[part]], dtype=np.int64)
            near[part] = (np.abs(steps) <= 1).all(axis=1)
        first, second, begin = first[near], second[near], end
    return first, second
