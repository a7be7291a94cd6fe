"""What is shown of every token over the steps: tracks, each a number per token and step.

Definitions: docs/physics.md. Motion is that of the displacement file. The cells of a token are
those of its elements, as stored, which is what rounding sees; |m|₂, the mean of v and |g|₂ are as
in rows.json; distances to the critical line those of `cohorts.momentum`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from deadtokens import lattice
from deadtokens.errors import UserError
from deadtokens.explorer.levels import NONE, Levels
from deadtokens.files.access import Reader
from deadtokens.recorded.naming import STATE
from deadtokens.recorded.rows import TokenRows
from deadtokens.recorded.steps import numbers

CHUNK_BYTES = 8_000_000


@dataclass(frozen=True)
class Track:
    """A number per token at the steps first, first + every, ...; of those between, nothing.

    Of motion a column holds the largest of its `every` steps instead. `level` is (n, S) uint8.
    panel: what is drawn with it, in one picture. bounds: whether thresholds of phases hold for it.
    """

    name: str
    panel: str
    label: str
    unit: str
    first: int
    every: int
    levels: Levels
    level: np.ndarray

    def described(self) -> dict[str, object]:
        """All but the levels themselves, for the page, as a JSON object."""
        words = {key: getattr(self, key) for key in ("name", "panel", "label", "unit")}
        steps = {"first": self.first, "every": self.every, "columns": self.level.shape[1]}
        return words | steps | {"levels": self.levels.described()}


SCALES = {
    "l2": ("element", "|ΔW′|₂, element scale", "lattice cells"),
    "vector_ulp": ("vector", "|ΔW|₂ / (|W|₂ · 2⁻⁷), vector scale", "vector ULP"),
}
LOG, LINEAR, WHOLE = (True, (), False), (False, (), False), (False, (), True)  # as Levels.over
# By the quantity that they are of: name, panel, label, unit, the scale, and what is taken of
# (k, n, D) rows.
Measured = tuple[str, str, str, str, tuple, Callable[[np.ndarray], np.ndarray]]


def _cells(rows: np.ndarray) -> np.ndarray:
    return np.log2(lattice.ulp(rows).astype(np.float64))


def _norm(rows: np.ndarray) -> np.ndarray:
    return np.sqrt((numbers(rows).astype(np.float64) ** 2).sum(axis=-1))


OF_ROWS: dict[str, tuple[Measured, ...]] = {
    "W": (
        ("cell_mean", "cells", "mean cell", "log2", LINEAR, lambda w: _cells(w).mean(axis=-1)),
        (
            "cell_smallest",
            "cells",
            "smallest cell",
            "log2",
            WHOLE,
            lambda w: _cells(w).min(axis=-1),
        ),
        ("cell_largest", "cells", "largest cell", "log2", WHOLE, lambda w: _cells(w).max(axis=-1)),
    ),
    "m": (("m", "m", "|m|₂", "", LOG, _norm),),
    "v": (("v", "v", "mean v", "", LOG, lambda v: numbers(v).mean(axis=-1, dtype=np.float64)),),
    "g": (("g", "g", "|g|₂", "", LOG, _norm),),
}
DISTANCES = {
    "distance": "largest element",
    "typical_distance": "median element",
}


def motion(displacement: Reader, thresholds: tuple[float, ...], most_values: int) -> list[Track]:
    """The motion of each token on both scales; its phase is that of the exact value.

    most_values: of a track; of more steps the largest of every few is taken.
    """
    steps, tokens = displacement.fields["l2"][1]
    every = _every(steps, tokens, most_values)
    return [
        _track(
            (name, panel, label, unit, 1, every),
            lambda name=name: _largest(displacement, name, every),
            (True, thresholds, False),
            (tokens, -(-steps // every)),
        )
        for name, (panel, label, unit) in SCALES.items()
    ]


def recorded(rows: TokenRows, steps: int, most_values: int) -> list[Track]:
    """Cells, and the moments and gradients that the run records, after each step (g: in it)."""
    tokens = len(rows.token_ids)
    found = []
    for quantity, measured in OF_ROWS.items():
        if quantity not in rows:
            continue
        first = 0 if quantity in STATE else 1
        numbers_of_steps = steps + 1 - first
        every = _every(numbers_of_steps, tokens, most_values)
        shape = tokens, -(-numbers_of_steps // every)
        values = _of_rows(rows, quantity, measured, every, shape)
        found += [
            _track((*named, first, every), lambda of=of: iter([(0, of)]), scale, shape)
            for (*named, scale, _), of in zip(measured, values, strict=True)
        ]
    return found


def distances(file: Reader, tokens: int, steps: int, most_values: int) -> list[Track]:
    """The distance of each token to the critical line, in octaves; UserError if of another run."""
    file.expect(dict.fromkeys(DISTANCES, ("F32", (steps, tokens))))
    every = _every(steps, tokens, most_values)

    def chosen(name: str) -> Iterator[tuple[int, np.ndarray]]:
        for start, rows in file.chunks(name, CHUNK_BYTES):
            skipped = -start % every
            yield (start + skipped) // every, rows[skipped::every]

    return [
        _track(
            (name, "distance", label, "octaves", 1, every),
            lambda name=name: chosen(name),
            (False, (0.0,), False),
            (tokens, -(-steps // every)),
        )
        for name, label in DISTANCES.items()
    ]


def check(displacement: Reader, rows: TokenRows) -> int:
    """The number of steps; UserError unless displacement and trajectory are of the same tokens."""
    steps, tokens = displacement.fields["l2"][1]
    weights = rows.field("W")[1]
    same = np.array_equal(displacement.read("token_ids"), rows.token_ids)
    if weights[:2] != (steps + 1, tokens) or not same:
        raise UserError(
            f"{displacement.path}: the displacement of {steps} steps and {tokens} tokens is not "
            f"that of {rows.path}, whose weights of these tokens are {weights}: give the files of "
            "one run."
        )
    if not rows.read("W", steps, steps + 1).any():
        raise UserError(
            f"{rows.path}: the weights after the last of {steps} steps are not there: this "
            "trajectory is still in the making. Wait until its run has ended."
        )
    return steps


def _every(steps: int, tokens: int, most_values: int) -> int:
    """Of how many steps one is taken, so that a track has no more values than that."""
    return -(-steps * tokens // most_values) if steps * tokens > most_values else 1


def _track(
    named: tuple, chunks: Callable[[], Iterator], scale: tuple, shape: tuple[int, int]
) -> Track:
    """From what `chunks` gives anew at every call: (first column, (k, n) values)."""
    levels = Levels.over((values for _, values in chunks()), *scale)
    level = np.full(shape, NONE, np.uint8)
    for start, values in chunks():
        level[:, start : start + len(values)] = levels.of(values).T
    return Track(*named, levels, level)


def _largest(file: Reader, name: str, every: int) -> Iterator[tuple[int, np.ndarray]]:
    """The largest of every so many steps, from chunks that hold whole groups of them."""
    steps, tokens = file.fields[name][1]
    at_once = every * max(1, CHUNK_BYTES // (4 * every * tokens))
    for start in range(0, steps, at_once):
        rows = file.read(name, start, min(steps, start + at_once))
        groups = np.arange(0, len(rows), every)
        yield start // every, np.fmax.reduceat(rows, groups, axis=0)


def _of_rows(
    rows: TokenRows,
    quantity: str,
    measured: tuple[Measured, ...],
    every: int,
    shape: tuple[int, int],
) -> list[np.ndarray]:
    """(S, n) float32 of each, from one pass over the rows."""
    first_row = 0 if quantity in STATE else rows.first_row(quantity)
    found = [np.full((shape[1], shape[0]), np.nan, np.float32) for _ in measured]
    for start, chunk in rows.chunks(quantity, CHUNK_BYTES):
        skipped = -(start - first_row) % every if start >= first_row else first_row - start
        chosen = chunk[skipped::every]
        column = (start + skipped - first_row) // every
        for values, (*_, take) in zip(found, measured, strict=True):
            values[column : column + len(chosen)] = take(chosen)
    return found
