"""Trends drawn out: exact where they must be, and blind to all after their step."""

import numpy as np
import planted_steps
import pytest

from deadtokens.causes import trends, updates

TOTAL, AT, WINDOW = 160, 60, 30


def predicted(rows, law, form):
    """The trends of one form, the last motions that they predict, and those by the law itself."""

    def run(first=1, last=TOTAL):
        for step in updates.each(planted_steps.each(rows), law):
            if first <= step.number <= last:
                yield step

    since = AT - WINDOW + 1
    trend = trends.fit(trends.series(run(since, AT)), AT, form)
    (level,) = trends.levels(run(since, AT), law, AT, [trend])
    beyond = np.array([updates.beyond_half_a_cell(step, law) > 1 for step in run()])
    times = np.arange(1, TOTAL + 1)[:, None]
    last = np.where(beyond.any(axis=2), times, -1).max(axis=0)
    then = np.where(beyond.any(axis=2)[:AT], times[:AT], -1).max(axis=0)
    return trend, trends.predict(trend, level, law, AT, TOTAL, then), last


def spread(shape):
    """Elements of all sizes of moments, so that tokens cross the line one after the other."""
    return np.random.default_rng(3).uniform(0.2, 3, shape)


def decaying(way, shape=(40, 8)):
    """Tokens that decay each at a rate of its own; W so that half a cell is 2^-8."""
    rates = np.linspace(0.6, 1.4, shape[0])[:, None]
    size = spread(shape)
    m = lambda t: 1.8e-5 * size * way(t[:, None, None], rates)  # noqa: E731
    return planted_steps.record(TOTAL, shape, W=1.5, m=m)


WAYS = {
    "exponential": lambda t, rate: 2 ** (-(t - 30) / 40 * rate),
    "power_law": lambda t, rate: (np.maximum(t, 1) / 30) ** (-0.9 * rate),
}


@pytest.mark.parametrize("form", trends.FORMS)
def test_a_decay_of_the_form_is_predicted_exactly(form):
    law = planted_steps.law(TOTAL)
    trend, made, last = predicted(decaying(WAYS[form]), law, form)
    assert trend.misfit < 1e-5
    np.testing.assert_array_equal(made, last)
    assert len(set(last[(last > AT) & (last < TOTAL)])) > 10
    other = next(name for name in trends.FORMS if name != form)
    worse, worse_made, _ = predicted(decaying(WAYS[form]), law, other)
    assert worse.misfit > 100 * trend.misfit
    assert (worse_made != last).any()


def test_slopes_are_those_of_the_parts():
    rows = planted_steps.record(
        TOTAL,
        m=lambda t: 1e-6 * 2 ** (-t / 10),
        v=lambda t: 1e-12 * 2 ** (t / 20),
        W=lambda t: 1.5 * 2.0 ** np.floor(t / 30),
    )
    trend, _, _ = predicted(rows, planted_steps.law(TOTAL), "exponential")
    slopes = trend.slopes
    np.testing.assert_allclose(slopes["m"], -1 / 10, rtol=1e-4)
    np.testing.assert_allclose(slopes["root_v"], -1 / 40, rtol=1e-4)
    x = np.arange(AT - WINDOW, AT)  # cells are those of W[t-1]
    np.testing.assert_allclose(slopes["cell"], np.polyfit(x, -np.floor(x / 30), 1)[0], atol=1e-9)
    np.testing.assert_allclose(trend.slope, sum(slopes.values()))


def test_a_known_schedule_is_drawn_out_and_not_fitted():
    law = planted_steps.law(TOTAL, schedule="linear")
    size = spread((40, 8))
    rows = planted_steps.record(TOTAL, (40, 8), m=lambda t: 3e-5 * size + 0 * t[:, None, None])
    _, made, last = predicted(rows, law, "exponential")
    np.testing.assert_array_equal(made, last)
    assert len(set(last[(last > AT) & (last < TOTAL)])) > 5


def test_a_token_that_grows_never_freezes():
    rows = planted_steps.record(TOTAL, m=lambda t: 6e-5 * 2 ** (t / 100))
    _, made, _ = predicted(rows, planted_steps.law(TOTAL), "exponential")
    assert (made == TOTAL).all()
