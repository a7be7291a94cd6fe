"""Survival where some times are only known to be later: Kaplan and Meier's curve, and quantiles."""

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd

from deadtokens.statistics import intervals

ROUNDING = 1e-9  # of a survival, which scipy multiplies up from fractions


def kaplan_meier(times: np.ndarray, censored: np.ndarray, confidence: float) -> pd.DataFrame:
    """The share later than each time that occurs: `time`, `survival`, `low`, `high`, a row each.

    times: (n,); censored: (n,) bool, whether of the true time is only known that it is later.
    Kaplan and Meier (J. Am. Stat. Assoc. 53, 1958) by `scipy.stats.ecdf`. The pointwise interval is
    scipy's `log-log`, Greenwood's formula for log(-log S), which stays inside 0..1. At 1 and at 0
    it has no value: there it is that of a share of those that were not censored before.
    """
    from scipy import stats  # takes longer to import than many a program takes to run

    sample = stats.CensoredData(uncensored=times[~censored], right=times[censored])
    curve = stats.ecdf(sample).sf
    with warnings.catch_warnings(category=RuntimeWarning, action="ignore"):
        band = curve.confidence_interval(confidence, method="log-log")
    low, high = band.low.probabilities.copy(), band.high.probabilities.copy()
    time, survival = curve.quantiles.astype(times.dtype), curve.probabilities
    kept = len(times) - np.searchsorted(np.sort(times[censored]), time)
    for place in np.flatnonzero(np.isnan(low) | np.isnan(high)):
        whole = intervals.share(round(survival[place] * kept[place]), int(kept[place]), confidence)
        low[place], high[place] = whole["low"], whole["high"]
    return pd.DataFrame({"time": time, "survival": survival, "low": low, "high": high})


def later_than(
    curve: pd.DataFrame, times: np.ndarray, column: str = "survival", before: float = 1.0
) -> np.ndarray:
    """A column of a curve at any times, (k,): `before` where they are earlier than all of it."""
    place = np.searchsorted(curve["time"], times, side="right")
    return np.concatenate([[before], curve[column]])[place]


def quantiles(
    curve: pd.DataFrame, percentiles: Mapping[str, float], column: str = "survival"
) -> dict[str, float | None]:
    """By name, the first time by which so many percent were reached; None where they are not.

    At 0 percent it is the first time by which any were. Without censoring these are the quantiles
    of the inverted distribution function, the lower median among them.
    """
    reached, time = 1 - curve[column].to_numpy(), curve["time"].to_numpy()
    found = {}
    for name, percent in percentiles.items():
        enough = reached > ROUNDING if percent == 0 else reached >= percent / 100 - ROUNDING
        found[name] = time[enough.argmax()].item() if enough.any() else None
    return found
