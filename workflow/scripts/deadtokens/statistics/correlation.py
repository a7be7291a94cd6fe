"""Ranks, and correlations of values and of their ranks.

scipy.stats takes longer to import than many a program that imports this takes to run, so it is
imported where it is used.
"""

from collections.abc import Callable

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, float64; equal values share the mean of theirs."""
    from scipy import stats

    return stats.rankdata(values)


def pearson(first: np.ndarray, second: np.ndarray) -> float | None:
    """Pearson's correlation of (n,) values; None if one of them does not vary."""
    from scipy import stats

    return _correlation(stats.pearsonr, first, second)


def spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's, Pearson's of the ranks; None if one of them does not vary."""
    from scipy import stats

    return _correlation(stats.spearmanr, first, second)


def _correlation(of: Callable, first: np.ndarray, second: np.ndarray) -> float | None:
    vary = all((values[1:] != values[:-1]).any() for values in (first, second))
    return float(of(first, second).statistic) if vary else None
