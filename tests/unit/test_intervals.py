"""Intervals of shares and of rates: closed forms, published values, and coverage by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from deadtokens.permanence import permanence
from deadtokens.statistics import intervals

EACH = 0.975  # of two bounds, so that the interval is one of 95%


def test_shares_at_0_and_1_have_a_width_and_stay_inside():
    """1 - 0.025 ** (1 / n), the closed form of Clopper and Pearson's interval for none of n."""
    none, every = intervals.share(0, 50, 0.95), intervals.share(50, 50, 0.95)
    reach = 1 - math.exp(math.log(0.025) / 50)
    assert (none["low"], none["high"]) == (0, pytest.approx(reach))
    assert (every["low"], every["high"]) == (pytest.approx(1 - reach), 1)
    assert intervals.share(0, 0, 0.95) == {"value": None, "low": None, "high": None}


@given(st.integers(0, 60), st.integers(1, 60))
def test_shares_against_the_tails_of_the_binomial(count, total):
    count = min(count, total)
    found = intervals.share(count, total, 0.9)

    def at_least(k, p):
        terms = (math.comb(total, i) * p**i * (1 - p) ** (total - i) for i in range(k, total + 1))
        return math.fsum(terms)

    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1
    if count:
        assert at_least(count, found["low"]) == pytest.approx(0.05, rel=1e-5)
    if count < total:
        assert 1 - at_least(count + 1, found["high"]) == pytest.approx(0.05, rel=1e-5)


def test_the_rule_of_three():
    assert intervals.poisson_upper(0, 1000, 0.95) == pytest.approx(2.9957 / 1000, rel=1e-4)
    assert intervals.poisson_upper(0, 0, 0.95) is None


@pytest.mark.parametrize(("events", "published"), [(1, 0.0513), (5, 1.970), (10, 5.425)])
def test_exact_lower_bounds(events, published):
    """Half of the 5% quantile of chi squared with 2n degrees of freedom, from tables."""
    assert intervals.poisson_lower(events, 1, 0.95) == pytest.approx(published, abs=1e-3)
    assert intervals.poisson_lower(0, 1, 0.95) == 0


@pytest.mark.parametrize(
    ("events", "published"), [(1, 4.744), (5, 10.513), (10, 16.962), (50, 63.287)]
)
def test_exact_poisson_bounds(events, published):
    """Half of the 95% quantile of chi squared with 2(n + 1) degrees of freedom, from tables."""
    assert intervals.poisson_upper(events, 1, 0.95) == pytest.approx(published, abs=2e-3)


@pytest.mark.parametrize("events", [1, 3, 40, 999])
def test_bounds_are_where_the_poisson_count_has_its_probability(events):
    """Summed term by term, by nothing that the bounds themselves are made with."""

    def at_most(count, mean):
        terms = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count + 1))
        return math.fsum(map(math.exp, terms))

    for confidence in (0.9, 0.95, 0.999):
        upper = intervals.poisson_upper(events, 1, confidence)
        assert at_most(events, upper) == pytest.approx(1 - confidence, rel=1e-9)
        lower = intervals.poisson_lower(events, 1, confidence)
        assert at_most(events - 1, lower) == pytest.approx(confidence, rel=1e-9)


def test_bounds_of_large_counts_are_near_their_normal_approximation():
    """n + 1 + z sqrt(n + 1) + (z^2 - 1) / 3: Cornish and Fisher's expansion of Garwood's bound."""
    n, z = 10**6, 1.6448536269514722
    expected = n + 1 + z * math.sqrt(n + 1) + (z * z - 1) / 3
    assert intervals.poisson_upper(n, 1, 0.95) == pytest.approx(expected, abs=0.01)


def test_blocks_are_sums_of_consecutive_steps():
    assert intervals.in_blocks(np.arange(7), 3).tolist() == [3, 12, 6]
    assert intervals.in_blocks(np.array([]), 3).tolist() == []


def test_rare_pushes_of_all_have_the_bounds_of_their_number():
    """2 pushes of 500 tokens in many blocks: Garwood's bounds of a count of 2, times 500."""
    events, exposure = np.zeros(10_000), np.full(10_000, 5000)
    events[[17, 4711]] = 500
    lower, upper = intervals.block_bounds(events, exposure, 500, 0.95)
    total = exposure.sum()
    assert lower == pytest.approx(500 * stats.chi2.ppf(0.05, 2 * 2) / 2 / total, rel=2e-3)
    assert upper == pytest.approx(500 * stats.chi2.ppf(0.95, 2 * 3) / 2 / total, rel=2e-3)


def test_none_is_the_rule_of_three_of_pushes_and_not_of_token_steps():
    """1,000 tokens still for 100 steps: 100 trials, as one push moves all, and not 100,000."""
    exposure = np.full(10, 10 * 1000)
    lower, upper = intervals.block_bounds(np.zeros(10), exposure, 1000, 0.95)
    assert (lower, upper) == (0, pytest.approx(-math.log(0.05) / 100))
    assert intervals.block_bounds(np.zeros(3), np.zeros(3), 0, 0.95) == (None, None)


def test_a_single_block_is_one_push():
    lower, upper = intervals.block_bounds(np.array([700]), np.array([10_000]), 1000, 0.95)
    assert lower == pytest.approx(0.07 * -math.log(0.95))  # a count of one
    assert upper > 0.2


def pushed(random, steps, tokens, own, together):
    """Who moves: each token on its own, and all that a push finds."""
    moves = random.random((steps, tokens)) < own
    return moves | (random.random((steps, 1)) < together)


# By name: rate of each on its own, rate of pushes of all, whether Poisson's interval is too narrow.
SCENARIOS = {
    "each token on its own": (0.02, 0, False),
    "one push moves all": (0, 0.02, True),
    "mixed": (0.005, 0.01, True),
    "rare pushes": (0, 0.004, True),
}


@pytest.mark.parametrize("kind", SCENARIOS)
def test_blocks_cover_what_poisson_does_not(kind):
    """Of simulated runs: intervals nominally of 95% of how often still tokens move again."""
    own, together, too_narrow = SCENARIOS[kind]
    truth = 1 - (1 - own) * (1 - together)  # of a token that is still, whatever its age
    random = np.random.default_rng(3)
    rules = permanence.Rules([1], EACH, 5)
    rows = []
    for _ in range(250):
        moves = pushed(random, 250, 20, own, together)
        still = ~moves[:-1]  # for a step at least
        resumed = (still & moves[1:]).sum(axis=1)
        found = permanence.Resumptions(
            np.array([1, 250]), still.sum(axis=1)[:, None], resumed[:, None], resumed, 20
        )
        rows.append(permanence.rate(found, 1, 250, rules))
    held = {
        before: np.mean([row[f"{before}lower_bound"] <= truth <= row[f"{before}upper_bound"]
                         for row in rows])
        for before in ("", "poisson_")
    }  # fmt: skip
    assert held[""] >= 0.92
    assert (held["poisson_"] < 0.8) == too_narrow
    assert all(row["lower_bound"] <= row["poisson_lower_bound"] for row in rows)
    assert all(row["upper_bound"] >= row["poisson_upper_bound"] for row in rows)
