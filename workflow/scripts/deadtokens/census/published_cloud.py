"""What it would take for the published black holes: which spread a cloud of that size must have."""

from collections.abc import Mapping

import numpy as np

from deadtokens.census import cloud_formula
from deadtokens.census.black_holes import octaves_off
from deadtokens.census.cloud_formula import SUMS, Cloud
from deadtokens.statistics.seeds import over_seeds

SPREADS_PER_DECADE = 12
QUANTILES = {"low": 0.05, "median": 0.5, "high": 0.95}


def needed(published: Mapping, draws: int, clouds: int, seed: int, ranks: int) -> dict[str, object]:
    """Of random points of the published norm: the spread that gives each published number.

    published: norm, dimensions, tokens, points, populations, lowest_spread, highest_spread, and
    vectors, black_holes, black_hole_tokens. `spreads`: by number its spread, a mean over points on
    the scale of the logarithm with its interval, None where a point does not reach it.
    `at_that_of_vectors`: what the formula gives at the spread of `vectors`. `simulated`: by rank
    quantiles over all simulated clouds at that spread, beside the published ones.
    `octaves_off_published`: for the spread of each number quantiles over simulated clouds of how
    far their populations are from the published ones (`black_holes.octaves_off`).
    """
    spreads: dict[str, list[float | None]] = {name: [] for name in SUMS}
    at_vectors: dict[str, list[float]] = {name: [] for name in SUMS}
    tables: dict[str, list[np.ndarray]] = {name: [] for name in SUMS}
    for number in range(published["points"]):
        random = np.random.default_rng((seed, number))
        point = random.standard_normal(published["dimensions"])
        point *= published["norm"] / np.linalg.norm(point)
        curve = _curve(point, published, draws, (seed, number))
        for name in SUMS:
            spread = _reached(*curve, name, published[name])
            spreads[name].append(spread)
            if spread is None:
                continue
            cloud = Cloud(point, spread, published["tokens"])
            if name == "vectors":
                found = cloud_formula.expected(cloud, draws, random)
                for each in SUMS:
                    at_vectors[each].append(found[each])
            drawn = cloud_formula.simulated(cloud, clouds, random)
            tables[name].append(cloud_formula.ranked(drawn, ranks))
    return {
        **published,
        "spreads": {name: _geometric(values) for name, values in spreads.items()},
        "at_that_of_vectors": {
            name: over_seeds(values, (0.0, float(published["tokens"])), 1.0)
            for name, values in at_vectors.items()
        },
        "simulated": _by_rank(tables["vectors"], published["populations"], ranks),
        "octaves_off_published": {
            name: _quantiles(octaves_off(np.concatenate(of), published["tokens"], published))
            for name, of in tables.items()
            if of
        },
    }


def _curve(
    point: np.ndarray, published: Mapping, draws: int, seed: tuple[int, int]
) -> tuple[np.ndarray, list[dict[str, float]]]:
    """Expected numbers along spreads, up to where every published number has been passed."""
    decades = np.log10(published["highest_spread"] / published["lowest_spread"])
    number = int(np.ceil(decades * SPREADS_PER_DECADE)) + 1
    spreads, found = (
        np.geomspace(published["lowest_spread"], published["highest_spread"], number),
        [],
    )
    for spread in spreads:
        random = np.random.default_rng(seed)  # the same draws at each, so that curves are smooth
        cloud = Cloud(point, float(spread), published["tokens"])
        found.append(cloud_formula.expected(cloud, draws, random))
        last = found[-1]
        if (
            last["vectors"] > published["vectors"]
            and last["black_hole_tokens"] < published["black_hole_tokens"]
            and max(f["black_holes"] for f in found) > published["black_holes"]
        ):
            break
    return spreads[: len(found)], found


def _reached(
    spreads: np.ndarray, found: list[dict[str, float]], name: str, target: float
) -> float | None:
    """The first spread at which the number crosses the target, between two of the curve by line."""
    logs, values = np.log(spreads), np.array([numbers[name] for numbers in found]) - target
    crossed = np.flatnonzero(values[:-1] * values[1:] <= 0)
    if not len(crossed):
        return None
    i = crossed[0]
    part = 0.0 if values[i] == values[i + 1] else values[i] / (values[i] - values[i + 1])
    return float(np.exp(logs[i] + part * (logs[i + 1] - logs[i])))


def _geometric(values: list[float | None]) -> dict[str, object]:
    summary = over_seeds([None if value is None else float(np.log(value)) for value in values])
    ends = ("least", "mean", "low", "high")
    return summary | {
        end: None if summary[end] is None else float(np.exp(summary[end])) for end in ends
    }


def _by_rank(tables: list[np.ndarray], published: list[int], ranks: int) -> list[dict]:
    if not tables:
        return []
    table = np.concatenate(tables)
    return [
        {
            "rank": rank + 1,
            "published": published[rank] if rank < len(published) else None,
            **_quantiles(table[:, rank]),
        }
        for rank in range(ranks)
    ]


def _quantiles(values: np.ndarray) -> dict[str, float]:
    return {name: float(np.quantile(values, share)) for name, share in QUANTILES.items()}
