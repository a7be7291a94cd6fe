"""What is known of tokens at a step: each feature by its definition, and nothing of later steps."""

import numpy as np
import planted
import planted_steps
import pytest

from deadtokens import lattice
from deadtokens.causes import forecast_cloud, token_state, trends, updates
from deadtokens.causes.trends import FORMS

TOTAL, AT, WINDOW, THROUGH = 120, 50, 20, 110
SHAPE = (30, 6)


def rows(decay=40.0):
    """Weights of several binades, moments that decay each at a rate of its own."""
    random = np.random.default_rng(3)
    rates, size = random.uniform(0.5, 1.5, SHAPE), random.uniform(0.3, 3, SHAPE)
    sign = random.choice([-1.0, 1.0], SHAPE)
    weights = random.choice([-2.5, -0.7, 0.3, 1.5], SHAPE)
    m = lambda t: 2e-5 * sign * size * 2 ** (-t[:, None, None] / decay * rates)  # noqa: E731
    pace = random.uniform(1e-4, 8e-4, (SHAPE[0], 1))  # so that some tokens have been still
    drift = lambda t: weights * (1 + pace * t[:, None, None])  # noqa: E731
    return planted_steps.record(TOTAL, SHAPE, W=drift, m=m)


def motion_of(record):
    before, after = record["W"][:-1], record["W"][1:]
    moved = lattice.displacement(before, after).astype(np.float64)
    return np.sqrt((moved**2).sum(axis=2)).astype(np.float32)


def known(record, law):
    steps = {step.number: step for step in planted_steps.each(record)}

    def run():
        return (updates.of_state(steps[n], law) for n in range(AT - WINDOW + 1, AT + 1))

    motion = token_state.motion_until([(0, motion_of(record))], 0.1, AT, WINDOW)
    return token_state.known(run, law, AT, THROUGH, motion, np.arange(7, 7 + SHAPE[0]))


def half_cell(bits, towards_zero):
    """Half the way to the neighbour on this side, spelled out."""
    half = planted.plain_ulp(bits) / 2
    return half / 2 if towards_zero and bits & 0x7F == 0 else half


def distances(record, law, step):
    """log2(|update| / half a cell) of each element, in plain Python and float64."""
    found = np.empty(SHAPE)
    for place in np.ndindex(SHAPE):
        m, v = (float(record[name][step][place]) for name in ("m", "v"))
        bits = int(record["W"][step - 1][place])
        root = np.sqrt(v / (1 - law.beta2**step))
        update = -1e-3 * m / (1 - law.beta1**step) / (root + law.epsilon)
        towards_zero = (update < 0) == (planted.plain_value(bits) > 0)
        found[place] = np.log2(abs(update) / half_cell(bits, towards_zero))
    return found


def test_every_feature_is_that_of_its_definition():
    record, law = rows(), planted_steps.law(TOTAL)
    found = known(record, law).features
    assert list(found) == list(token_state.FEATURES)
    window = np.array([distances(record, law, s) for s in range(AT - WINDOW + 1, AT + 1)])
    largest = window.max(axis=2)
    close = {"rtol": 0, "atol": 1e-5}  # the run's arithmetic is that of float32
    np.testing.assert_allclose(found["distance"], largest[-1], **close)
    np.testing.assert_allclose(found["mean_distance"], largest.mean(axis=0), **close)
    slopes = np.polyfit(np.arange(WINDOW), largest, 1)[0]
    np.testing.assert_allclose(found["distance_trend"], slopes, **close)
    np.testing.assert_array_equal(found["elements_beyond"], (window[-1] > 0).sum(axis=1))
    assert 0 < found["elements_beyond"].mean() < SHAPE[1]
    numbers = planted_steps.float64(record)
    w, m, v = (numbers[name][AT] for name in ("W", "m", "v"))
    np.testing.assert_allclose(found["log_m"], np.log2(np.linalg.norm(m, axis=1)))
    np.testing.assert_allclose(found["log_root_v"], np.log2(np.linalg.norm(np.sqrt(v), axis=1)))
    np.testing.assert_allclose(found["norm"], np.linalg.norm(w, axis=1))
    cells = [[np.log2(planted.plain_ulp(int(b))) for b in token] for token in record["W"][AT]]
    np.testing.assert_allclose(found["mean_cell"], np.mean(cells, axis=1))
    np.testing.assert_allclose(found["smallest_cell"], np.min(cells, axis=1))
    moving = motion_of(record)[:AT] >= np.float32(0.1)
    np.testing.assert_array_equal(found["steps_moved"], moving[-WINDOW:].sum(axis=0))
    still = [AT - max([0, *(np.flatnonzero(column) + 1)]) for column in moving.T]
    np.testing.assert_array_equal(found["steps_still"], still)
    assert len(set(still)) > 3
    np.testing.assert_array_equal(found["token_id"], np.arange(7, 7 + SHAPE[0]))


