"""What chance makes of a log ratio over a seam, as pseudo-seams of a run without a break show it.

A log ratio, or a part that adds to one, is `beyond_pseudo_seams` if it goes where 95% of the
pseudo-seams do not. `interval_over_pseudo_seams` is the same as a range: the value less all that
chance may have added to it, the quantiles less their median. Unlike intervals over tokens it says
what another moment of training would have given; of another random seed it says nothing either.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Chance:
    """Quantiles of the pseudo-seams' log ratios, 2.5%, 50% and 97.5%; NaN if there are none."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, pseudo_seams: Mapping) -> "Chance":
        """From `untrained_motion.pseudo_seams`."""
        quantiles = pseudo_seams["log_ratio"]
        known = [quantiles[name] for name in ("p02_5", "median", "p97_5")]
        return cls(*(math.nan if value is None else value for value in known))

    def around(self, value: float) -> list[float]:
        """The interval over pseudo-seams of a log ratio, or of a part of one."""
        return [value - (self.high - self.median), value - (self.low - self.median)]

    def passed_by(self, log_ratio: float) -> bool | None:
        """Whether a log ratio lies outside of the pseudo-seams' spread; None without a value."""
        if not (math.isfinite(log_ratio) and math.isfinite(self.high)):
            return None
        return not self.low <= log_ratio <= self.high

    def log(self, found: Mapping) -> dict[str, object]:
        """A part of a log ratio, as `resampling.interval` gives it, beside the pseudo-seams."""
        return {
            **found,
            "interval_over_pseudo_seams": self.around(found["value"]),
            "beyond_pseudo_seams": self.passed_by(self.median + found["value"]),
        }

    def ratio(self, found: Mapping, of_parts: bool = False) -> dict[str, object]:
        """The same of a ratio; `of_parts`: of one that is 1 and no median where nothing happens."""
        value = found["value"]
        log = math.log(value) if value > 0 else math.nan
        return {
            **found,
            "interval_over_pseudo_seams": [math.exp(end) for end in self.around(log)],
            "beyond_pseudo_seams": self.passed_by(log + (self.median if of_parts else 0)),
        }

    def share(self, value: float, total: float) -> dict[str, object]:
        """What share of the whole log ratio a part is, and its interval; null where that is 0."""
        if not (math.isfinite(total) and total != 0):
            return {"share": None, "share_over_pseudo_seams": [None, None]}
        ends = sorted(end / total for end in self.around(value))
        return {"share": value / total, "share_over_pseudo_seams": ends}
