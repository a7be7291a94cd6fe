"""How many vectors a normal cloud falls into when it is rounded to bfloat16: a formula, no fit.

N tokens, each element normal around mean_d with standard deviation sigma, all independent. Element
d is rounded to value k with p_dk = Phi((high_k - mean_d) / sigma) - Phi((low_k - mean_d) / sigma),
low_k and high_k the middles between k and its neighbours; a vector v has P(v) = prod_d p_d,v_d.

    vectors           = sum_v  1 - (1 - P)^N
    black holes       = sum_v  1 - (1 - P)^N - N P (1 - P)^(N - 1)
    tokens in them    = sum_v  N P (1 - (1 - P)^(N - 1))

The sums are means over v ~ P of what is summed, divided by P(v): v is a rounded draw. No term is
more than N after that division, so the error is known from the draws. Elements that are rounded one
way with a probability of 1 - 1e-18 or more are left out. The largest population has no such sum: it
is the mean over simulated clouds.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from deadtokens.census import populations
from deadtokens.census.rounding import cell, rounded

SUMS = ("vectors", "black_holes", "black_hole_tokens")
CERTAIN = 9.0  # standard deviations: beyond them 2.3e-19 of a normal distribution
ELEMENTS_AT_ONCE = 4_000_000
NARROW = 1e-5  # of a cell in standard deviations: below it the density does not change


@dataclass(frozen=True)
class Cloud:
    """mean (D,) float64 of a normal cloud, its standard deviation, and its number of tokens."""

    mean: np.ndarray
    sigma: float
    tokens: int

    def uncertain(self) -> np.ndarray:
        """The means of the elements that are not all rounded to one value, (d,) float64."""
        low, high = cell(rounded(self.mean))
        room = CERTAIN * self.sigma
        return self.mean[(self.mean - room < low) | (self.mean + room > high)]


def log_probability(bits: np.ndarray, mean: np.ndarray, sigma: float) -> np.ndarray:
    """log P(v) of vectors (n, d) of bits, of a normal cloud with this mean (d,): (n,) float64."""
    low, high = ((end - mean) / sigma for end in cell(bits))
    flip = low > 0  # in the lower tail differences of Phi are exact
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    with np.errstate(divide="ignore", invalid="ignore"):
        upper = special.log_ndtr(high)
        wide = upper + np.log1p(-np.exp(special.log_ndtr(low) - upper))
        middle = (low + high) / 2
        narrow = -(middle**2) / 2 - np.log(2 * np.pi) / 2 + np.log(high - low)
    return np.where(high - low < NARROW, narrow, wide).sum(axis=1)


def expected(cloud: Cloud, draws: int, random: np.random.Generator) -> dict[str, float]:
    """SUMS, and `NAME_error`: the standard error of each that is left by so many draws."""
    mean = cloud.uncertain()
    if not len(mean) or cloud.sigma == 0:
        one = terms(np.zeros(1), cloud.tokens)
        return {name: float(one[name][0]) for name in SUMS} | {f"{n}_error": 0.0 for n in SUMS}
    found = []
    at_once = max(1, ELEMENTS_AT_ONCE // len(mean))
    for start in range(0, draws, at_once):
        size = min(at_once, draws - start), len(mean)
        bits = rounded(mean + cloud.sigma * random.standard_normal(size))
        found.append(log_probability(bits, mean, cloud.sigma))
    summed = terms(np.concatenate(found), cloud.tokens)
    return {name: float(value.mean()) for name, value in summed.items()} | {
        f"{name}_error": float(value.std() / np.sqrt(draws)) for name, value in summed.items()
    }


def terms(log_p: np.ndarray, tokens: int) -> dict[str, np.ndarray]:
    """What is summed over vectors, divided by P(v), from log P(v): (n,) each of SUMS."""
    p = np.exp(np.minimum(log_p, 0))
    safe = np.where(p > 0, p, 1)
    # The probability that of N tokens at least so many are there: regularized beta functions.
    occupied = np.where(p > 0, special.betainc(1, tokens, p) / safe, tokens)
    shared = special.betainc(2, tokens - 1, p) / safe if tokens > 1 else np.zeros_like(p)
    with np.errstate(divide="ignore"):
        others = -np.expm1((tokens - 1) * np.log1p(-p)) if tokens > 1 else np.zeros_like(p)
    return dict(zip(SUMS, (occupied, np.where(p > 0, shared, 0), tokens * others), strict=True))


def simulated(cloud: Cloud, clouds: int, random: np.random.Generator) -> list[np.ndarray]:
    """The populations of so many drawn clouds, each from the most populous vector down, int64."""
    mean = cloud.uncertain()
    if not len(mean) or cloud.sigma == 0:
        return [np.array([cloud.tokens])] * clouds
    size = cloud.tokens, len(mean)
    return [
        populations.of_rows(rounded(mean + cloud.sigma * random.standard_normal(size))).size
        for _ in range(clouds)
    ]


def ranked(drawn: list[np.ndarray], ranks: int) -> np.ndarray:
    """Populations by rank, (clouds, ranks) int64, 0 where there is no such vector."""
    table = np.zeros((len(drawn), ranks), np.int64)
    for row, sizes in zip(table, drawn, strict=True):
        row[: len(sizes)] = sizes[:ranks]
    return table
