"""Effects on a planted fall, paired by seed; interactions; curves; the figure."""

import math
from argparse import Namespace

import numpy as np
import pandas as pd
import planted
import pytest
from planted import cooling_weights, measure, write_weights
from test_onset import course_of

from deadtokens.causes import draw_onset, onset, onset_arms, onset_effects, onset_summary
from deadtokens.errors import UserError
from deadtokens.files import tables
from deadtokens.program import drawing

compute_onset = planted.module("compute_onset")

STEPS, FROM, WINDOW = 60, 11, 10
SEEDS = (1, 2, 3)
CHANGES = {
    "published": {},
    "states": {"state_precision": "float32"},
    "weights": {"weight_precision": "float32"},
    "both": {"state_precision": "float32", "weight_precision": "float32"},
}
# ln of the mean displacement at the end, by arm; at the start it is 2 everywhere.
ENDS = {"published": -4.0, "states": -1.0, "weights": -2.0, "both": -0.5}
# Added at each seed to all arms alike: it widens no paired interval of differences.
COMMON = {1: 0.0, 2: 0.7, 3: -0.4}


def planted(arm, seed):
    size = np.full(STEPS, 50.0)
    size[FROM - 1 : FROM - 1 + WINDOW] = math.exp(2)
    size[-WINDOW:] = math.exp(ENDS[arm] + COMMON[seed])
    moving = np.linspace(1, 1 - 0.2 * abs(ENDS[arm]), STEPS)
    found = course_of([20 * seed - 1, STEPS], size)
    return onset.Course(found.last, moving, size, 2 * size, found.hops)


def courses(seeds=SEEDS):
    return {arm: [planted(arm, seed) for seed in seeds] for arm in ENDS}


def settings(seeds=SEEDS, second_moment=False):
    run = {"elements": 4, "second_moment": second_moment}
    arms = [
        {
            "arm": arm,
            "changes": changed,
            "runs": [{"run": f"{arm}_{seed}", "seed": seed, **run} for seed in seeds],
        }
        for arm, changed in CHANGES.items()
    ]
    rules = {"reference": "published", "from_step": FROM, "window": WINDOW}
    return rules | {"bin_steps": 7, "motion_threshold": 0.1, "arms": arms}


def summary(seeds=SEEDS, moments=None):
    none = {arm: [] for arm in CHANGES}
    return onset_summary.summary(settings(seeds), courses(seeds), moments or none)


def test_a_planted_fall_and_what_goes_away_of_it():
    report = summary()["effects"]["log_displacement"]
    falls = [6 - COMMON[seed] for seed in SEEDS]
    assert report["fall_of_reference"]["mean"] == pytest.approx(np.mean(falls))
    for arm, end in ENDS.items():
        if arm == "published":
            continue
        lost = report["arms"][arm]["goes_away"]
        assert [lost[key] for key in ("mean", "low", "high")] == pytest.approx([end + 4] * 3)
        share = report["arms"][arm]["share"]
        each = [(end + 4) / fall for fall in falls]
        half = 4.302652729911275 * np.std(each, ddof=1) / math.sqrt(3)
        assert share["mean"] == pytest.approx(np.mean(each))
        assert share["high"] - share["mean"] == pytest.approx(half)
    assert report["interactions"].keys() == {"both"}
    assert report["interactions"]["both"]["of"] == ["states", "weights"]
    # 3.5 go away in both, 3 and 2 in each: 1.5 of the same.
    assert report["interactions"]["both"]["goes_away"]["mean"] == pytest.approx(-1.5)
    vector = summary()["effects"]["log_vector"]["arms"]["states"]["goes_away"]
    assert vector["mean"] == pytest.approx(3)


def test_the_share_of_moving_tokens_against_a_plain_version():
    lost = summary()["effects"]["moving"]["arms"]["states"]["goes_away"]["mean"]
    falls = {}
    for arm in ("published", "states"):
        line = [1 - 0.2 * abs(ENDS[arm]) * t / (STEPS - 1) for t in range(STEPS)]
        first = sum(line[FROM - 1 : FROM - 1 + WINDOW]) / WINDOW
        falls[arm] = first - sum(line[-WINDOW:]) / WINDOW
    assert lost == pytest.approx(falls["published"] - falls["states"])


def test_seeds_are_paired_by_name_and_not_by_place():
    found = courses()
    by_seed = {
        arm: {seed: onset.numbers(one, FROM, WINDOW) for seed, one in zip(SEEDS, of, strict=True)}
        for arm, of in found.items()
    }
    straight = onset_effects.effects(by_seed, CHANGES, "published")
    turned = by_seed | {"states": dict(reversed(by_seed["states"].items()))}
    assert onset_effects.effects(turned, CHANGES, "published") == straight
    fewer = by_seed | {"states": {3: by_seed["states"][3], 9: by_seed["states"][1]}}
    summary = onset_effects.effects(fewer, CHANGES, "published")["log_displacement"]
    assert summary["arms"]["states"]["goes_away"]["seeds"] == 1
    assert summary["arms"]["weights"]["goes_away"]["seeds"] == 3
    assert summary["interactions"]["both"]["goes_away"]["seeds"] == 1


