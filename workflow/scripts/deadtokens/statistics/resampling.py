"""Intervals by drawing tokens again (bootstrap): of any statistic of means over tokens."""

from collections.abc import Callable

import numpy as np

Interval = dict[str, float | list[float]]


def resampled_means(values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Means of the columns of `values` (n, K) over n rows drawn with replacement, (resamples, K).

    All columns of a row are drawn together, so that what is common to the runs cancels. Efron,
    "Bootstrap methods: another look at the jackknife", Ann. Statist. 7 (1979).
    """
    random = np.random.default_rng(seed)
    count = len(values)
    means = np.empty((resamples, values.shape[1]))
    for row in means:
        times_drawn = np.bincount(random.integers(count, size=count), minlength=count)
        # einsum and not @: the order of its sums does not follow the threads of a BLAS.
        row[:] = np.einsum("n,nk->k", times_drawn.astype(np.float64), values) / count
    return means


def interval(
    statistic: Callable[[np.ndarray], np.ndarray],
    means: np.ndarray,
    resampled: np.ndarray,
    confidence: float,
) -> Interval:
    """A statistic of means (..., K), `value`, and its percentile interval, `interval_over_tokens`.

    It is of the tokens drawn and no more: it says nothing of another random seed, text or machine.
    NaN where the statistic has no value.
    """
    tail = (1 - confidence) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(means))
        ends = np.quantile(statistic(resampled), [tail, 1 - tail]).tolist()
    return {"value": value, "interval_over_tokens": ends}
