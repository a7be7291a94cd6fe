"""Effects of planted arms, paired by seed; interactions; the files of the program; the figure."""

import json
import math
from argparse import Namespace

import numpy as np
import pandas as pd
import planted
import pytest
from test_onset import course_of, stopping

from deadtokens.causes import draw_onset, onset, onset_arms, onset_effects, onset_summary
from deadtokens.errors import UserError
from deadtokens.files import tables
from deadtokens.program import drawing

compute_onset = planted.module("compute_onset")

STEPS, STILL, TOKENS = 100, 10, 20
LATEST = STEPS - STILL
SEEDS = (1, 2, 3)
CHANGES = {
    "published": {},
    "states": {"state_precision": "float32"},
    "weights": {"weight_precision": "float32"},
    "both": {"state_precision": "float32", "weight_precision": "float32"},
}
# The last motion of half of the tokens, by arm; the others move on to the last step.
LAST = {"published": 40, "states": 60, "weights": 50, "both": 64}
# Added at each seed to all arms alike: it widens no interval of paired differences.
COMMON = {1: 0, 2: 8, 3: -6}


def planted_course(arm, seed, steps=STEPS):
    last = [LAST[arm] + COMMON[seed]] * (TOKENS // 2) + [steps] * (TOKENS // 2)
    return course_of(stopping(last, steps), STILL)


def settings(seeds=SEEDS, second_moment=False, arms=CHANGES):
    arms = [
        {
            "arm": arm,
            "changes": changed,
            "runs": [
                {"run": f"{arm}_{seed}", "seed": seed, "second_moment": second_moment}
                for seed in seeds
            ],
        }
        for arm, changed in arms.items()
    ]
    rules = {"reference": "published", "through_step": STEPS, "still_for": STILL}
    return rules | {"from_step": 2, "bin_steps": 7, "arms": arms}


def courses(seeds=SEEDS, steps=STEPS):
    horizon = onset.Horizon(STEPS, STILL)
    return {
        arm: [onset.through(planted_course(arm, s, steps), "x", horizon) for s in seeds]
        for arm in CHANGES
    }


def summary(seeds=SEEDS, moments=None, steps=STEPS):
    none = {arm: [] for arm in CHANGES}
    return onset_summary.summary(settings(seeds), courses(seeds, steps), moments or none)


def numbers(onset_of_run, still=0.5):
    return {"onset": onset_of_run, "still": still}


def test_planted_effects_and_their_interaction():
    """Half of the tokens come to rest later by 20, 10, 24 steps: the mean by half of that."""
    effects = summary()["effects"]["tokens"]
    later = {"states": 10, "weights": 5, "both": 12}
    for arm, steps in later.items():
        found = effects["onset"]["arms"][arm]
        # The seeds' own 8 and -6 are in all arms: of the difference nothing is left to spread.
        assert [found[key] for key in ("mean", "low", "high")] == pytest.approx(
            [steps] * 3, abs=0.1
        )
        share = [steps / (LATEST - (LATEST + 40 + COMMON[seed]) / 2) for seed in SEEDS]
        found = effects["goes_away"]["arms"][arm]
        half = 4.302652729911275 * np.std(share, ddof=1) / math.sqrt(3)
        assert found["mean"] == pytest.approx(np.mean(share))
        assert found["high"] - found["mean"] == pytest.approx(half)
        assert effects["still"]["arms"][arm]["mean"] == 0
    assert effects["onset"]["interactions"].keys() == {"both"}
    interaction = effects["onset"]["interactions"]["both"]
    assert interaction["of"] == ["states", "weights"]
    assert interaction["mean"] == pytest.approx(12 - 10 - 5)
    assert effects["goes_away"]["interactions"]["both"]["mean"] == pytest.approx(
        np.mean([-3 / (LATEST - (LATEST + 40 + COMMON[seed]) / 2) for seed in SEEDS])
    )
    # Of two elements one never moves, so that all is half of what it is of tokens.
    elements = summary()["effects"]["elements"]["onset"]["arms"]["states"]
    assert elements["mean"] == pytest.approx(5)


def test_a_complete_freeze_and_none_at_all_have_finite_effects():
    """The very case where the logarithm of a motion at the end has no value."""
    horizon = onset.Horizon(STEPS, STILL)
    lasts = {"published": [30] * 8, "states": [STEPS] * 8}
    found = {
        arm: [onset.through(course_of(stopping(last, STEPS), STILL), "x", horizon)] * 3
        for arm, last in lasts.items()
    }
    given = settings(arms={arm: CHANGES[arm] for arm in lasts})
    result = onset_summary.summary(given, found, {arm: [] for arm in lasts})
    effects = result["effects"]["tokens"]
    assert effects["onset"]["arms"]["states"]["mean"] == LATEST - 30
    assert effects["still"]["arms"]["states"]["mean"] == -1
    assert effects["goes_away"]["arms"]["states"]["mean"] == 1
    of_arms = {arm: result["arms"][arm]["tokens"] for arm in lasts}
    assert (of_arms["published"]["still"]["mean"], of_arms["published"]["still"]["high"]) == (1, 1)
    assert 0 < of_arms["published"]["still"]["low"] < 1
    assert (of_arms["states"]["still"]["mean"], of_arms["states"]["still"]["low"]) == (0, 0)
    assert of_arms["published"]["rate"]["mean"] == 0
    assert of_arms["states"]["median_onset"]["text"] == f"not reached by step {LATEST}"
    assert "NaN" not in json.dumps(result)
    turned = onset_effects.effects(
        {"published": {1: numbers(LATEST)}, "states": {1: numbers(30)}},
        {"published": {}, "states": {"a": 1}},
        "published",
        LATEST,
        0.1,
    )
    assert turned["onset"]["arms"]["states"]["mean"] == 30 - LATEST
    assert turned["goes_away"]["arms"]["states"]["mean"] is None  # no rest that could go away


def test_longer_runs_give_the_same_object():
    assert summary(steps=STEPS + 57) == summary()


def test_seeds_are_paired_by_name_and_not_by_place():
    by_seed = {arm: {seed: numbers(LAST[arm] + COMMON[seed]) for seed in SEEDS} for arm in CHANGES}
    straight = onset_effects.effects(by_seed, CHANGES, "published", LATEST, 0.1)
    turned = by_seed | {"states": dict(reversed(by_seed["states"].items()))}
    assert onset_effects.effects(turned, CHANGES, "published", LATEST, 0.1) == straight
    fewer = by_seed | {"states": {3: by_seed["states"][3], 9: by_seed["states"][1]}}
    report = onset_effects.effects(fewer, CHANGES, "published", LATEST, 0.1)["onset"]
    assert report["arms"]["states"]["seeds"] == 1
    assert report["arms"]["states"]["mean"] == 20
    assert report["arms"]["weights"]["seeds"] == 3
    assert report["interactions"]["both"]["seeds"] == 1


def test_more_than_ten_seeds():
    seeds = range(1, 14)
    random = np.random.default_rng(0)
    by_seed = {
        arm: {seed: numbers(LAST[arm] + random.normal(0, 3)) for seed in seeds} for arm in CHANGES
    }
    found = onset_effects.effects(by_seed, CHANGES, "published", LATEST, 0.1)["onset"]["arms"]
    each = [by_seed["both"][seed]["onset"] - by_seed["published"][seed]["onset"] for seed in seeds]
    half = 2.178813 * np.std(each, ddof=1) / math.sqrt(13)
    assert found["both"]["seeds"] == 13
    assert found["both"]["high"] - found["both"]["mean"] == pytest.approx(half, rel=0.05)


def test_one_seed_has_no_intervals_and_says_so():
    report = summary((2,))
    assert report["intervals"].startswith("none: one random seed")
    assert summary()["intervals"] == "95% over random seeds, by Student's t"
    found = report["effects"]["tokens"]["onset"]["arms"]["states"]
    assert (found["mean"], found["low"], found["high"]) == (10, None, None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (CHANGES, {"both": ("states", "weights")}),
        ({"a": {}, "b": {"x": 1}, "c": {"x": 2}, "d": {"x": 1}}, {}),
        ({"a": {}, "b": {"x": 1}, "c": {"y": 1}, "d": {"x": 1, "y": 2}}, {}),
    ],
)
def test_interactions_are_of_arms_that_join_two_others(changes, expected):
    assert onset_effects.interacting(changes) == expected


