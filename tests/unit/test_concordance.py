"""Harrell's index against its definition by a double loop, and chance as it is dealt out."""

import numpy as np
import pytest
from scipy import stats

from deadtokens.statistics import concordance


def by_definition(predicted, times):
    concordant, known = 0.0, 0
    for i in range(len(times)):
        for j in range(len(times)):
            if times[i] < times[j]:
                known += 1
                concordant += (predicted[i] < predicted[j]) + (predicted[i] == predicted[j]) / 2
    return concordant / known if known else None


@pytest.mark.parametrize("levels", [2, 5, 40, 10_000])
@pytest.mark.parametrize("steps", [2, 6, 10_000])
def test_the_index_is_that_of_the_definition(levels, steps):
    random = np.random.default_rng(levels + steps)
    for _ in range(5):
        times = random.integers(0, steps, 60)
        predicted = random.integers(0, levels, 60) + 0.3 * times * random.integers(0, 2)
        assert concordance.index(predicted, times) == pytest.approx(
            by_definition(predicted, times), abs=1e-15
        )


def test_the_ends_and_the_middle():
    times = np.array([1, 1, 3, 5, 9])
    assert concordance.index(times, times) == 1
    assert concordance.index(-times, times) == 0
    assert concordance.index(np.zeros(5), times) == 0.5
    assert concordance.index(np.arange(5), np.ones(5)) is None
    assert concordance.known_pairs(times) == 9


def test_the_index_of_many_tokens_is_exact():
    """A surplus is a whole number; 3,700 tokens make it larger than float32 holds."""
    random = np.random.default_rng(1)
    times, predicted = random.integers(0, 300, 3700), random.normal(size=3700)
    less = predicted[:, None] < predicted
    pairs = times[:, None] < times
    assert concordance.index(predicted, times) == (less & pairs).sum() / pairs.sum()


def test_surpluses_between_blocks_are_those_of_their_pairs():
    random = np.random.default_rng(2)
    times, predicted = random.integers(0, 4, 30) * 10, random.integers(0, 9, 30).astype(float)
    found = concordance.between_blocks(predicted, times)
    values = np.unique(times)
    for a, first in enumerate(values):
        for b, second in enumerate(values):
            signs = [
                np.sign(y - x)
                for x in predicted[times == first]
                for y in predicted[times == second]
            ]
            assert found[a, b] == sum(signs)


def test_blocks_are_dealt_out_whole_and_alike_for_all_predictions():
    random = np.random.default_rng(3)
    times = np.array([0, 0, 0, 5, 5, 9])
    predicted = [random.normal(size=6), random.normal(size=6)]
    chance = concordance.by_blocks(predicted, times, 400, np.random.default_rng(0))
    possible = set()
    for order in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]):
        dealt = np.array(order)[[0, 0, 0, 1, 1, 2]]
        possible.add(tuple(round(by_definition(one, dealt), 9) for one in predicted))
    found = {tuple(np.round(column, 9)) for column in chance.T}
    assert found == possible


def test_chance_by_tokens_is_narrow_where_many_stop_at_once_and_by_blocks_it_is_not():
    """A prediction that is common to each block, as one push makes it, and says nothing of when."""
    random = np.random.default_rng(4)
    too_often = {"tokens": 0, "blocks": 0}
    for _ in range(25):
        blocks = np.repeat(np.arange(12), 15)
        predicted = random.normal(size=12)[blocks] + 0.3 * random.normal(size=180)
        found = concordance.index(predicted, blocks)
        by_tokens = concordance.by_tokens(predicted, blocks, 39, random)
        (by_blocks,) = concordance.by_blocks([predicted], blocks, 39, random)
        too_often["tokens"] += concordance.p_value(found, by_tokens) <= 0.05
        too_often["blocks"] += concordance.p_value(found, by_blocks) <= 0.05
    assert too_often["tokens"] >= 8
    assert stats.binomtest(too_often["blocks"], 25, 0.05).pvalue > 0.01


def test_p_values_of_what_cannot_be_predicted_are_even():
    random = np.random.default_rng(5)
    found = {"tokens": [], "blocks": []}
    for trial in range(400):
        times, predicted = random.integers(0, 25, 80), random.normal(size=80)
        value = concordance.index(predicted, times)
        (by_blocks,) = concordance.by_blocks([predicted], times, 99, random)
        found["blocks"].append(concordance.p_value(value, by_blocks))
        if trial < 50:  # they take longer
            by_tokens = concordance.by_tokens(predicted, times, 39, random)
            found["tokens"].append(concordance.p_value(value, by_tokens))
    for values in found.values():
        assert stats.kstest(values, "uniform").pvalue > 0.01
        positives = sum(value <= 0.05 for value in values)
        assert stats.binomtest(positives, len(values), 0.05).pvalue > 0.01


def test_a_p_value_is_never_zero_and_counts_what_does_as_well():
    assert concordance.p_value(0.9, np.array([0.5, 0.9, 0.4])) == 2 / 4
    assert concordance.p_value(0.95, np.array([0.5, 0.9, 0.4])) == 1 / 4
