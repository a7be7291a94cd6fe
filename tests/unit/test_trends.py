"""The forecast where it must be exact, and that it sees nothing after its step."""

import argparse
import csv
import json

import numpy as np
import planted
import planted_steps
import pytest
import tiny_run
from safetensors.numpy import load_file, save_file

from deadtokens.causes import forecast, outcome, updates
from deadtokens.errors import UserError

compute_account = planted.module("compute_account")

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

TOTAL, AT, WINDOW = 160, 60, 30


def predicted(rows, law, form):
    """The forecast of one form, what came of it, and the shares of elements by the law itself."""

    def run(first=1, last=TOTAL):
        for step in updates.each(planted_steps.each(rows), law):
            if first <= step.number <= last:
                yield step

    since = AT - WINDOW + 1
    trend = forecast.fit(forecast.series(run(since, AT)), AT, form)
    (level,) = forecast.levels(run(since, AT), law, AT, [trend])
    beyond = np.array([updates.beyond_half_a_cell(step, law) > 1 for step in run()])
    times = np.arange(1, TOTAL + 1)[:, None]
    last = np.where(beyond.any(axis=2), times, -1).max(axis=0)
    then = np.where(beyond.any(axis=2)[:AT], times[:AT], -1).max(axis=0)
    share = beyond[-WINDOW:].any(axis=0).mean(axis=1)
    made = forecast.predict(trend, level, law, AT, TOTAL, WINDOW, then)
    return made, last, share


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


@pytest.mark.parametrize("form", forecast.FORMS)
def test_a_decay_of_the_form_is_predicted_exactly(form):
    law = planted_steps.law(TOTAL)
    made, last, share = predicted(decaying(WAYS[form]), law, form)
    assert made.trends.misfit < 1e-5
    np.testing.assert_array_equal(made.last_motion, last)
    assert len(set(last[(last > AT) & (last < TOTAL)])) > 10
    np.testing.assert_array_equal(made.share_moving, share)
    assert 0 < share.mean() < 1
    other = next(name for name in forecast.FORMS if name != form)
    worse, _, _ = predicted(decaying(WAYS[form]), law, other)
    assert worse.trends.misfit > 100 * made.trends.misfit
    assert (worse.last_motion != last).any()


def test_slopes_are_those_of_the_parts():
    rows = planted_steps.record(
        TOTAL,
        m=lambda t: 1e-6 * 2 ** (-t / 10),
        v=lambda t: 1e-12 * 2 ** (t / 20),
        W=lambda t: 1.5 * 2.0 ** np.floor(t / 30),
    )
    made, _, _ = predicted(rows, planted_steps.law(TOTAL), "exponential")
    slopes = made.trends.slopes
    np.testing.assert_allclose(slopes["m"], -1 / 10, rtol=1e-4)
    np.testing.assert_allclose(slopes["root_v"], -1 / 40, rtol=1e-4)
    x = np.arange(AT - WINDOW, AT)  # cells are those of W[t-1]
    np.testing.assert_allclose(slopes["cell"], np.polyfit(x, -np.floor(x / 30), 1)[0], atol=1e-9)
    np.testing.assert_allclose(made.trends.slope, sum(slopes.values()))


def test_a_known_schedule_is_drawn_out_and_not_fitted():
    law = planted_steps.law(TOTAL, schedule="linear")
    size = spread((40, 8))
    rows = planted_steps.record(TOTAL, (40, 8), m=lambda t: 3e-5 * size + 0 * t[:, None, None])
    made, last, _ = predicted(rows, law, "exponential")
    np.testing.assert_array_equal(made.last_motion, last)
    assert len(set(last[(last > AT) & (last < TOTAL)])) > 5


def test_a_token_that_grows_never_freezes():
    rows = planted_steps.record(TOTAL, m=lambda t: 6e-5 * 2 ** (t / 100))
    made, _, _ = predicted(rows, planted_steps.law(TOTAL), "exponential")
    assert (made.last_motion == TOTAL).all()
    assert (made.share_moving == 1).all()


# The script on a real run.

SETTINGS = {
    "optimizer": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}
    | {"elapsed_steps": 0},
    "schedule": {"learning_rate": 1e-4, "schedule": "constant", "schedule_steps": 40}
    | {"elapsed_steps": 0},
    **{"run": "tiny", "total_steps": 40},
    **{"record": ["W", "m", "v", "g"], "clip_norm": None, "naming": "crucible"},
    **{"adamw": "for-loop", "state_precision": "bfloat16", "weight_precision": "bfloat16"},
    **{"motion_threshold": 12.0, "from_step": 5, "forecast_step": 20, "window": 10},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("run")
    tiny_run.make_inputs(made)
    tiny_run.train(
        made, tiny_run.settings(total_steps=40, learning_rate=1e-4, motion_threshold=12.0)
    )
    return made


def computed(folder, trajectory, into, **changes):
    into.mkdir()
    names = {"table": "account.csv", "tokens": "account_tokens.csv", "summary": "account.json"}
    paths = {name: into / file for name, file in names.items()}
    settings = SETTINGS | changes
    masks = folder / "masks.safetensors"
    options = argparse.Namespace(settings=settings, trajectory=trajectory, masks=masks, **paths)
    compute_account.main(options)
    with open(paths["tokens"], newline="", encoding="utf-8") as lines:
        tokens = list(csv.DictReader(lines))
    return tokens, json.loads(paths["summary"].read_text("utf-8"))


