"""Intervals of shares, inside 0..1, and of rates per token and step, by blocks of time.

Thin over scipy where scipy has it. A share has `scipy.stats.binomtest`. Rates of events that come
in groups have nothing there: `scipy.stats.bootstrap` draws single observations and knows no blocks,
and no bootstrap can say anything of a sample without an event. So the bounds by blocks are written
out here, over the gamma distribution of scipy.special.

One push moves many tokens at once, so counts over tokens and steps are no Poisson counts. What is
taken as independent is a *block* of consecutive steps: the events within it, of whatever tokens,
are one observation. Coverage of all of these, by simulation: benchmarks/coverage.py,
docs/numerics.md.
"""

import numpy as np
from scipy import special

Interval = dict[str, float | None]


def share(count: int, total: int, confidence: float) -> Interval:
    """A share and its exact interval, `value`, `low`, `high`; None of nothing.

    Clopper and Pearson's (Biometrika 26, 1934), two-sided, of `count` out of `total` that are
    independent. It is inside 0..1 and has a width at 0 and 1, too.
    """
    from scipy import stats  # takes longer to import than many a program takes to run

    if total == 0:
        return {"value": None, "low": None, "high": None}
    found = stats.binomtest(count, total).proportion_ci(confidence, method="exact")
    return {"value": count / total, "low": float(found.low), "high": float(found.high)}


def poisson_upper(events: int, exposure: float, confidence: float) -> float | None:
    """The rate at which so few events or fewer have a probability of 1 - confidence; None without
    exposure.

    Exact for a Poisson count (Garwood, Biometrika 28, 1936): 3.0 / exposure for no event at 95%,
    the rule of three.
    """
    return float(special.pdtri(events, 1 - confidence)) / exposure if exposure > 0 else None


def poisson_lower(events: int, exposure: float, confidence: float) -> float | None:
    """The rate at which so many events or more have a probability of 1 - confidence."""
    if exposure <= 0:
        return None
    return float(special.pdtri(events - 1, confidence)) / exposure if events else 0.0


def in_blocks(values: np.ndarray, block_steps: int) -> np.ndarray:
    """Sums over blocks of so many consecutive steps, (m,) of (T,); the last may be shorter."""
    if len(values) == 0:
        return values
    return np.add.reduceat(values, np.arange(0, len(values), block_steps))


def block_bounds(
    events: np.ndarray, exposure: np.ndarray, heaviest: float, confidence: float
) -> tuple[float | None, float | None]:
    """Lower and upper bound of a rate, each at this confidence (above 0.5); None without exposure.

    events, exposure: (m,) sums over blocks, see `in_blocks`. heaviest: the most events that one
    push can make, whether such a one was seen or not. Fay and Feuer's gamma intervals of a weighted
    sum of Poisson counts (Stat. Med. 16, 1997), a push being a count of one with its events as
    weight; the variance of the sum is that between blocks, see `_variance`. With y events in all:

        lower = v / y · G⁻¹(1 - c; y² / v) / exposure
        upper = (v + w²) / (y + w) · G⁻¹(c; (y + w)² / (v + w²)) / exposure

    G⁻¹(c; k): quantile of the gamma distribution of shape k, w: `heaviest`. Where every block with
    an event has w of them they are Garwood's for the number of these blocks. Without an event the
    upper one is 3.0 · w / exposure at 95%: the rule of three, of pushes.
    """
    watched = exposure > 0
    y, total = float(events.sum()), float(exposure.sum())
    if total == 0:
        return None, None
    v = _variance(events[watched], exposure[watched], confidence)
    lower = v / y * special.gammaincinv(y * y / v, 1 - confidence) if y else 0.0
    y, v = y + heaviest, v + heaviest**2
    upper = v / y * special.gammaincinv(y * y / v, confidence)
    return float(lower / total), float(upper / total)


def _variance(events: np.ndarray, exposure: np.ndarray, confidence: float) -> float:
    """Of the sum of (m,) events: m / (m - 1) · Σ (events - rate · exposure)² over the blocks.

    Widened as Student's t is, as it is estimated from m blocks, and never below that of a Poisson
    count. A single block is one push.
    """
    y, blocks = float(events.sum()), len(events)
    if blocks < 2:
        return max(y, y * y)
    residual = events - y / exposure.sum() * exposure
    wider = special.stdtrit(blocks - 1, confidence) / special.ndtri(confidence)
    return max(y, float(residual @ residual) * blocks / (blocks - 1) * wider**2)
