"""What is known of each token at a step, to predict its onset from: the features of a forecast.

Definitions: docs/physics.md. Nothing here reads a step after `at`. Distances are log2(|update| /
half a cell), of a token the largest of its elements': above 0 it moves.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens import lattice
from deadtokens.causes import trends, updates
from deadtokens.causes.still import Chunks
from deadtokens.causes.trends import FORMS
from deadtokens.causes.updates import Update
from deadtokens.update_law import UpdateLaw

FEATURES = {
    "distance": "the largest pending update of its elements over half a cell, in octaves",
    "mean_distance": "the same, its mean over the window",
    "distance_trend": "the slope of the same over the window, in octaves per step",
    "elements_beyond": "how many of its elements are beyond half a cell",
    "log_m": "log2 |m|₂",
    "log_root_v": "log2 |√v|₂",
    "norm": "|W|₂",
    "mean_cell": "log2 of the cells of its elements, their mean",
    "smallest_cell": "log2 of the smallest cell of its elements",
    "steps_moved": "at how many steps of the window it moved",
    "steps_still": "for how many steps it has been still",
    "token_id": "its number, which for a trained tokenizer is in the order of the merges",
}


@dataclass(frozen=True)
class Known:
    """Of n tokens at one step."""

    features: pd.DataFrame  # (n) rows, a column for each of FEATURES
    distance: np.ndarray  # (window, n) less what is known beforehand, up to the step
    physical: Mapping[str, np.ndarray]  # by form the last motion that is predicted, (n,)


def known(
    run: Callable[[], Iterable[Update]],
    law: UpdateLaw,
    at: int,
    through: int,
    motion: tuple[np.ndarray, np.ndarray],
    token_ids: np.ndarray,
) -> Known:
    """From the motion up to `at` (`motion_until`), and the updates of a window of steps up to it.

    `run` begins these anew at every call, for not all of them are held in memory. The physical
    forecast is that of `causes.trends`, drawn out to the step `through`.
    """
    moved, last = motion
    distance, less, features = [], [], {}
    for step in run():
        distance.append(_distance(step, law).max(axis=1))
        less.append(trends.known(law, step.number))
        if step.number == at:
            features = _features(step, law)
    distance = np.array(distance)  # (window, n)
    features |= {
        "mean_distance": distance.mean(axis=0),
        "distance_trend": slopes(distance),
        "steps_moved": moved,
        "steps_still": at - np.maximum(last, 0),
        "token_id": token_ids,
    }
    table = pd.DataFrame({name: finite(features[name]) for name in FEATURES})
    physical = _physical(run, law, at, through, last)
    return Known(table, distance - np.array(less)[:, None], physical)


def motion_until(
    chunks: Chunks, threshold: float, at: int, window: int
) -> tuple[np.ndarray, np.ndarray]:
    """At how many of the last `window` steps up to `at` each token moved, and its last motion.

    (n,) int64 each; -1 stands for no motion.
    """
    moved, last = None, None
    for start, l2 in chunks:
        moving = l2[: max(0, at - start)] >= np.float32(threshold)
        if last is None:
            moved, last = np.zeros(l2.shape[1], np.int64), np.full(l2.shape[1], -1, np.int64)
        steps = np.arange(start + 1, start + 1 + len(moving))
        moved += moving[steps > at - window].sum(axis=0)
        last = np.maximum(last, np.where(moving, steps[:, None], -1).max(axis=0, initial=-1))
        if start + len(l2) >= at:
            break
    return moved, last


def slopes(rows: np.ndarray) -> np.ndarray:
    """Of (window, n) values by least squares, per step: (n,)."""
    x = np.arange(len(rows)) - (len(rows) - 1) / 2
    # Not @: the order of its sums follows the threads of a BLAS.
    return np.einsum("w,wn->n", x, rows) / (x * x).sum()


def finite(values: np.ndarray) -> np.ndarray:
    """As float64; what is not finite takes the place of the least or the largest that is."""
    values = np.asarray(values, np.float64)
    there = values[np.isfinite(values)]
    if not len(there):
        return np.zeros_like(values)
    return np.nan_to_num(values, nan=there.min(), neginf=there.min(), posinf=there.max())


def _distance(step: Update, law: UpdateLaw) -> np.ndarray:
    """Of each element, (n, D) float64."""
    with np.errstate(divide="ignore"):
        return np.log2(updates.beyond_half_a_cell(step, law).astype(np.float64))


def _features(last: Update, law: UpdateLaw) -> dict[str, np.ndarray]:
    """Those of the last step alone."""
    distance = _distance(last, law)
    weights, m, v = (x.astype(np.float64) for x in (lattice.to_float32(last.after), last.m, last.v))
    cells = np.log2(lattice.ulp(last.after).astype(np.float64))
    with np.errstate(divide="ignore"):
        return {
            "distance": distance.max(axis=1),
            "elements_beyond": (distance > 0).sum(axis=1),
            "log_m": np.log2(np.sqrt((m * m).sum(axis=1))),
            "log_root_v": np.log2(v.sum(axis=1)) / 2,
            "norm": np.sqrt((weights * weights).sum(axis=1)),
            "mean_cell": cells.mean(axis=1),
            "smallest_cell": cells.min(axis=1),
        }


def _physical(
    run: Callable[[], Iterable[Update]],
    law: UpdateLaw,
    at: int,
    through: int,
    last: np.ndarray,
) -> dict[str, np.ndarray]:
    parts = trends.series(run())
    lines = [trends.fit(parts, at, form) for form in FORMS]
    levels = trends.levels(run(), law, at, lines)
    return {
        line.form: trends.predict(line, level, law, at, through, last)
        for line, level in zip(lines, levels, strict=True)
    }
