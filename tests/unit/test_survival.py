"""Kaplan and Meier's curve against a plain one by hand, and planted censoring."""

import math

import numpy as np
import pytest
import scipy.stats  # noqa: F401  before any test, which would else wait for it
from hypothesis import given
from hypothesis import strategies as st

from deadtokens.statistics import survival

PAIRS = st.lists(st.tuples(st.integers(-1, 9), st.booleans()), min_size=1, max_size=25)


def by_hand(pairs):
    """At each time, of those that are left the share that stays; the censored leave after it."""
    left, share, curve = len(pairs), 1.0, []
    for time in sorted({time for time, _ in pairs}):
        stopped = sum(t == time and not censored for t, censored in pairs)
        share *= 1 - stopped / left
        curve.append((time, share))
        left -= sum(t == time for t, _ in pairs)
    return curve


def curve_of(pairs):
    times, censored = np.array([t for t, _ in pairs]), np.array([c for _, c in pairs], bool)
    return survival.kaplan_meier(times, censored, 0.95)


@pytest.mark.filterwarnings("error")
@given(PAIRS)
def test_the_curve_against_one_by_hand(pairs):
    found = curve_of(pairs)
    expected = by_hand(pairs)
    assert found["time"].tolist() == [time for time, _ in expected]
    np.testing.assert_allclose(found["survival"], [share for _, share in expected], atol=1e-12)
    assert ((found["low"] >= 0) & (found["high"] <= 1)).all()
    assert (found["low"] <= found["survival"] + 1e-9).all()
    assert (found["survival"] <= found["high"] + 1e-9).all()


@given(PAIRS)
def test_quantiles_are_the_first_times_at_which_the_curve_is_so_low(pairs):
    found = survival.quantiles(curve_of(pairs), {"p25": 25, "median": 50, "max": 100})
    for name, percent in (("p25", 25), ("median", 50), ("max", 100)):
        reached = [t for t, share in by_hand(pairs) if 1 - share >= percent / 100 - 1e-9]
        assert found[name] == min(reached, default=None)


def test_a_published_example():
    """Remission times of 21 patients given 6-MP (Freireich and others, Blood 21, 1963)."""
    stopped = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    found = curve_of([(t, False) for t in stopped] + [(t, True) for t in censored])
    shares = dict(zip(found["time"], found["survival"], strict=True))
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    for time, share in published.items():
        assert shares[time] == pytest.approx(share, abs=6e-4)
    assert survival.quantiles(found, {"median": 50})["median"] == 23


def test_at_one_and_at_zero_the_interval_has_a_width():
    none = curve_of([(5, True)] * 10)
    every = curve_of([(5, False)] * 10)
    # 0.025 ** (1 / 10), by the exact interval of 10 out of 10
    assert none["low"].tolist() == [pytest.approx(math.exp(math.log(0.025) / 10))]
    assert none["high"].tolist() == [1]
    assert every["low"].tolist() == [0]
    assert every["high"].tolist() == [pytest.approx(1 - math.exp(math.log(0.025) / 10))]


def test_a_planted_median_is_found_behind_censoring_and_missed_without():
    """Half of the tokens are not watched to their end: taken as stopped they bring it forward."""
    random = np.random.default_rng(2)
    true, watched = random.exponential(100, 4000), random.exponential(100, 4000)
    times, censored = np.minimum(true, watched), watched < true
    median = {"median": 50}
    found = survival.quantiles(survival.kaplan_meier(times, censored, 0.95), median)["median"]
    naive = survival.quantiles(survival.kaplan_meier(times, 0 * times > 0, 0.95), median)["median"]
    assert found == pytest.approx(100 * math.log(2), rel=0.06)
    assert naive < 0.6 * found