def test_nothing_after_the_step_is_known():
    record, law = rows(), planted_steps.law(TOTAL)
    before = known(record, law)
    other = {name: values.copy() for name, values in record.items()}
    for name in ("W", "m", "v"):
        other[name][AT + 1 :] = 0
    after = known(other, law)
    assert before.features.equals(after.features)
    np.testing.assert_array_equal(before.distance, after.distance)
    for form in FORMS:
        np.testing.assert_array_equal(before.physical[form], after.physical[form])


@pytest.mark.parametrize("size", [1, 9, 50, 1000])
def test_motion_is_read_in_chunks_up_to_the_step(size):
    l2 = motion_of(rows())
    chunks = ((start, l2[start : start + size]) for start in range(0, len(l2), size))
    moved, last = token_state.motion_until(chunks, 0.1, AT, WINDOW)
    moving = l2[:AT] >= np.float32(0.1)
    np.testing.assert_array_equal(moved, moving[-WINDOW:].sum(axis=0))
    wanted = [max([-1, *(np.flatnonzero(column) + 1)]) for column in moving.T]
    np.testing.assert_array_equal(last, wanted)


def test_what_is_not_finite_takes_the_place_of_the_least_or_the_largest():
    values = np.array([-np.inf, 2.0, np.inf, np.nan, 5.0])
    np.testing.assert_array_equal(token_state.finite(values), [2, 2, 5, 2, 5])
    np.testing.assert_array_equal(token_state.finite(np.full(3, np.nan)), 0)


def test_a_cloud_on_a_straight_line_is_predicted_to_stop_where_that_crosses():
    law = planted_steps.law(TOTAL)
    x = np.arange(AT - WINDOW + 1, AT + 1, dtype=float)
    for form, line in {
        "exponential": lambda t: (80.5 - t) / 10,
        "power_law": lambda t: 3 * np.log2(80.5 / t),
    }.items():
        less = np.array([trends.known(law, int(step)) for step in x])
        # What is known beforehand changes little; the line is that of what is left.
        drawn = line(x) - less[-1]
        scatter = np.random.default_rng(0).normal(size=(1, 40))
        distance = drawn[:, None] + scatter - scatter.mean()
        steps, misfit = forecast_cloud.crossing(distance, law, AT, TOTAL - 10)
        wanted = max(
            t for t in range(AT, 111) if line(float(t)) - less[-1] + trends.known(law, t) > 0
        )
        assert steps[form] == wanted
        assert 75 < wanted < 95
        other = next(name for name in FORMS if name != form)
        assert misfit[form] < 1e-9 < misfit[other]
    rising, _ = forecast_cloud.crossing(distance[::-1] + 50, law, AT, TOTAL - 10)
    assert set(rising.values()) == {TOTAL - 10}
    over, _ = forecast_cloud.crossing(distance - 50, law, AT, TOTAL - 10)
    assert set(over.values()) == {AT}


def cloud(restricted_mean, crossing, misfit=(0.1, 0.2)):
    return forecast_cloud.Cloud(
        restricted_mean,
        None,
        dict(zip(FORMS, crossing, strict=True)),
        dict(zip(FORMS, misfit, strict=True)),
    )


def test_the_cloud_of_judged_seeds_is_held_against_the_mean_of_the_choosing_ones():
    choosing = [cloud(600.0, (500, 0)), cloud(700.0, (620, 0))]
    judged = [cloud(800.0, (730, 0)), cloud(500.0, (400, 0))]
    found = forecast_cloud.summary(choosing, judged)
    assert (found["form"], found["constant"], found["offset"]) == ("exponential", 650, 90)
    assert [seed["predicted"] for seed in found["seeds"]] == [820, 490]
    assert [seed["gain"] for seed in found["seeds"]] == [150 - 20, 150 - 10]
    assert found["gain"]["mean"] == 135
    # Two seeds: Student's quantile of one degree of freedom, 12.706.
    half = 12.7062 * np.std([130, 140], ddof=1) / np.sqrt(2)
    assert found["smallest_gain_shown"] == pytest.approx(half, rel=1e-4)
    assert found["predicted_better"]
    one = forecast_cloud.summary(choosing, judged[:1])
    assert one["predicted_better"] is None
