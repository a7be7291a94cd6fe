"""Numbers in one byte each, so that a page can hold all of a run; the error is known and stated.

A value is rounded to one of 253 levels that are evenly spaced, on a scale of log2 or as they are.
Bounds that decide something (a threshold of phases, the critical line) are kept: a value that
rounding would carry across one takes the next level on its own side, so that there it may be off by
a level, and by half a level elsewhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

NOTHING = 0  # exactly zero on a scale of log2; minus infinity on the other
LOWEST, HIGHEST = 1, 253  # levels
INFINITE, NONE = 254, 255  # none: NaN, or not there

Chunks = Iterable[np.ndarray]


@dataclass(frozen=True)
class Levels:
    """`lowest` is the value of the first level, `spacing` that between two: of log2 if `log`.

    highest: the largest value. kept: ascending bounds; of each `starts` has the first level that
    stands for it or more. exact: every finite value is that of its level.
    """

    log: bool
    lowest: float
    highest: float
    spacing: float
    kept: tuple[float, ...] = ()
    exact: bool = False

    @classmethod
    def over(
        cls, chunks: Chunks, log: bool, kept: Sequence[float] = (), whole: bool = False
    ) -> "Levels":
        """Levels from the least to the largest finite value; of a log scale, of those above zero.

        whole: values are whole numbers, and stay so if there are no more of them than levels.
        """
        ends = [_ends(_scaled(values, log)) for values in chunks]
        low = min((low for low, _ in ends), default=np.inf)
        high = max((high for _, high in ends), default=-np.inf)
        if low > high:  # nothing finite there
            low, high = 0.0, 0.0
        spacing = (high - low) / (HIGHEST - LOWEST)
        exact = bool(low == high or (whole and spacing <= 1))
        spacing = 1.0 if exact else float(spacing)
        return cls(log, float(low), float(high), spacing, tuple(map(float, kept)), exact)

    @property
    def error(self) -> float:
        """The largest error: of log2 as a share of the value, else in its own unit.

        Half a level; next to a kept bound it may be a whole one.
        """
        half = 0.0 if self.exact else self.spacing / 2
        return float(2**half - 1) if self.log else half

    def of(self, values: np.ndarray) -> np.ndarray:
        """The level of each value, uint8."""
        exact = _scaled(values, self.log)
        finite = np.isfinite(exact)
        place = np.rint((np.where(finite, exact, self.lowest) - self.lowest) / self.spacing)
        level = np.clip(place, 0, HIGHEST - LOWEST).astype(np.int16) + LOWEST
        for bound, first in zip(self.kept, self.starts, strict=True):
            above = np.where(finite, values, 0) >= np.float32(bound)
            level = np.where(above, np.maximum(level, first), np.minimum(level, first - 1))
        level = np.clip(level, LOWEST, HIGHEST)
        level = np.where(np.isneginf(exact), NOTHING, level)
        level = np.where(np.isposinf(exact), INFINITE, level)
        return np.where(np.isnan(exact), NONE, level).astype(np.uint8)

    def values(self, level: np.ndarray) -> np.ndarray:
        """What a page shows of each level, float64."""
        level = np.asarray(level)
        scaled = self.lowest + self.spacing * (level.astype(np.float64) - LOWEST)
        found = np.exp2(scaled) if self.log else scaled
        found = np.where(level == NOTHING, 0.0 if self.log else -np.inf, found)
        found = np.where(level == INFINITE, np.inf, found)
        return np.where(level == NONE, np.nan, found)

    def described(self) -> dict[str, object]:
        """For the page, as a JSON object."""
        described = {"log": self.log, "lowest": self.lowest, "spacing": self.spacing}
        return described | {"error": self.error, "starts": self.starts}

    @property
    def starts(self) -> list[int]:
        """Of each kept bound the first level that stands for it or more."""
        scaled = _scaled(np.array(self.kept, np.float32), self.log)
        below = int((scaled <= self.lowest).sum())  # bounds that every value has reached
        within = scaled[below : int((scaled <= self.highest).sum())]
        place = np.ceil((within - self.lowest) / self.spacing).astype(int) + LOWEST
        # Bounds closer together than levels still have one between them; one below the first, and
        # the last is a level itself.
        each = np.arange(len(place))
        place = np.maximum.accumulate(np.maximum(place, LOWEST + 1 + each) - each) + each
        place = np.minimum(place, HIGHEST - each[::-1])
        above = len(scaled) - below - len(within)
        return [LOWEST] * below + place.tolist() + [INFINITE] * above


def _scaled(values: np.ndarray, log: bool) -> np.ndarray:
    """On the scale of the levels, float64; the log2 of what is below zero is NaN."""
    wide = np.asarray(values, np.float64)
    if not log:
        return wide
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log2(wide)


def _ends(scaled: np.ndarray) -> tuple[float, float]:
    finite = scaled[np.isfinite(scaled)]
    return (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)
