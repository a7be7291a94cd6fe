"""Intervals over random seeds: against Student's table, within bounds, and as often right."""

import numpy as np
import pytest

from deadtokens.statistics.seeds import over_seeds

SHARE = (0.0, 1.0)


def ends(values, *bounds):
    summary = over_seeds(values, *bounds)
    return summary["low"], summary["high"]


def test_intervals_over_seeds():
    """Student's own table: mean 2 and deviation 1 of three values, 2 ± 4.303 / sqrt(3)."""
    summary = over_seeds([1.0, 2.0, 3.0])
    assert (summary["mean"], summary["never"], summary["least"]) == (2.0, 0, 1.0)
    assert summary["high"] - 2 == pytest.approx(2.4843, abs=1e-3) == 2 - summary["low"]
    never = over_seeds([1400, None, 1300])
    assert never == {"seeds": 3, "never": 1, "least": 1300, "mean": None, "low": None, "high": None}
    assert over_seeds([None])["least"] is None


@pytest.mark.parametrize("bounds", [None, SHARE])
def test_one_seed_has_no_interval(bounds):
    summary = over_seeds([0.5], bounds, 0.1)
    assert (summary["mean"], summary["low"], summary["high"], summary["seeds"]) == (
        0.5,
        None,
        None,
        1,
    )


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """3 normal seeds, 4,000 times: 95% ± 4.9 standard errors, a false alarm in 10^6."""
    random = np.random.default_rng(7)
    intervals = [ends(random.normal(0, 1, 3).tolist()) for _ in range(4000)]
    share = np.mean([low <= 0 <= high for low, high in intervals])
    assert abs(share - 0.95) < 4.9 * np.sqrt(0.95 * 0.05 / 4000)


# Two-sided 95% points of Student's t by degrees of freedom (Fisher & Yates, table III).
FISHER_YATES = {1: 12.706, 2: 4.303, 5: 2.571, 9: 2.262, 10: 2.228, 20: 2.086, 30: 2.042, 60: 2.0}


@pytest.mark.parametrize("freedom", FISHER_YATES)
def test_an_interval_of_any_number_of_seeds(freedom):
    values = np.random.default_rng(freedom).normal(5, 2, freedom + 1).tolist()
    summary = over_seeds(values)
    half = FISHER_YATES[freedom] * np.std(values, ddof=1) / np.sqrt(freedom + 1)
    assert summary["seeds"] == freedom + 1
    assert summary["high"] - summary["mean"] == pytest.approx(half, rel=3e-4)
    assert summary["mean"] - summary["low"] == pytest.approx(half, rel=3e-4)


def test_a_thousand_seeds_come_to_the_normal_distribution():
    summary = over_seeds([0.0, 1.0] * 500)
    assert summary["high"] - 0.5 == pytest.approx(1.9623 * 0.50025 / np.sqrt(1000), rel=1e-4)


@pytest.mark.parametrize("seeds", [2, 3, 5, 12])
def test_intervals_of_shares_stay_inside_and_hold_the_mean(seeds):
    """Where Student's own leaves 0 to 1, too, and at 0 and 1 themselves."""
    random = np.random.default_rng(seeds)
    cases = [random.beta(*random.uniform(0.02, 3, 2), seeds).round(3) for _ in range(500)]
    outside = 0
    for values in [*cases, np.zeros(seeds), np.ones(seeds), np.eye(seeds)[0], 1 - np.eye(seeds)[0]]:
        low, high = ends(values.tolist(), SHARE, 0.001)
        assert 0 <= low <= np.mean(values) <= high <= 1
        assert low < high
        plain = ends(values.tolist())
        outside += plain[0] < 0 or plain[1] > 1
    assert outside > 50


def test_a_share_far_from_its_bounds_has_the_interval_of_student():
    values = [0.500, 0.501, 0.503]
    assert ends(values, SHARE, 1e-6) == pytest.approx(ends(values), abs=1e-6)
    steps = [700.0, 701.0, 705.0]
    assert ends(steps, (0.0, 1400.0), 1e-6) == pytest.approx(ends(steps), abs=0.01)


def test_the_interval_of_a_share_by_hand():
    """Mean 0.1, deviation 0.02, three seeds: ln(1/9) ± 4.3027 * 0.02 / sqrt(3) / 0.09."""
    low, high = ends([0.08, 0.10, 0.12], SHARE)
    half = 4.302653 * 0.02 / 3**0.5 / 0.09
    assert low == pytest.approx(1 / (1 + 9 * np.exp(half)), rel=1e-6)
    assert high == pytest.approx(1 / (1 + 9 * np.exp(-half)), rel=1e-6)


@pytest.mark.parametrize("tokens", [10, 1000])
def test_a_share_of_none_or_all_is_not_known_better_than_by_one_token(tokens):
    """Three seeds at 0: up to where one token of one seed would have put the end."""
    one = ends([0, 0, 1 / tokens], SHARE, 1 / tokens)
    assert ends([0, 0, 0], SHARE, 1 / tokens) == (0, pytest.approx(one[1]))
    assert ends([1, 1, 1], SHARE, 1 / tokens) == (pytest.approx(1 - one[1]), 1)
    low, high = ends([0, 0, 0], (-1.0, 1.0), 1 / tokens)  # a difference of none
    assert -low == pytest.approx(high)
    assert high == pytest.approx(4.302653 / 3 / tokens, rel=0.05)


def test_what_is_nearer_to_a_bound_than_one_token_has_the_interval_of_one():
    """As expected numbers can be, which are no counts."""
    none = over_seeds([0.0] * 3, (0.0, 100.0), 1.0)
    few = over_seeds([1e-12, 3e-9, 2e-10], (0.0, 100.0), 1.0)
    assert (few["low"], few["high"]) == pytest.approx((0.0, none["high"]))
    all_but = over_seeds([100.0, 100.0 - 3e-9, 100.0], (0.0, 100.0), 1.0)
    assert all_but["low"] == pytest.approx(100.0 - none["high"])
    one = over_seeds([0.0, 0.0, 1.0], (0.0, 100.0), 1.0)
    assert 0 < one["low"] < 1 / 3 < one["high"]


def test_an_interval_of_shares_holds_the_truth_as_often_as_it_says():
    """5 seeds of a skewed share, 4,000 times: 95% of means, if not to the last percent."""
    random = np.random.default_rng(1)
    held = [
        low <= 0.2 <= high
        for low, high in (ends(random.beta(4, 16, 5).tolist(), SHARE) for _ in range(4000))
    ]
    assert 0.93 < np.mean(held) < 0.97