def test_nothing_after_its_step_is_seen(folder, tmp_path):
    """All that comes later is replaced by what a frozen run would have."""
    trajectory = folder / "trajectory.safetensors"
    fields, at = load_file(trajectory), SETTINGS["forecast_step"]
    for name, first in (("W", at + 1), ("m", at + 1), ("v", at + 1), ("g", at)):
        fields[name][first:] = fields[name][at if name == "W" else first - 1] * (name != "g")
    save_file(fields, tmp_path / "frozen.safetensors")
    tokens, summary = computed(folder, trajectory, tmp_path / "a")
    others, frozen = computed(folder, tmp_path / "frozen.safetensors", tmp_path / "b")
    blind = [
        f"{what}_{form}" for form in forecast.FORMS for what in ("last_motion_step", "share_moving")
    ]
    for name in (*blind, "last_motion_then", "share_moving_then"):
        assert [row[name] for row in tokens] == [row[name] for row in others], name
    assert [row["last_motion_step"] for row in tokens] != [
        row["last_motion_step"] for row in others
    ]
    assert summary["forecast"]["chosen"] == frozen["forecast"]["chosen"]


def test_last_motions_are_those_of_the_run(folder, tmp_path):
    trajectory = folder / "trajectory.safetensors"
    tokens, summary = computed(folder, trajectory, tmp_path / "a")
    recorded = load_file(trajectory)["last_motion_step"]
    assert [int(row["last_motion_step"]) for row in tokens] == recorded.tolist()
    assert len({*recorded}) > 5
    assert summary["steps"] == 40
    moved = np.diff(load_file(trajectory)["W"].astype(int), axis=0)[-10:].any(axis=0)
    shares = [float(row["share_moving"]) for row in tokens]
    np.testing.assert_allclose(shares, moved.mean(axis=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_norm": 1.0}, "tiny has clip_norm: 1.0"),
        ({"weight_precision": "float32"}, "weight_precision: float32"),
        ({"forecast_step": 35}, "a window of 3 steps or more up to forecast_step"),
        ({"from_step": 41}, "from_step must lie within them"),
        ({"window": 2}, "a window of 3 steps"),
        ({"record": ["W"]}, "tiny does not record m, v, g"),
    ],
)
def test_what_cannot_be_accounted_for_is_refused(folder, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        computed(folder, folder / "trajectory.safetensors", tmp_path / "a", **changes)
    assert not [*(tmp_path / "a").iterdir()]


# How good it was.


def happened(last, then, share=None):
    """50 steps, the forecast at 20, windows of 10."""
    made = outcome.Outcome(steps=50, window=10, threshold=0.1, until=20)
    made.last_motion, made.last_motion_then = np.array(last), np.array(then)
    made.moved = np.zeros((len(last), 4), bool) if share is None else np.array(share, bool)
    made.moved_then = np.ones_like(made.moved)
    return made


def test_the_judgement_of_freezing_against_counting():
    of = happened([5, 25, 30, 38, 45, 50], [5, 20, 20, 19, 20, 20])
    summary = outcome.judge_freeze(np.array([5, 27, 26, 50, 50, 30]), of)
    assert (summary["tokens_judged"], summary["frozen_before"]) == (5, 1)
    assert (summary["froze"], summary["predicted_to_freeze"]) == (3, 3)
    assert summary["share_right_about_freezing"] == pytest.approx(3 / 5)
    assert summary["share_right_by_the_commoner"] == pytest.approx(3 / 5)
    assert summary["median_absolute_error"] == 4  # of 2, 4, 12
    assert summary["median_of_the_best_constant"] == 5  # of 5, 0, 8
    assert summary["median_over_constant"] == pytest.approx(4 / 5)
    # Ranks of predicted 2 1 4.5 4.5 3 against 1 2 3 4 5.
    expected = np.corrcoef([2, 1, 4.5, 4.5, 3], [1, 2, 3, 4, 5])[0, 1]
    assert summary["rank_correlation"] == pytest.approx(expected)


def test_where_nothing_freezes_it_cannot_be_judged():
    summary = outcome.judge_freeze(np.array([30, 50]), happened([50, 41], [20, 20]))
    assert summary["not_judged"] == outcome.NONE_FROZE
    summary = outcome.judge_freeze(np.array([5, 3]), happened([5, 3], [5, 3]))
    assert summary["not_judged"] == outcome.ALL_FROZE


def test_shares_are_judged_beside_their_rivals():
    of = happened([50] * 3, [20] * 3, [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]])
    summary = outcome.judge_share(np.array([0.25, 0.5, 0.75]), of)
    assert summary["rank_correlation"] == pytest.approx(1)
    assert summary["median_absolute_error"] == 0
    assert summary["mean_absolute_error"] == pytest.approx(0.25 / 3)
    assert summary["mean_of_the_best_constant"] == pytest.approx(0.75 / 3)
    assert summary["as_before"]["mean"] == 1
    assert summary["as_before"]["mean_absolute_error"] == pytest.approx(1.25 / 3)
    groups = outcome.calibration(np.arange(40.0), np.arange(40.0) ** 2)
    assert [group["tokens"] for group in groups] == [4] * 10
    assert groups[1] == {"tokens": 4, "predicted": 5.5, "happened": (25 + 36) / 2}