def test_what_stands_still_has_no_logarithm_and_what_does_not_fall_no_share():
    numbers = {"moving_at_start": 0.5, "moving_at_end": 0.5}
    numbers |= {
        f"{name}_at_{end}": 0.0 for name in ("displacement", "vector") for end in ("start", "end")
    }
    arms = {"published": {1: numbers}, "states": {1: numbers}}
    summary = onset_effects.effects(arms, {"published": {}, "states": {"a": 1}}, "published")
    assert summary["log_displacement"]["arms"]["states"]["goes_away"]["mean"] is None
    assert summary["moving"]["arms"]["states"]["goes_away"]["mean"] == 0
    assert summary["moving"]["arms"]["states"]["share"]["mean"] is None


def test_shifts_and_times_in_words():
    report = summary()
    assert report["shifts"]["mean_freeze"]["both"]["mean"] == 0
    arm = report["arms"]["published"]
    assert arm["last_motion"]["text"] == "never in 60 steps"
    assert arm["median_freeze"]["mean"] == 39
    assert arm["median_freeze"]["text"] == "step 39"
    some = onset.over_seeds([1400, None, 1300])
    assert onset_arms.in_words(some, 1500).startswith("never in 1,500 steps at 1 of 3 seeds; ")
    assert onset_arms.in_words(some, 1500).endswith("at step 1,300")


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


def test_curves_are_means_over_bins_and_geometric_over_seeds():
    rows = onset_arms.table(courses(), bin_steps=7)
    own = rows[rows["arm"] == "published"].to_dict("records")
    assert [row["step"] for row in own] == [7, 14, 21, 28, 35, 42, 49, 56, 60]
    last = {seed: math.exp(ENDS["published"] + COMMON[seed]) for seed in SEEDS}
    product = math.prod(last.values())
    assert own[-1]["displacement"] == pytest.approx(product ** (1 / 3))
    assert own[-1]["displacement_low"] < own[-1]["displacement"] < own[-1]["displacement_high"]
    first = np.mean([planted("published", 1).moving[:7]])
    assert own[0]["moving"] == pytest.approx(first)
    # Of two tokens one stops at step 19, 39 or 59, by seed; the other never.
    assert [row["frozen"] for row in own][2::3] == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    still = [course_of([-1], np.zeros(4)), course_of([-1], np.ones(4))]
    (row,) = onset_arms.table({"a": still}, bin_steps=4).to_dict("records")
    assert math.isnan(row["displacement"])
    assert math.isnan(row["displacement_low"])
    assert row["hops"] == 1


def test_growth_and_ratchet_of_v():
    columns = {
        "rose": np.array([1, 0.5, 0, 0.5]),
        "fell": np.zeros(4),
        "stood": np.array([0, 0.5, 1, 0.5]),
        "v_median": np.array([1.0, 2, 4, 8]),
        "counterfactual_median": np.array([1.0, 2, 3, 1]),
        "shortening_median": np.array([1, 1, 0.9, 0.35]),
    }
    second_moment = onset_arms.second_moment(pd.DataFrame(columns), from_step=2)
    assert (second_moment["rose"], second_moment["fell"], second_moment["stood"]) == (0.5, 0, 0.5)
    assert (
        second_moment["growth"],
        second_moment["counterfactual_growth"],
        second_moment["shortening"],
    ) == (4, 0.5, 0.35)
    moments = {arm: [second_moment] if arm == "published" else [] for arm in CHANGES}
    arms = summary(moments=moments)["arms"]
    assert arms["published"]["second_moment"]["growth"]["mean"] == 4
    assert arms["both"]["second_moment"] is None


def test_files_that_do_not_belong_to_the_runs_end_with_one_message(tmp_path):
    weights = [cooling_weights(STEPS, tokens, 4, seed) for seed in (1, 2) for tokens in (5, 6)]
    paths = []
    for i, rows in enumerate(weights):
        made = write_weights(tmp_path / f"W{i}.safetensors", rows)
        paths.append(measure(made, tmp_path / f"displacement{i}.safetensors"))
    outputs = {"table": tmp_path / "onset.csv", "summary": tmp_path / "onset.json"}

    def computed(displacements, second_moments=()):
        given = {"displacements": displacements, "second_moments": [*second_moments]}
        compute_onset.main(Namespace(settings=settings((1,)), **given, **outputs))

    computed([paths[0], paths[2]] * 2)
    outputs["summary"].unlink()
    for given, message in (
        (([paths[0]] * 3,), "3 displacements for published_1, states_1, weights_1, both_1: give"),
        (([paths[0]] * 4, ["v.csv"]), "1 second moments for no run: give one for each"),
        (([paths[0]] * 3 + [paths[1]],), "displacement1.* is of 6 tokens over 60 steps, .* of 5"),
        (([paths[0]] * 3 + [tmp_path / "W0.safetensors"],), "no l2, vector_ulp, lattice_steps"),
        (([paths[0]] * 3 + [tmp_path / "none.safetensors"],), "there is no such file"),
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
    assert "How much of the fall of motion goes away" in text
