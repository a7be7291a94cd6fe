"""The trends of each token's |m|, √v and cells in a window, drawn out to its last motion.

Definitions: docs/physics.md. Nothing here reads a step after the last one of the window. Distances
are log2(|update| / half a cell).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from deadtokens import lattice
from deadtokens.causes import updates
from deadtokens.causes.updates import Update
from deadtokens.update_law import UpdateLaw

FORMS = {"exponential": np.asarray, "power_law": np.log2}  # straight in t, and in log t
PARTS = ("m", "root_v", "cell")


@dataclass(frozen=True)
class Trends:
    """Straight lines through the window, of one form; all in octaves per unit of the form."""

    form: str
    slopes: dict[str, np.ndarray]  # for each part what it adds to the distance, (n,)
    misfit: float  # root mean square distance of the tokens' means from their lines

    @property
    def slope(self) -> np.ndarray:
        """Of the distance less what is known beforehand, (n,): the sum of those of its parts."""
        return sum(self.slopes.values())


def known(law: UpdateLaw, step: int) -> float:
    """What is known of a distance beforehand: learning rate and bias corrections, in octaves."""
    with np.errstate(divide="ignore"):
        return float(np.log2(np.float64(law.step_size(step)) * law.correction(step)))


def series(run: Iterable[Update]) -> dict[str, np.ndarray]:
    """The parts of the distance, (window, n) each: means over a token's elements, in octaves.

    Elements of m or v that are zero are left out; a token without any others has NaN.
    """
    found = {part: [] for part in PARTS}
    for step in run:
        m, v = (np.abs(x.astype(np.float64)) for x in (step.m, step.v))
        there = (m > 0) & (v > 0)
        number = there.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.log2(m), -np.log2(v) / 2, -np.log2(lattice.ulp(step.start))
            for part, values in zip(PARTS, parts, strict=True):
                found[part].append(np.where(there, values, 0).sum(axis=1) / number)
    return {part: np.array(rows) for part, rows in found.items()}


def fit(parts: dict[str, np.ndarray], last_step: int, form: str) -> Trends:
    """Least squares, token by token; the window's last step is `last_step`.

    A line through a sum is the sum of the lines through its parts, so the slopes add up.
    """
    window = len(parts["m"])
    x = FORMS[form](np.arange(last_step - window + 1, last_step + 1, dtype=float))
    x = x - x.mean()
    weights = x / (x @ x)
    slopes = {part: weights @ (rows - rows.mean(axis=0)) for part, rows in parts.items()}
    whole = sum(parts.values())
    left = whole - whole.mean(axis=0) - x[:, None] * sum(slopes.values())
    return Trends(form, slopes, float(np.sqrt(np.nanmean(left**2))))


def levels(
    run: Iterable[Update], law: UpdateLaw, last_step: int, trends: list[Trends]
) -> list[np.ndarray]:
    """For each trend how high each element stands above it, (n, D), at the window's last step.

    The highest that it stood within the window: a token's last motion is its last excursion beyond
    the line, so what counts is how far excursions go.
    """
    highest = [np.float64(-np.inf)] * len(trends)
    for step in run:
        with np.errstate(divide="ignore"):
            distance = np.log2(updates.beyond_half_a_cell(step, law).astype(np.float64))
        distance -= known(law, step.number)
        for i, trend in enumerate(trends):
            rise = _way(trend, last_step, step.number)
            highest[i] = np.maximum(highest[i], distance - rise[:, None])
    return highest


def predict(
    trend: Trends,
    level: np.ndarray,
    law: UpdateLaw,
    last_step: int,
    through: int,
    last_motion: np.ndarray,
) -> np.ndarray:
    """The last motion of each token, (n,) int64, by its trend drawn out to the step `through`.

    It is `through` for one beyond that. last_motion: (n,), that of each token up to the window's
    end, for those that do not move again.
    """
    last, largest = last_motion.copy(), level.max(axis=1)
    for step in range(last_step + 1, through + 1):
        last[largest + _way(trend, last_step, step) + known(law, step) > 0] = step
    return last


def _way(trend: Trends, since: int, step: int) -> np.ndarray:
    """What the trend adds between two steps, (n,)."""
    scale = FORMS[trend.form]
    return trend.slope * float(scale(float(step)) - scale(float(since)))
