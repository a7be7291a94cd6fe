"""Onsets in the configuration: mistakes are reported before anything runs; questions wait."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from planning import configuration, onsets, schema
from planning.mistakes import ConfigurationError
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


def test_the_shipped_arms_change_what_their_names_say():
    found = resolved()
    runs, arms = found["runs"], found["causes"]["onsets"]["onset"]["arms"]
    reference = runs[arms["published"][0]]
    found_changes = {arm: onsets.changes(runs[names[0]], reference) for arm, names in arms.items()}
    states, weights = {"state_precision": "float32"}, {"weight_precision": "float32"}
    assert found_changes == {
        "published": {},
        "float32_states": states,
        "float32_weights": weights,
        "float32_both": states | weights,
    }
    for names in arms.values():
        assert onsets.seeds(names, runs) == [42, 43, 44]
    arms = found["causes"]["onsets"]["onset_rate_or_decay"]["arms"]
    found_changes = {arm: onsets.changes(runs[names[0]], reference) for arm, names in arms.items()}
    assert found_changes == {"rate_3e-4": {"learning_rate": 3e-4}, "decay": {"weight_decay": 0.1}}
    assert all(onsets.seeds(names, runs) == [42, 43, 44] for names in arms.values())
    changes = found["causes"]["onsets"]["onset_changes"]["arms"]
    assert all(len(names) == 1 for names in changes.values())
    each = [onsets.changes(runs[names[0]], reference) for names in changes.values()]
    assert sorted(map(len, each)) == [0] + [1] * 9 + [2] * 2


def test_the_name_of_a_sweep_stands_for_its_runs():
    swept = {"like": "onset_published", "sweep": {"random_seed": [42, 43, 44]}}
    found = resolved({"seeds": swept}, arms={"published": ["seeds"]})
    assert found["causes"]["onsets"]["onset"]["arms"]["published"] == [
        "seeds_42",
        "seeds_43",
        "seeds_44",
    ]


def test_what_decides_training_is_alike_or_a_change_or_the_seed():
    judged = {*onsets.ALIKE, *onsets.CHANGEABLE, "random_seed", "total_steps"}
    assert {*DECIDING_TRAINING} - judged == set()


@pytest.mark.parametrize("name", ["rate_or_decay", "mixed_precision", "softmax"])
def test_a_question_is_open_until_its_onset_is_configured(name):
    without = configuration.resolve(merged(BASE, VERDICTS), SCHEMA)["verdicts"]["questions"][name]
    assert without["undecided_because"] == without["open_without_run"]
    assert (without["run"], without["supported_if"], without["statistic"]) == (None, None, "")
    question = resolved()["verdicts"]["questions"][name]
    assert question["undecided_because"] is None
    assert question["run"] in ("onset", "onset_rate_or_decay")
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
    "runs of unequal lengths": (
        {},
        {"onset_float32_both_43": {"total_steps": 4000}},
        "causes.onsets.onset.arms.float32_both has onset_float32_both_43, whose total_steps is "
        "4000; allowed: that of onset_published, 5000, for it is one in all arms.",
    ),
    "a run of an arm that differs in more": (
        {},
        {"onset_float32_states_44": {"learning_rate": 0.01}},
        "arms.float32_states has onset_float32_states_44, whose learning_rate is 0.01; allowed: "
        "that of onset_float32_states, 0.001, for it is one in runs of one arm.",
    ),
    "a run in the wrong arm": (
        {"arms": {"published": ["onset_published", "onset_float32_states_43"]}},
        {},
        "has onset_float32_states_43, whose state_precision is float32; allowed: .* bfloat16",
    ),
    "another text": (
        {},
        {"onset_float32_both": {"corpus": "wordybird"}},
        "onset_float32_both, whose corpus is wordybird; allowed: that of onset_published, flannel",
    ),
    "a seed twice": (
        {},
        {"onset_published_44": {"random_seed": 43}},
        "has onset_published_43 and onset_published_44, both with random_seed: 43; allowed: runs",
    ),
    "no seed in common": (
        {"arms": {"float32_both": ["onset_float32_both_43"], "published": ["onset_published"]}},
        {},
        r"arms.float32_both has the seeds \[43\], the reference published \[42\]; effects are",
    ),
    "no weights": (
        {},
        {"onset_published_43": {"record": ["v"]}},
        r"has onset_published_43, whose record is \['v'\]; allowed: runs with W",
    ),
    "windows that overlap": (
        {"from_step": 100, "window": 2451},
        {},
        "from_step: 100, window: 2451; allowed: two windows side by side within the 5000 steps",
    ),
    "one arm": ({}, {}, "causes.onsets.single.arms is .*; allowed: object, entries at least 2"),
    "an unknown key": ({"windw": 3}, {}, "windw is no known key. Did you mean window?"),
    "an unknown onset in the report": (
        {},
        {},
        "report.onsets is 'onst', no entry of causes.onsets. Did",
    ),
}
SECTIONS = {
    "one arm": {"causes": {"onsets": {"single": {"arms": {"published": ["onset_published"]}}}}},
    "an unknown onset in the report": {"report": {"onsets": ["onst"]}},
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_with_what_is_allowed(name):
    onset, runs, message = MISTAKES[name]
    with pytest.raises(ConfigurationError) as error:
        resolved(runs, SECTIONS.get(name), **copy.deepcopy(onset))
    assert re.search(message, str(error.value)), error.value
    assert len(str(error.value).splitlines()) == 1


def test_windows_side_by_side_fit():
    assert resolved(from_step=1, window=2500)
