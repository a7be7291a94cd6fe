"""Onsets in the configuration: mistakes are reported before anything runs; questions wait."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from planning import configuration, inputs, onsets, schema
from planning.mistakes import ConfigurationError, RequestError
from planning.runs import DECIDING_TRAINING

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
BASE, VERDICTS, TOP = (
    yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    for name in ("config", "verdicts", "onset")
)


def merged(base, top):
    nested = {
        key: merged(base.get(key) or {}, value) if isinstance(value, dict) else value
        for key, value in top.items()
    }
    return base | nested


DEFAULT = merged(merged(BASE, VERDICTS), TOP)


def resolved(runs=None, sections=None, **onset):
    changed = merged(copy.deepcopy(DEFAULT), sections or {})
    arms = onset.pop("arms", {})
    changed["causes"]["onsets"]["onset"] |= onset
    changed["causes"]["onsets"]["onset"]["arms"] |= arms
    for name, run in (runs or {}).items():
        changed["runs"].setdefault(name, {}).update(run)
    return configuration.resolve(changed, SCHEMA)


STATES, WEIGHTS = {"state_precision": "float32"}, {"weight_precision": "float32"}
SHIPPED = {  # what each arm changes, and at how many seeds from 42 on
    "onset": (
        5,
        {"float32_states": STATES, "float32_weights": WEIGHTS, "float32_both": STATES | WEIGHTS},
    ),
    "beta2": (3, {"beta2_99": {"beta2": 0.99}, "beta2_95": {"beta2": 0.95}}),
    "width": (3, {f"width_{d}": {"hidden_dim": d} for d in (16, 32, 128)}),
    "gauge": (3, {"centred": {"weight_precision": "centred"}}),
    "switch": (
        3,
        {"float32_v_from_400": {"second_moment_precision": "float32", "resume_step": 400}},
    ),
    "rate_and_decay": (
        3,
        {
            "published": {"weight_decay": 0},
            "rate_3e-4_decay": {"learning_rate": 3e-4},
            "rate_3e-4": {"learning_rate": 3e-4, "weight_decay": 0},
        },
    ),
    "untied": (3, {"untied": {"tied_embeddings": False}}),
}
ONE_SEED = {"onset_long", "other_changes", "moments"}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_arms_change_what_their_names_say(name):
    found = resolved()
    runs, onset = found["runs"], found["causes"]["onsets"][name]
    number, expected = SHIPPED[name]
    reference = onset["arms"][onset["reference"]]
    assert {
        arm: onsets.changes(names[0], reference[0], runs) for arm, names in onset["arms"].items()
    } == expected | {onset["reference"]: {}}
    for names in onset["arms"].values():
        assert onsets.seeds(names, runs) == [*range(42, 42 + number)]


def test_what_is_of_one_seed_says_so_and_all_look_at_whole_runs():
    found = resolved()
    runs, shipped = found["runs"], found["causes"]["onsets"]
    assert shipped.keys() == SHIPPED.keys() | ONE_SEED
    for name, onset in shipped.items():
        if name in ONE_SEED:
            assert all(len(names) == 1 for names in onset["arms"].values()), name
        assert onset["through_step"] == (5000 if name == "onset_long" else 1500)
    trained = {name for onset in shipped.values() for of in onset["arms"].values() for name in of}
    steps = {name: runs[name]["total_steps"] for name in trained}
    longer = {name for name, number in steps.items() if number > 1500}
    assert longer == {
        *("crucible1", "crucible1_43", "crucible1_44", "onset_float32_states"),
        *("onset_float32_weights", "onset_float32_both"),
    }
    crucible1 = configuration.resolve(merged(BASE, VERDICTS), SCHEMA)["runs"]["crucible1"]
    assert runs["crucible1"] == crucible1 | {"save_checkpoint_at": [400]}


def test_the_published_text_is_one_line():
    """Every run of a comparison is on it, the resumed ones and their sources too."""
    over = [yaml.safe_load((ROOT / f"config/{n}.yaml").read_text()) for n in ("fineweb", "onset")]
    over.append(yaml.safe_load((ROOT / "config/everything_fineweb.yaml").read_text()))
    layered = merged(BASE, VERDICTS)
    for one in over:
        layered = merged(layered, one)
    found = configuration.resolve(layered, SCHEMA)
    for onset in found["causes"]["onsets"].values():
        for names in onset["arms"].values():
            for name in names:
                chained = [s["run"] for s in onsets.segments(name, found["runs"])]
                assert {found["runs"][one]["corpus"] for one in chained} == {"fineweb"}


def test_a_resumed_run_is_counted_from_the_run_that_it_was_resumed_from():
    """Of a run resumed from a resumed one, too; each part up to where the next takes over."""
    runs = {
        "a": {"resume_run": None, "resume_step": None, "total_steps": 5000},
        "b": {"resume_run": "a", "resume_step": 400, "total_steps": 900},
        "c": {"resume_run": "b", "resume_step": 100, "total_steps": 50},
    }
    whole = {"run": "a", "first_step": 1, "last_step": 5000}
    assert onsets.segments("a", runs) == [whole]
    assert onsets.segments("b", runs) == [
        whole | {"last_step": 400},
        {"run": "b", "first_step": 401, "last_step": 1300},
    ]
    assert onsets.segments("c", runs) == [
        whole | {"last_step": 400},
        {"run": "b", "first_step": 401, "last_step": 500},
        {"run": "c", "first_step": 501, "last_step": 550},
    ]
    assert onsets.length("c", runs) == 550


def test_what_a_source_has_otherwise_is_a_change_too():
    changed = {"onset_beta2_99": {"save_checkpoint_at": [400]}}
    changed["onset_switch"] = {"resume_run": "onset_beta2_99", "second_moment_precision": None}
    runs = resolved(
        changed,
        {"causes": {"onsets": {"switch": {"arms": {"float32_v_from_400": ["onset_switch"]}}}}},
    )["runs"]
    assert onsets.changes("onset_switch", "crucible1", runs) == {
        "resume_step": 400,
        "before_resume_step": {"beta2": 0.99},
    }


def test_a_schedule_counts_by_what_it_does():
    """Longer runs serve, unless their learning rate follows the length."""
    runs = {"onset_published_45": {"total_steps": 1600}}
    assert resolved(runs)
    linear = {"crucible1": {"schedule": "linear"}}
    with pytest.raises(ConfigurationError, match="whose schedule_steps is 1500; allowed: that of"):
        resolved(linear)


def test_the_name_of_a_sweep_stands_for_its_runs():
    swept = {"like": "onset_published", "sweep": {"random_seed": [42, 43, 44]}}
    found = resolved({"seeds": swept}, arms={"published": ["seeds"]})
    assert found["causes"]["onsets"]["onset"]["arms"]["published"] == [
        "seeds_42",
        "seeds_43",
        "seeds_44",
    ]


def test_what_decides_training_is_alike_or_a_change_or_the_seed():
    """The run that one was resumed from is held to the same, and all of it must be restored."""
    judged = {*onsets.ALIKE, *onsets.CHANGEABLE, "random_seed", "total_steps"}
    judged |= {"resume_run", "restore"}
    assert {*DECIDING_TRAINING} - judged == set()


@pytest.mark.parametrize("name", ["rate_or_decay", "mixed_precision", "softmax"])
def test_a_question_is_open_until_its_onset_is_configured(name):
    without = configuration.resolve(merged(BASE, VERDICTS), SCHEMA)["verdicts"]["questions"][name]
    assert without["undecided_because"] == without["open_without_run"]
    assert (without["run"], without["supported_if"], without["statistic"]) == (None, None, "")
    question = resolved()["verdicts"]["questions"][name]
    assert question["undecided_because"] is None
    assert question["run"] in ("onset", "rate_and_decay")
    assert question["supported_if"]


MISTAKES = {
    "an unknown run": (
        {"arms": {"published": ["onset_publishd"]}},
        {},
        "causes.onsets.onset.arms.published is 'onset_publishd', no entry of runs. "
        "Did you mean onset_published?",
    ),
    "an unknown reference": (
        {"reference": "publisht"},
        {},
        "causes.onsets.onset.reference is 'publisht', no entry of arms. Did you mean published?",
    ),
    "runs that are too short": (
        {},
        {"onset_float32_both_43": {"total_steps": 1400}, "onset_published_46": {"total_steps": 9}},
        "causes.onsets.onset.through_step is 1500, but of its runs have fewer steps: "
        r"onset_published_46 \(9\), onset_float32_both_43 \(1400\), onset_float32_both_44 "
        r"\(1400\), .* Allowed: at most 9. Or set total_steps of these runs higher.",
    ),
    "a resumed run that is too short": (
        {},
        {"onset_switch_44": {"total_steps": 1099}},
        r"switch.through_step is 1500, but .* fewer steps: onset_switch_44 \(1499\). Allowed: at",
    ),
    "a resume that lacks a part": (
        {},
        {"onset_switch_43": {"restore": ["parameters", "schedule"]}},
        "switch.arms.float32_v_from_400 has onset_switch_43. onset_switch_43 was resumed from "
        "crucible1_43 without its moments, data; its restore is "
        r"\[parameters, schedule\]. .* add what is missing to runs.onset_switch_43.restore",
    ),
    "a resume from another seed": (
        {},
        {"onset_switch_43": {"resume_run": "crucible1"}},
        "onset_switch_43 has random_seed: 43, and crucible1, which it was resumed from, 42",
    ),
    "a resume from what is not kept": (
        {},
        {"crucible1": {"save_checkpoint_at": [300]}},
        "runs.onset_switch.resume_step is 400, but crucible1 keeps no checkpoint of that step. "
        r"Allowed: one of runs.crucible1.save_checkpoint_at, \[300\]",
    ),
    "seeds of an arm that were resumed otherwise": (
        {},
        {
            "crucible1_43": {"save_checkpoint_at": [300, 400]},
            "onset_switch_43": {"resume_step": 300, "total_steps": 1200},
        },
        "has onset_switch_43, whose resume_step is 300; allowed: that of onset_switch, 400",
    ),
    "sources of an arm that differ": (
        {},
        {"crucible1_43": {"beta2": 0.9}, "onset_switch_43": {"beta2": 0.999}},
        "has crucible1_43, whose beta2 is 0.9; allowed: that of crucible1, 0.999",
    ),
    "a run of an arm that differs in more": (
        {},
        {"onset_float32_states_44": {"learning_rate": 0.01}},
        "arms.float32_states has onset_float32_states_44, whose learning_rate is 0.01; allowed: "
        "that of onset_float32_states, 0.001, for it is one in runs of one arm.",
    ),
    "a run in the wrong arm": (
        {"arms": {"published": ["crucible1", "onset_float32_states_43"]}},
        {},
        "has onset_float32_states_43, whose state_precision is float32; allowed: .* bfloat16",
    ),
    "another text": (
        {},
        {"onset_float32_both": {"corpus": "wordybird"}},
        "onset_float32_both, whose corpus is wordybird; allowed: that of crucible1, flannel",
    ),
    "a seed twice": (
        {},
        {"onset_published_46": {"random_seed": 45}},
        "has onset_published_45 and onset_published_46, both with random_seed: 45; allowed: runs",
    ),
    "no seed in common": (
        {"arms": {"float32_both": ["onset_float32_both_43"], "published": ["crucible1"]}},
        {},
        r"arms.float32_both has the seeds \[43\], the reference published \[42\]; effects are",
    ),
    "no weights": (
        {},
        {"onset_published_45": {"record": ["v"]}},
        r"has onset_published_45. onset_published_45 does not record W; its record is \[v\]",
    ),
    "no step after a rest": (
        {"through_step": 100},
        {},
        "onset.through_step is 100; allowed: more than causes.still_for, 100",
    ),
    "a growth of no step": (
        {"from_step": 1501},
        {"crucible1_44": {"record": ["W", "v", "g"]}},
        "onset.from_step is 1501; allowed: at most through_step, 1500, for crucible1_44 records",
    ),
    "one arm": ({}, {}, "causes.onsets.single.arms is .*; allowed: object, entries at least 2"),
    "an unknown key": ({"throug_step": 3}, {}, "throug_step is no known key. Did you mean thr"),
    "an unknown onset in the report": (
        {},
        {},
        "report.onsets is 'onst', no entry of causes.onsets. Did",
    ),
}
SECTIONS = {
    "one arm": {
        "causes": {"onsets": {"single": {"through_step": 200, "arms": {"a": ["crucible1"]}}}}
    },
    "an unknown onset in the report": {"report": {"onsets": ["onst"]}},
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_with_what_is_allowed(name):
    onset, runs, message = MISTAKES[name]
    with pytest.raises(ConfigurationError) as error:
        resolved(runs, SECTIONS.get(name), **copy.deepcopy(onset))
    assert re.search(message, str(error.value)), error.value
    assert len(str(error.value).splitlines()) == 1


def test_a_course_of_what_was_not_all_restored_is_refused_when_it_is_asked_for():
    with pytest.raises(
        RequestError, match="wordybird3 was resumed from wordybird1 without its mom"
    ):
        inputs.of_course(resolved(), {"run": "wordybird3"}, "")
