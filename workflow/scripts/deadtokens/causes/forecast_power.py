"""The power of the test of a forecast: how often it would find a dependency that is planted.

Definitions: docs/physics.md. The onsets are those that happened, so their ties and bursts are, too;
what predicts them is planted: r · z + √(1 − r²) · noise, z being the standardised ranks of the
onsets and the noise normal, so that it has correlation r with them in the mean.
"""

from collections.abc import Sequence

import numpy as np

from deadtokens.causes.forecast_judgement import by_seeds
from deadtokens.statistics import concordance, correlation


def curve(
    orders: Sequence[np.ndarray],
    correlations: Sequence[float],
    simulations: int,
    permutations: int,
    significance: float,
    random: np.random.Generator,
) -> list[dict[str, float | None]]:
    """By planted correlation, 0 first: in which share of simulations either test finds it.

    The test by blocks takes the index beyond which chance lies with the probability `significance`;
    chance is dealt out `permutations` times in all, spread over the simulations of a correlation,
    for what is planted at one correlation has one distribution. Empty if the onsets do not differ.
    """
    if any(concordance.known_pairs(order) == 0 for order in orders):
        return []
    each = -(-permutations // simulations)
    return [
        _row(r, [_simulated(orders, r, each, random) for _ in range(simulations)], significance)
        for r in (0.0, *correlations)
    ]


def planted(order: np.ndarray, r: float, random: np.random.Generator) -> np.ndarray:
    """A prediction of correlation r with the ranks of these times, which differ, (n,)."""
    ranks = correlation.ranks(order)
    standard = (ranks - ranks.mean()) / ranks.std()
    return r * standard + np.sqrt(1 - r * r) * random.standard_normal(len(order))


def _simulated(
    orders: Sequence[np.ndarray], r: float, permutations: int, random: np.random.Generator
) -> tuple[list[float], np.ndarray]:
    """The index of each seed, and what chance makes of their mean, (permutations,)."""
    indices, chance = [], []
    for order in orders:
        predicted = planted(order, r, random)
        indices.append(concordance.index(predicted, order))
        chance.append(concordance.by_blocks([predicted], order, permutations, random)[0])
    return indices, np.mean(chance, axis=0)


def _row(
    r: float, simulated: Sequence[tuple[list[float], np.ndarray]], significance: float
) -> dict[str, float | None]:
    from scipy import stats

    chance = np.concatenate([draws for _, draws in simulated])
    critical = float(np.quantile(chance, 1 - significance, method="higher"))
    means = np.array([np.mean(indices) for indices, _ in simulated])
    row = {
        "correlation": r,
        "mean_index": float(means.mean()),
        "critical_index": critical,
    }
    of_seeds = [by_seeds(indices) for indices, _ in simulated]
    found = {"blocks": int((means > critical).sum()), "seeds": None}
    if None not in of_seeds:
        found["seeds"] = sum(p <= significance for p in of_seeds)
    for name, number in found.items():
        interval = None
        if number is not None:
            interval = stats.binomtest(number, len(means)).proportion_ci(method="wilson")
        row[f"found_by_{name}"] = None if interval is None else number / len(means)
        row[f"found_by_{name}_low"] = None if interval is None else float(interval.low)
        row[f"found_by_{name}_high"] = None if interval is None else float(interval.high)
    return row