def of_v(steps=4):
    columns = {
        "rose": np.array([1, 0.5, 0, 0.3]),
        "fell": np.zeros(4),
        "stood": np.array([0, 0.5, 1, 0.7]),
        "v_median": np.array([1.0, 2, 4, 8]),
        "counterfactual_median": np.array([1.0, 2, 3, 1]),
        "shortening_median": np.array([1, 1, 0.9, 0.35]),
    }
    return pd.DataFrame({name: values[:steps] for name, values in columns.items()})


def test_growth_and_ratchet_of_v():
    second_moment = onset_arms.second_moment(of_v(), 2, 4)
    shares = [second_moment[name] for name in ("rose", "fell", "stood")]
    assert shares == pytest.approx([0.45, 0, 0.55])
    assert (
        second_moment["growth"],
        second_moment["counterfactual_growth"],
        second_moment["shortening"],
    ) == (4, 0.5, 0.35)
    # What comes after the step that is looked at changes nothing.
    assert onset_arms.second_moment(of_v(), 2, 3) == onset_arms.second_moment(of_v(3), 2, 3)
    with pytest.raises(UserError, match="a second moment has 3 steps; through_step is 4: give"):
        onset_arms.second_moment(of_v(3), 2, 4)
    moments = {arm: [second_moment] if arm == "published" else [] for arm in CHANGES}
    arms = summary(moments=moments)["arms"]
    assert arms["published"]["second_moment"]["growth"]["mean"] == 4
    assert arms["both"]["second_moment"] is None


