"""Numbers over random seeds: their mean, and an interval of 95% by Student's t.

Seeds differ in initial weights and in the order of the batches, so an interval is of another seed's
run on the same text and machine.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

Bounds = tuple[float, float]


def over_seeds(
    values: Sequence[float | None], bounds: Bounds | None = None, grain: float = 0.0
) -> dict[str, object]:
    """Mean over seeds and its 95% interval as a JSON object; one seed has no interval.

    With a value that is None neither can be had: `never` counts them, `least` is the smallest of
    the others. bounds: what no value can lie beyond, as 0 and 1 of a share; the interval stays
    inside (`_inside`). grain: the least by which values can differ, 1/n of a share of n tokens.
    """
    known = [value for value in values if value is not None]
    summary = {"seeds": len(values), "never": len(values) - len(known)}
    summary |= {"least": min(known, default=None), "mean": None, "low": None, "high": None}
    if len(known) < len(values) or not known:
        return summary
    summary["mean"] = float(np.mean(known))
    if len(known) == 1:
        return summary
    error = float(np.std(known, ddof=1) / np.sqrt(len(known)))
    if bounds is None:
        half = student_95(len(known) - 1) * error
        return summary | {"low": summary["mean"] - half, "high": summary["mean"] + half}
    low, high = _inside(summary["mean"], error, len(known), bounds, grain)
    return summary | {"low": low, "high": high}


@functools.cache
def student_95(freedom: int) -> float:
    """The two-sided 95% point of Student's t."""
    return float(special.stdtrit(freedom, 0.975))


def _inside(
    mean: float, error: float, seeds: int, bounds: Bounds, grain: float
) -> tuple[float, float]:
    """Student's interval on the scale of the logit, taken back: it holds the mean, within bounds.

    logit(p) ± t · error / (p (1 − p)), the error by the delta method, as for proportions of
    clustered samples (Korn and Graubard, Survey Methodology 24 (1998), 193-201): a seed is a
    cluster. The error is at least that of a single grain in a single seed, for values that are
    equal do not show more than that; a mean on a bound, or nearer to it than that, as only what is
    predicted can have, has the interval of such a grain beside it.
    """
    least, most = bounds
    width = most - least
    seen = grain / width / seeds
    share, error = (mean - least) / width, max(error / width, seen)
    near = seen * (1 - 1e-9)  # a single grain itself is not nearer
    if share <= 0 or share < near:
        return least, least + width * _ends(seen, error if share > 0 else seen, seeds)[1]
    if share >= 1 or 1 - share < near:
        return most - width * _ends(seen, error if share < 1 else seen, seeds)[1], most
    low, high = (least + width * end for end in _ends(share, error, seeds))
    return min(low, mean), max(high, mean)


def _ends(share: float, error: float, seeds: int) -> tuple[float, float]:
    if not 0 < share < 1:
        return share, share
    half = student_95(seeds - 1) * error / (share * (1 - share))
    middle = math.log(share / (1 - share))
    return float(special.expit(middle - half)), float(special.expit(middle + half))
