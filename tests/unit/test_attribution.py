"""Attribution: contrasts and contributions against their definitions, planted effects recovered."""

import itertools

import numpy as np
import pytest

from deadtokens.kick import attribution
from deadtokens.statistics.resampling import interval, resampled_means

NUMBER = 8


def planted(mean, effects):
    """Logs of the eight arms from effects by group, written as a sum over arms and signs."""
    logs = []
    for arm in range(NUMBER):
        signs = [1 if arm >> factor & 1 else -1 for factor in range(3)]
        value = mean
        for group, effect in effects.items():
            sign = 1
            for factor in group:
                sign *= signs[factor]
            value += sign * effect / 2
        logs.append(value)
    return np.array(logs)


def test_planted_main_effects_and_interactions_are_recovered():
    effects = {(0,): 1.5, (1,): 0.7, (2,): -0.1, (0, 1): 0.3, (0, 2): -0.2, (1, 2): 0.05}
    effects[0, 1, 2] = 0.02
    logs = planted(0.4, effects)
    assert attribution.groups() == [*effects]
    for group, effect in effects.items():
        assert attribution.effect(logs, group) == pytest.approx(effect, abs=1e-14)


def test_an_effect_is_the_difference_of_the_means_of_its_halves():
    logs = np.random.default_rng(3).normal(size=NUMBER)
    reset = [arm for arm in range(NUMBER) if arm & 0b010]
    restored = [arm for arm in range(NUMBER) if not arm & 0b010]
    assert attribution.effect(logs, [1]) == pytest.approx(
        logs[reset].mean() - logs[restored].mean()
    )
    # An interaction: half of how much the effect of one changes when the other is reset.
    of_first = [logs[arm | 1] - logs[arm] for arm in range(NUMBER) if not arm & 1]
    at_second = [arm >> 1 & 1 for arm in range(NUMBER) if not arm & 1]
    reset = np.mean([d for d, s in zip(of_first, at_second, strict=True) if s])
    restored = np.mean([d for d, s in zip(of_first, at_second, strict=True) if not s])
    assert attribution.effect(logs, [0, 1]) == pytest.approx((reset - restored) / 2)


def test_no_difference_between_arms_is_no_effect():
    logs = np.full((5, NUMBER), np.log(1.7))
    for group in attribution.groups():
        np.testing.assert_allclose(attribution.effect(logs, group), 0, atol=1e-15)
    for factor in range(3):
        assert not attribution.contribution(logs, factor).any()


def test_contributions_against_all_orders_of_losing_the_factors():
    logs = np.random.default_rng(4).normal(size=NUMBER)
    added = {factor: [] for factor in range(3)}
    for order in itertools.permutations(range(3)):
        arm = 0
        for factor in order:
            added[factor].append(logs[arm | 1 << factor] - logs[arm])
            arm |= 1 << factor
        assert arm == NUMBER - 1
    for factor, values in added.items():
        assert attribution.contribution(logs, factor) == pytest.approx(np.mean(values))
        differences, weights = attribution.steps_without(logs, factor)
        assert weights.sum() == pytest.approx(1)
        assert sorted({*values}) == pytest.approx(sorted(differences))
    parts = [attribution.contribution(logs, factor) for factor in range(3)]
    assert sum(parts) == pytest.approx(logs[-1] - logs[0])


@pytest.mark.parametrize(
    ("restored", "number"),
    [
        (("parameters", "moments", "schedule", "data"), 0),
        (("parameters",), 7),
        (("parameters", "schedule", "data"), 1),
        (("parameters", "moments", "data"), 2),
        (("moments", "schedule", "parameters"), 4),
    ],
)
def test_arms_are_numbered_by_what_is_reset(restored, number):
    assert attribution.number_of_arm(restored) == number


def test_resampled_means_are_means_of_rows_drawn_again():
    values = np.random.default_rng(5).normal(size=(40, 3))
    found = resampled_means(values, 20, seed=9)
    random = np.random.default_rng(9)
    for means in found:
        np.testing.assert_allclose(means, values[random.integers(40, size=40)].mean(axis=0))
    assert (resampled_means(values, 20, seed=9) == found).all()
    assert (resampled_means(values, 20, seed=10) != found).any()


def test_an_interval_has_the_width_of_the_normal_one():
    values = np.random.default_rng(6).normal(2, 1, size=(2000, 1))
    resampled = resampled_means(values, 2000, seed=1)
    found = interval(lambda means: means[..., 0], values.mean(axis=0), resampled, 0.95)
    assert found["value"] == pytest.approx(values.mean())
    half = 1.96 * values.std() / 2000**0.5
    assert found["interval_over_tokens"][0] == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found["interval_over_tokens"][1] == pytest.approx(values.mean() + half, abs=0.15 * half)


@pytest.mark.filterwarnings("error")
def test_a_statistic_without_a_value_has_no_interval():
    values = np.zeros((10, 1))
    resampled = resampled_means(values, 10, seed=1)
    found = interval(lambda means: np.log(means[..., 0]), values.mean(axis=0), resampled, 0.9)
    assert not np.isfinite([found["value"], *found["interval_over_tokens"]]).any()
