"""The course of a run: how many tokens, and how many of their elements, move at every step.

Definitions: docs/physics.md. A token moves where |ΔW′|₂ reaches the threshold, an element where its
bits change. The *onset* of either is the first step after which it does not move for `still_for`
steps. All of it looks at a window of steps that is named, and at nothing beyond: the first rows of
a longer run's course are those of a shorter one.

A run that was resumed with all that decides its steps is one course with the run that it was
resumed from: its own step 1 follows the last step of the part before.

All of it is of W as the model computes with it, in bfloat16. Where the weights are held in float32
that is their rounded view: it stands on the same lattice and its displacement is counted in the
same cells, but it may stand still while the weights themselves creep on.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens import displacement
from deadtokens.displacement import WEIGHTS, movement_shape
from deadtokens.errors import UserError
from deadtokens.files.access import Reader
from deadtokens.recorded.rows import TokenRows

UNITS = ("tokens", "elements")
COUNTS = ("moving", "moved_lately", "before_onset")
SIZES = ("displacement", "vector", "hops")
COLUMNS = ("step", *UNITS, *(f"{unit}_{count}" for unit in UNITS for count in COUNTS), *SIZES)
# Fields of a displacement file that a course is made of.
FIELDS = ("token_ids", "l2", "vector_ulp", "lattice_steps")
CHUNK_BYTES = 8_000_000


@dataclass(frozen=True)
class Segment:
    """The first `steps` steps of a run, from its weights and their displacement."""

    weights: TokenRows
    motion: Reader
    steps: int


def check_number(what: str, files: Sequence[object], runs: Sequence[Mapping]) -> None:
    """UserError unless there is a file for each of these runs."""
    if len(files) != len(runs):
        names = ", ".join(run["run"] for run in runs) or "no run"
        raise UserError(f"{len(files)} {what} for {names}: give one for each, in this order.")


def check(segments: Sequence[Segment]) -> None:
    """UserError unless files are of the same tokens, long enough, and begin where others ended."""
    first = segments[0].weights
    for segment in segments:
        segment.motion.expect(displacement.patterns(*FIELDS))
        steps, tokens, elements = movement_shape(segment.weights)
        ids = segment.motion.read("token_ids")
        measured = segment.motion.fields["l2"][1]
        if measured != (steps, tokens) or not np.array_equal(ids, segment.weights.token_ids):
            raise UserError(
                f"{segment.motion.path} is of {len(ids)} tokens over {measured[0]} steps, "
                f"{segment.weights.path} of {tokens} over {steps}: give the files of one run."
            )
        if elements != movement_shape(first)[2] or not np.array_equal(ids, first.token_ids):
            raise UserError(
                f"{segment.weights.path} is of {tokens} tokens of {elements} elements, "
                f"{first.path} of others: give runs on one corpus, of one width."
            )
        if steps < segment.steps:
            raise UserError(
                f"{segment.weights.path} has {steps} steps; {segment.steps} of them are wanted."
            )
    for before, after in itertools.pairwise(segments):
        left = before.weights.read(WEIGHTS, before.steps, before.steps + 1)
        if not np.array_equal(left, after.weights.read(WEIGHTS, 0, 1)):
            raise UserError(
                f"{after.weights.path} does not begin with the weights that {before.weights.path} "
                f"has after its step {before.steps}: give runs of which one was resumed from the "
                "other at that step, with its parameters."
            )


def table(segments: Sequence[Segment], threshold: float, still_for: int) -> pd.DataFrame:
    """A row per step from 0, where the first run begins, `COLUMNS`; in bounded memory.

    tokens, elements: how many there are. Of each: `moving` at this step; `moved_lately`, within the
    last `still_for` steps, this one included, empty before there were so many; `before_onset`, not
    yet at their onset after this step, empty for the last `still_for` steps, whose onsets a run
    does not show. displacement, vector: mean |ΔW′|₂ and vector ULP over the tokens where they are
    finite; hops: lattice steps per element. All three are empty at step 0.
    """
    tokens, elements = movement_shape(segments[0].weights)[1:]
    least = np.float32(threshold)
    moves = {
        "tokens": (rows >= least for rows in fields(segments, "l2")),
        "elements": changes(segments),
    }
    steps = sum(segment.steps for segment in segments)
    columns = {"step": np.arange(steps + 1), "tokens": tokens, "elements": tokens * elements}
    for unit, of_unit in moves.items():
        for name, values in counts(of_unit, still_for).items():
            columns[f"{unit}_{name}"] = pd.array(values, "Int64")
    hops = _by_step(fields(segments, "lattice_steps"), lambda rows: rows.mean(axis=1) / elements)
    columns["displacement"] = _by_step(fields(segments, "l2"), _finite_mean)
    columns["vector"] = _by_step(fields(segments, "vector_ulp"), _finite_mean)
    return pd.DataFrame(columns | {"hops": hops}, columns=COLUMNS)


def counts(moves: Iterable[np.ndarray], still_for: int) -> dict[str, list[int | None]]:
    """`COUNTS` after each step from 0, of (k, ...) chunks of what moves at each step from 1 on."""
    moving, lately, onsets = [0], [None], []
    last = at_rest = None
    for chunk in moves:
        if last is None:
            last = np.zeros(chunk.shape[1:], np.int32)  # 0: no motion so far
            at_rest = np.zeros(chunk.shape[1:], bool)
        for here in chunk:
            step = len(moving)
            last[here] = step
            moving.append(np.count_nonzero(here))
            known = step >= still_for
            lately.append(np.count_nonzero(last > step - still_for) if known else None)
            if known:
                stops = (last <= step - still_for) & ~at_rest
                at_rest |= stops
                onsets.append(np.count_nonzero(stops))
    before = (last.size - np.cumsum(onsets)).tolist()
    before += [None] * (len(moving) - len(before))
    return dict(zip(COUNTS, (moving, lately, before), strict=True))


def fields(segments: Sequence[Segment], name: str) -> Iterator[np.ndarray]:
    """A field of the displacements, (k, n) in chunks of steps."""
    for segment in segments:
        chunks = segment.motion.chunks(name, CHUNK_BYTES)
        yield from _first((rows for _, rows in chunks), segment.steps)


def changes(segments: Sequence[Segment]) -> Iterator[np.ndarray]:
    """Which elements' bits change, (k, n, D) bool in chunks of steps."""
    for segment in segments:
        chunks = segment.weights.chunks(WEIGHTS, CHUNK_BYTES, overlap=1)
        yield from _first((rows[1:] != rows[:-1] for _, rows in chunks), segment.steps)


def _first(chunks: Iterable[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """The first rows of all chunks together; later chunks are not read."""
    for rows in chunks:
        yield rows[:count]
        count -= len(rows)
        if count <= 0:
            return


def _by_step(
    chunks: Iterable[np.ndarray], of_rows: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """A value for each step from 0, NaN for that."""
    return np.concatenate([[np.nan], *map(of_rows, chunks)])


def _finite_mean(rows: np.ndarray) -> np.ndarray:
    finite = np.isfinite(rows)
    sums = np.where(finite, rows, 0).sum(axis=1, dtype=np.float64)
    number = finite.sum(axis=1)
    return np.divide(sums, number, out=np.full(len(rows), np.nan), where=number > 0)
