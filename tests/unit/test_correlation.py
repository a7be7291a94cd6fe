"""Ranks and correlations against their definitions."""

import math

import numpy as np
import pytest

from deadtokens.statistics import correlation


def plain(a, b):
    a, b = a - np.mean(a), b - np.mean(b)
    return sum(a * b) / math.sqrt(sum(a * a) * sum(b * b))


@pytest.mark.parametrize("seed", range(3))
def test_against_the_definitions(seed):
    first, second = np.random.default_rng(seed).integers(0, 9, (2, 30))
    second += first
    assert correlation.pearson(first, second) == pytest.approx(plain(first, second))
    ranked = [
        [sum(x < value for x in values) + (sum(values == value) + 1) / 2 for value in values]
        for values in (first, second)
    ]
    np.testing.assert_array_equal(correlation.ranks(first), ranked[0])
    assert correlation.spearman(first, second) == pytest.approx(plain(*map(np.array, ranked)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("of", [correlation.pearson, correlation.spearman])
@pytest.mark.parametrize("still", [[], [3], [3, 3, 3]])
def test_there_is_none_of_what_does_not_vary(of, still):
    still = np.array(still, int)
    assert of(still, np.arange(len(still))) is None
    assert of(np.arange(len(still)), still) is None