def test_files_that_do_not_belong_to_the_runs_end_with_one_message(tmp_path):
    paths = []
    for name, course in (
        ("a", planted_course("states", 1)),
        ("b", planted_course("states", 2, STEPS + 9)),
        ("short", planted_course("states", 1, STEPS - 1)),
        ("more", course_of(stopping([5] * (TOKENS + 1), STEPS), STILL)),
        ("other", course_of(stopping([5] * TOKENS, STEPS), STILL + 1)),
    ):
        tables.write(tmp_path / f"{name}.csv", course)
        paths.append(tmp_path / f"{name}.csv")
    outputs = {"table": tmp_path / "onset.csv", "summary": tmp_path / "onset.json"}

    def computed(given, second_moments=()):
        options = {"courses": given, "second_moments": [*second_moments]}
        compute_onset.main(Namespace(settings=settings((1,)), **options, **outputs))

    computed([paths[0], paths[1]] * 2)
    outputs["summary"].unlink()
    for given, message in (
        (([paths[0]] * 3,), "3 courses for published_1, states_1, weights_1, both_1: give"),
        (([paths[0]] * 4, ["v.csv"]), "1 second moments for no run: give one for each"),
        (([paths[0]] * 3 + [paths[2]],), "short.csv has 99 steps; through_step is 100"),
        (([paths[0]] * 3 + [paths[3]],), "more.csv is of 21 tokens, .*a.csv of 20"),
        (([paths[0]] * 3 + [paths[4]],), "other.csv shows no onset in its last 11 steps"),
        (([paths[0]] * 3 + [tmp_path / "onset.csv"],), "onset.csv: has no column tokens"),
        (([paths[0]] * 3 + [tmp_path / "none.csv"],), "there is no such file"),
    ):
        with pytest.raises(UserError, match=message):
            computed(*given)
    assert not outputs["summary"].exists()


@pytest.mark.parametrize("seeds", [(1,), SEEDS])
def test_the_figure_of_what_was_found(tmp_path, seeds):
    rows = onset_arms.table(courses(seeds), 7)
    assert tuple(rows.columns) == onset_arms.COLUMNS
    tables.write(tmp_path / "onset.csv", rows)
    compute_onset.command.write_json(tmp_path / "onset.json", summary(seeds))
    look = {"title": "Crucible", "width_mm": 180, "dpi": 80}
    paths = {"table": tmp_path / "onset.csv", "summary": tmp_path / "onset.json"}
    options = Namespace(settings=look, figure=tmp_path / "onset.svg", **paths)
    drawing.save(draw_onset.draw, draw_onset.INPUTS, options)
    text = (tmp_path / "onset.svg").read_text()
    for words in ("Tokens before their first rest of 10 steps", "Mean onset, difference in steps"):
        assert words in text
    assert ("intervals: none: one random seed" in text) == (len(seeds) == 1)
