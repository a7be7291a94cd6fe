"""Methods chosen on some seeds and judged on others: planted truth of every kind, and its power."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from deadtokens.causes import forecast_judgement, forecast_methods, forecast_power
from deadtokens.causes.forecast_judgement import Seed
from deadtokens.causes.still import Onsets
from deadtokens.causes.token_state import FEATURES, Known
from deadtokens.causes.trends import FORMS
from deadtokens.statistics import concordance

TOKENS, LATEST, PENALTY = 150, 900, 1e-3


def known(random, n=TOKENS, **planted):
    columns = {name: random.normal(size=n) for name in FEATURES} | planted
    physical = {form: random.integers(200, LATEST, n) for form in FORMS}
    return Known(pd.DataFrame(columns), np.zeros((3, n)), physical)


def seed(random, onset, n=TOKENS, level=0.0, **planted):
    """One whose tokens stop at `onset`, (n,), later than the latest if censored."""
    scripts = random.choice(["Latin", "Thai"], n)
    of = known(random, n, **planted)
    of = Known(of.features + level, of.distance, of.physical)
    features = forecast_methods.features(of, scripts, np.ones(n, bool))
    order = np.minimum(np.rint(onset).astype(int), LATEST + 1)
    return Seed(features, Onsets(np.minimum(order, LATEST), order > LATEST, LATEST))


def predictable(random, level=0.0, shift=0.0):
    """The onset rises with two features; a third of the tokens stop beyond the latest."""
    first, second = random.normal(size=(2, TOKENS))
    onset = 800 + shift + 200 * first + 150 * second
    return seed(random, onset, level=level, mean_distance=first, norm=second)


def unpredictable(random):
    return seed(random, random.uniform(200, 1100, TOKENS))


def judged(choosing, others, permutations=200, random=None):
    random = random or np.random.default_rng(0)
    found = forecast_judgement.cross_validated(choosing, 5, PENALTY, random)
    chosen = forecast_judgement.choice(found)
    models = {
        name: forecast_judgement.learn(name, choosing, PENALTY) for name in forecast_methods.METHODS
    }
    predicted = {name: [m(other.features) for other in others] for name, m in models.items()}
    orders = [other.order for other in others]
    test = forecast_judgement.tested(predicted, chosen, orders, permutations, random)
    return found, chosen, predicted, test


def test_what_can_be_predicted_is_found_on_other_seeds():
    random = np.random.default_rng(1)
    found, chosen, _, test = judged(
        [predictable(random)], [predictable(random), predictable(random)]
    )
    assert chosen in ("ridge", "ridge_relative")
    assert found["constant"] == 0.5
    assert found[chosen] > 0.95 > found["monotone_mean_distance"] > 0.7 > found["monotone_log_m"]
    assert all(one["index"] > 0.95 for one in test["seeds"])
    assert 0.9 < test["index"]["low"] <= test["index"]["mean"] <= test["index"]["high"] < 1
    assert test["p_blocks"] == test["p_tokens"] == test["best"]["p"] == 1 / 201
    assert test["p_seeds"] < 0.05


def test_what_cannot_be_predicted_is_chance_and_p_values_are_even():
    random = np.random.default_rng(2)
    p_blocks, p_best, indices = [], [], []
    others = [unpredictable(random) for _ in range(2)]
    for _ in range(60):
        mixed = [
            Seed(other.features, other.onsets.of(random.permutation(TOKENS))) for other in others
        ]
        predicted = {
            name: [other.features[f"rank_{name}"].to_numpy() for other in mixed]
            for name in ("distance", "norm", "log_m")
        }
        test = forecast_judgement.tested(
            predicted, "distance", [one.order for one in mixed], 39, random
        )
        p_blocks.append(test["p_blocks"])
        p_best.append(test["best"]["p"])
        indices += [one["index"] for one in test["seeds"]]
    assert abs(np.mean(indices) - 0.5) < 0.01
    for values in (p_blocks, p_best):
        assert stats.kstest(values, "uniform").pvalue > 0.01
        assert sum(value <= 0.05 for value in values) <= 8


def test_a_method_is_chosen_without_a_look_at_the_judged_seeds():
    random = np.random.default_rng(3)
    choosing = [predictable(random)]
    wrong = [unpredictable(random), unpredictable(random)]
    right = [predictable(random), predictable(random)]
    for_wrong, for_right = judged(choosing, wrong), judged(choosing, right)
    assert for_wrong[:2] == for_right[:2]
    assert for_wrong[3]["p_blocks"] > 0.05 > for_right[3]["p_blocks"]


def test_what_is_left_out_has_no_part_in_what_is_learned():
    """Fifteen slopes fit the onsets of a hundred tokens well, and say nothing of others."""
    random = np.random.default_rng(15)
    left_out, in_sample = [], []
    for _ in range(4):
        one = unpredictable(random).of(np.arange(100))
        found = forecast_judgement.cross_validated([one], 5, PENALTY, random)
        left_out += [found["ridge"], found["monotone_norm"]]
        model = forecast_judgement.learn("ridge", [one], PENALTY)
        in_sample.append(concordance.index(model(one.features), one.order))
    assert np.mean(in_sample) > 0.6
    assert abs(np.mean(left_out) - 0.5) < 0.05


def test_with_several_seeds_a_whole_seed_is_left_out():
    """A level that differs from seed to seed is the onset in two of them: of no use in a third."""
    random = np.random.default_rng(4)
    seeds = [predictable(random, level=level, shift=level * 40) for level in (0.0, 3.0, -4.0)]
    one = forecast_judgement.cross_validated(seeds[:1], 5, PENALTY, random)
    several = forecast_judgement.cross_validated(seeds, 5, PENALTY, random)
    assert several["ridge_relative"] > 0.95
    assert one["ridge"] == pytest.approx(several["ridge"], abs=0.1)
    again = forecast_judgement.cross_validated(seeds, 7, PENALTY, np.random.default_rng(99))
    assert several == again  # neither folds nor chance have a part in it


def test_features_of_a_judged_seed_change_no_prediction_of_what_was_learned():
    """Levels are standardised on the choosing seeds alone, so a shift of the judged ones shows."""
    random = np.random.default_rng(5)
    choosing, other = [predictable(random)], predictable(random)
    ridge = forecast_judgement.learn("ridge", choosing, PENALTY)
    shifted = other.features.copy()
    shifted["mean_distance"] += 1
    difference = ridge(shifted) - ridge(other.features)
    assert np.ptp(difference) < 1e-9
    assert difference[0] > 50


def test_ridge_is_that_of_the_formula():
    random = np.random.default_rng(6)
    one = predictable(random)
    found = forecast_judgement.learn("ridge", [one], 0.5)(one.features)
    x = one.features[[*FEATURES]].to_numpy()
    x = np.concatenate([x, [[s == "Latin", s == "Thai"] for s in one.features["script"]]], axis=1)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = one.onsets.step - one.onsets.step.mean()
    augmented = np.vstack([x, np.sqrt(0.5 * len(x)) * np.eye(x.shape[1])])
    slopes = np.linalg.lstsq(augmented, np.concatenate([y, np.zeros(x.shape[1])]), rcond=None)[0]
    plain = x @ slopes
    np.testing.assert_allclose(found - found.mean(), plain - plain.mean(), atol=1e-8)
    assert np.median(one.onsets.step - found) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_monotone_method_learns_the_direction(sign):
    random = np.random.default_rng(7)
    values = random.normal(size=TOKENS)
    one = seed(random, 500 + sign * 100 * np.tanh(values), distance=values)
    two = seed(random, 500 + sign * 100 * np.tanh(values), distance=values + 5)
    model = forecast_judgement.learn("monotone_distance", [one], PENALTY)
    assert concordance.index(model(two.features), two.order) > 0.99
    np.testing.assert_allclose(model(two.features), two.onsets.step, atol=2)


def test_a_script_predicts_its_mean_and_an_unknown_one_that_of_all():
    random = np.random.default_rng(8)
    one = unpredictable(random)
    model = forecast_judgement.learn("script", [one], PENALTY)
    other = one.features.assign(script=["Thai", "Klingon"] * (TOKENS // 2))
    thai, unknown = model(other)[:2]
    mean = one.onsets.step[one.features["script"] == "Thai"].mean()
    assert thai - unknown == pytest.approx(mean - one.onsets.step.mean())


def test_errors_are_over_both_constants_and_restricted():
    random = np.random.default_rng(9)
    one = seed(random, np.array([300.0, 500, 1000, 1000]), n=4)
    found = forecast_judgement.errors(np.array([200.0, 500, 5000, 900]), one, 400.0)
    assert found["mean_absolute_error"] == 25
    assert found["over_constant"] == 25 / ((100 + 100 + 500 + 500) / 4)
    assert found["over_oracle_constant"] == 25 / ((400 + 200 + 200 + 200) / 4)


def test_what_limits_every_forecast_is_stated():
    random = np.random.default_rng(10)
    onset = np.array([300.0] * 5 + [400, 500] + [1000] * 3)
    found = forecast_judgement.about_onsets(seed(random, onset, n=10))
    assert found["commonest_step"] == 300
    assert found["share_at_commonest_step"] == 0.5
    assert (found["stopped"], found["censored"], found["onset_steps"]) == (7, 3, 3)
    assert found["known_pairs"] == (45 - 10 - 3) / 45
    assert found["largest_reachable_with_ties"] == 0.5 + found["known_pairs"] / 2


def test_where_onsets_do_not_differ_nothing_is_judged():
    random = np.random.default_rng(11)
    same = seed(random, np.full(TOKENS, 500.0))
    found, chosen, _, test = judged([same], [same])
    assert set(found.values()) == {None}
    assert chosen != "constant"
    assert test["p_blocks"] is None
    assert test["seeds"] == [{"index": None}]
    assert forecast_power.curve([same.order], [0.1], 100, 100, 0.05, random) == []


def test_power_is_that_of_chance_without_an_effect_and_grows_with_it():
    random = np.random.default_rng(12)
    orders = [unpredictable(random).order for _ in range(2)]
    rows = forecast_power.curve(orders, [0.1, 0.2, 0.5], 100, 300, 0.05, random)
    assert [row["correlation"] for row in rows] == [0, 0.1, 0.2, 0.5]
    found = [row["found_by_blocks"] for row in rows]
    assert stats.binomtest(round(100 * found[0]), 100, 0.05).pvalue > 0.01
    assert found == sorted(found)
    assert found[-1] > 0.98
    assert rows[-1]["found_by_seeds"] < found[-1]
    for row in rows:
        assert row["found_by_blocks_low"] <= row["found_by_blocks"] <= row["found_by_blocks_high"]


def test_with_one_burst_power_is_less():
    """Nine tokens in ten stop in one of three pushes: hardly anything is left to be predicted."""
    random = np.random.default_rng(13)
    apart = unpredictable(random).order
    burst = np.where(random.random(TOKENS) < 0.97, random.choice([300, 500, 700], TOKENS), apart)
    rows = [
        forecast_power.curve([order], [0.4], 100, 300, 0.05, random)[-1] for order in (apart, burst)
    ]
    assert rows[0]["found_by_blocks"] > 0.95 > rows[1]["found_by_blocks"] + 0.1
    assert rows[0]["found_by_seeds"] is None


@pytest.mark.parametrize("r", [0.0, 0.2, 0.9])
def test_what_is_planted_has_its_correlation(r):
    random = np.random.default_rng(14)
    order = random.integers(0, 50, 4000)
    ranks = stats.rankdata(order)
    found = [np.corrcoef(forecast_power.planted(order, r, random), ranks)[0, 1] for _ in range(20)]
    assert np.mean(found) == pytest.approx(r, abs=0.01)
