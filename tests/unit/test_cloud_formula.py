"""The formula of a rounded normal cloud, against enumeration, simulation and known cases."""

import itertools
import math

import numpy as np
import pytest
from planted import bits_of, plain_value

from deadtokens.census import cloud_formula, published_cloud, rounding
from deadtokens.census.cloud_formula import SUMS, Cloud

DRAWS = 40_000


def plain_phi(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def plain_cells(mean: float, sigma: float) -> dict[int, float]:
    """By bits the probability of each bfloat16 value within reach, from doubles alone."""
    magnitudes = range(0x7F80)
    values = sorted({plain_value(m) for m in magnitudes} | {-plain_value(m) for m in magnitudes})
    near = [i for i, v in enumerate(values) if abs(v - mean) < 12 * sigma + 1e-3]
    found = {}
    for i in near:
        low, high = (values[i - 1] + values[i]) / 2, (values[i] + values[i + 1]) / 2
        p = plain_phi((high - mean) / sigma) - plain_phi((low - mean) / sigma)
        if p > 1e-12:
            found[int(bits_of(np.float32([values[i]]))[0])] = p
    return found


def plain_sums(means, sigma: float, n: int) -> dict[str, float]:
    """The definitions, over every vector."""
    sums = dict.fromkeys(SUMS, 0.0)
    for combination in itertools.product(*(plain_cells(m, sigma).values() for m in means)):
        p = math.prod(combination)
        sums["vectors"] += 1 - (1 - p) ** n
        sums["black_holes"] += 1 - (1 - p) ** n - n * p * (1 - p) ** (n - 1)
        sums["black_hole_tokens"] += n * p * (1 - (1 - p) ** (n - 1))
    return sums


CASES = {
    "two elements, few cells": ([0.02, -0.031], 6e-5, 40),
    "three elements across a binade": ([0.03125, 0.0156, 0.25], 2e-4, 100),
    "one that never moves": ([0.0200195, 0.4], 1e-5, 30),
}


@pytest.mark.parametrize("name", CASES)
def test_the_sums_are_those_over_every_vector(name):
    means, sigma, n = CASES[name]
    cloud = Cloud(np.array(means), sigma, n)
    found = cloud_formula.expected(cloud, DRAWS, np.random.default_rng(1))
    for key, value in plain_sums(means, sigma, n).items():
        assert found[key] == pytest.approx(value, abs=5 * found[f"{key}_error"] + 1e-6), key


def test_a_probability_is_that_of_its_cells():
    means = [0.03125, -0.0156]
    cells = [plain_cells(m, 2e-4) for m in means]
    for one, other in itertools.product(*cells):
        bits = np.array([[one, other]], np.uint16)
        log_p = cloud_formula.log_probability(bits, np.array(means), 2e-4)[0]
        expected = cells[0][one] * cells[1][other]
        if expected > 1e-9:  # below, plain differences of Phi have no digits left
            assert math.exp(log_p) == pytest.approx(expected, rel=1e-5)


def test_cells_lie_side_by_side_and_zeros_share_theirs():
    bits = np.arange(0x7F7F, dtype=np.uint16)
    low, high = rounding.cell(bits)
    assert (low[1:] == high[:-1]).all()
    assert low[0] == 0
    mirrored = rounding.cell(bits | np.uint16(0x8000))
    assert (mirrored[0] == -high).all()
    assert (mirrored[1] == -low).all()


def test_the_formula_is_what_drawn_clouds_have():
    random = np.random.default_rng(3)
    cloud = Cloud(random.normal(0, 0.02, 64), 1e-6, 500)
    found = cloud_formula.expected(cloud, DRAWS, random)
    drawn = cloud_formula.simulated(cloud, 60, random)
    # Held to a plain count too, all elements rounded.
    rows = bits_of(cloud.mean + 1e-6 * random.standard_normal((500, 64)))
    plain = len({row.tobytes() for row in rows})
    numbers = {
        "vectors": [len(sizes) for sizes in drawn],
        "black_holes": [(sizes > 1).sum() for sizes in drawn],
        "black_hole_tokens": [sizes[sizes > 1].sum() for sizes in drawn],
    }
    for name, of in numbers.items():
        error = np.hypot(np.std(of) / np.sqrt(len(of)), found[f"{name}_error"])
        assert found[name] == pytest.approx(np.mean(of), abs=5 * error), name
    assert abs(plain - found["vectors"]) < 6 * np.std(numbers["vectors"])
    assert all(sizes.sum() == 500 for sizes in drawn)
    assert all((np.diff(sizes) <= 0).all() for sizes in drawn)


def test_one_point_is_one_vector_and_a_wide_cloud_has_none_in_common():
    mean = np.random.default_rng(5).normal(0, 0.02, 2560)
    point = cloud_formula.expected(Cloud(mean, 0.0, 7), 10, np.random.default_rng(0))
    assert [point[name] for name in SUMS] == [1, 1, 7]
    wide = cloud_formula.expected(Cloud(mean, 0.01, 7), 100, np.random.default_rng(0))
    assert [wide[name] for name in SUMS] == pytest.approx([7, 0, 0], abs=1e-9)
    alone = cloud_formula.expected(Cloud(mean, 1e-6, 1), 100, np.random.default_rng(0))
    assert [alone[name] for name in SUMS] == pytest.approx([1, 0, 0])


PUBLISHED = {
    **{"norm": 0.371, "dimensions": 256, "tokens": 300, "points": 3, "populations": [90, 20]},
    **{"vectors": 20, "black_holes": 5, "black_hole_tokens": 290},
    **{"lowest_spread": 1e-9, "highest_spread": 1e-4},
}


def test_the_spread_that_is_found_gives_the_number():
    found = published_cloud.needed(PUBLISHED, 4000, 5, 42, 4)
    assert found["spreads"]["vectors"]["never"] == 0
    assert found["at_that_of_vectors"]["vectors"]["mean"] == pytest.approx(20, rel=0.1)
    assert found["spreads"]["vectors"]["low"] < found["spreads"]["vectors"]["mean"]
    assert [row["published"] for row in found["simulated"]] == [90, 20, None, None]
    assert all(row["low"] <= row["median"] <= row["high"] for row in found["simulated"])
    impossible = published_cloud.needed(PUBLISHED | {"vectors": 1000}, 500, 2, 42, 4)
    assert impossible["spreads"]["vectors"]["mean"] is None
    assert impossible["simulated"] == []
