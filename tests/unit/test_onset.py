"""How much is frozen when, against counting; intervals over seeds against known ones."""

import numpy as np
import pytest

from deadtokens.analysis import onset


def test_frozen_against_counting():
    random = np.random.default_rng(1)
    last = random.choice([-1, 1, 5, 19, 20], 100)
    shares = onset.frozen(last, 20)
    for t in range(1, 21):
        assert shares[t - 1] == np.mean([x <= t and x < 20 for x in last])
    assert 0 < shares[-1] < 1


def test_what_lies_beyond_the_run_is_never():
    assert onset.times(np.array([3, 9, 5, 10]), 10) == {"median_freeze": 5, "last_motion": None}
    assert onset.times(np.array([3, 10, 10]), 10) == {"median_freeze": None, "last_motion": None}
    assert onset.times(np.array([3, -1, 7]), 10) == {"median_freeze": 3, "last_motion": 7}


def test_intervals_over_seeds():
    """Student's own table: mean 2 and deviation 1 of three values, 2 ± 4.303 / sqrt(3)."""
    told = onset.over_seeds([1.0, 2.0, 3.0])
    assert (told["mean"], told["never"], told["least"]) == (2.0, 0, 1.0)
    assert told["high"] - 2 == pytest.approx(2.4843, abs=1e-3) == 2 - told["low"]
    assert onset.over_seeds([5])["low"] is None
    never = onset.over_seeds([1400, None, 1300])
    assert never == {"seeds": 3, "never": 1, "least": 1300, "mean": None, "low": None, "high": None}
    assert onset.over_seeds([None])["least"] is None


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """3 normal seeds, 4,000 times: 95% ± 4.9 standard errors, a false alarm in 10^6."""
    random = np.random.default_rng(7)
    told = [onset.over_seeds(random.normal(0, 1, 3).tolist()) for _ in range(4000)]
    share = np.mean([one["low"] <= 0 <= one["high"] for one in told])
    assert abs(share - 0.95) < 4.9 * np.sqrt(0.95 * 0.05 / 4000)
