"""The kick in the configuration: every mistake is reported before anything runs."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from planning import configuration, inputs, kick, schema, slices
from planning.mistakes import ConfigurationError

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
ENTRY = DEFAULT["kick"]["wordybird"]
ARMS = ENTRY["arms"]


def resolved(runs=None, **entry):
    changed = copy.deepcopy(DEFAULT)
    changed["kick"]["wordybird"] |= entry
    for name, run in (runs or {}).items():
        changed["runs"].setdefault(name, {}).update(run)
    return configuration.resolve(changed, SCHEMA)


def test_the_published_seam_has_eight_arms_that_differ_in_what_is_restored():
    found = resolved()
    arms = [found["runs"][name] for name in ARMS]
    assert len({frozenset(arm["restore"]) for arm in arms}) == 8
    restored = ("restore",)
    assert len({str({k: v for k, v in arm.items() if k not in restored}) for arm in arms}) == 1
    assert (arms[0]["rows"], arms[0]["record"], arms[0]["total_steps"]) == ("dead", ["W"], 100)
    for name, run in zip(ARMS, arms, strict=True):
        parts = name.removeprefix("wordybird1b_").split("_")
        whole = {"everything": [*kick.RESTORABLE], "weights": []}
        parts = whole.get(parts[0], parts)
        assert run["restore"] == ["parameters", *parts], name


@pytest.mark.parametrize("name", ["fineweb", "smoke"])
def test_shipped_configurations_have_whole_kicks(name):
    def merged(base, top):
        nested = {
            key: merged(base.get(key) or {}, value) if isinstance(value, dict) else value
            for key, value in top.items()
        }
        return base | nested

    top = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    found = configuration.resolve(merged(DEFAULT, top), SCHEMA)
    for entry in found["kick"].values():
        assert len(entry["arms"]) == 8
        corpora = {found["runs"][arm]["corpus"] for arm in entry["arms"]}
        assert corpora == {found["runs"][entry["before"]]["corpus"]}


def test_a_configuration_needs_no_kick():
    of_kicks = ("kick", "report", "verdicts")
    without = {key: value for key, value in DEFAULT.items() if key not in of_kicks}
    assert configuration.resolve(without, SCHEMA)["kick"] == {}


def test_two_kicks_stand_side_by_side():
    """Another random seed is another entry, with runs of its own and nothing else."""
    changed = copy.deepcopy(DEFAULT)
    names = {n: f"{n}_seed7" for n in ("wordybird1", "wordybird3", "wordybird1b", *ARMS)}
    for old, new in names.items():
        changed["runs"][new] = {"like": old, "random_seed": 7}
    for arm in ARMS:
        changed["runs"][names[arm]]["resume_run"] = names["wordybird1b"]
    changed["runs"][names["wordybird3"]]["resume_run"] = names["wordybird1"]
    second = {key: names[ENTRY[key]] for key in ("continuous", "before", "after")}
    changed["kick"]["seed7"] = second | {"arms": [names[arm] for arm in ARMS]}
    found = configuration.resolve(changed, SCHEMA)
    first, other = (slices.kicks(found, {"kick": name}) for name in ("wordybird", "seed7"))
    assert [names[run["run"]] for run in first["runs"]] == [run["run"] for run in other["runs"]]
    needed = [
        {*inputs.of_compared_runs(found, {"kick": name}, "untrained_motion.safetensors")}
        for name in ("wordybird", "seed7")
    ]
    assert [len(files) for files in needed] == [11, 11]
    assert not needed[0] & needed[1]
    assert {found["runs"][name]["random_seed"] for name in names.values()} == {7}


PATHS = {
    "value": "effects.factors=moments.interval_over_tokens.0",
    "interval": ["effects.0.interval_over_tokens.0", "effects.0.interval_over_tokens.1"],
    "minus": "interval_over_tokens.confidence",
    "divided_by": ["stitched.kick_ratio.interval_over_tokens.1"],
}


@pytest.mark.parametrize("key", PATHS)
def test_no_rule_may_use_an_interval_over_tokens(key):
    changed = copy.deepcopy(DEFAULT) | yaml.safe_load((ROOT / "config/verdicts.yaml").read_text())
    assert configuration.resolve(changed, SCHEMA)
    changed["verdicts"]["questions"]["kick_of_the_moments"][key] = PATHS[key]
    message = f"kick_of_the_moments.{key} is .*; allowed: what is no interval over tokens"
    with pytest.raises(ConfigurationError, match=message):
        configuration.resolve(changed, SCHEMA)


MISTAKES = {
    "an arm missing": (
        {"arms": [name for name in ARMS if name != "wordybird1b_moments_data"]},
        {},
        r"arms lacks 1 of 8 runs, those with restore: \[parameters, moments, data\]\.",
    ),
    "no arm": ({"arms": []}, {}, r"arms lacks 8 of 8 runs, those with restore: \[parameters\]; "),
    "an arm that is no run": (
        {"arms": [*ARMS[:-1], "wordybird1b_everythin"]},
        {},
        "'wordybird1b_everythin', no entry of runs. Did you mean wordybird1b_everything?",
    ),
    "a continuous run that is none": (
        {"continuous": "wordybird1c"},
        {},
        "kick.wordybird.continuous is 'wordybird1c'.* Did you mean wordybird1b?",
    ),
    "two arms alike": (
        {},
        {"wordybird1b_data": {"restore": ["parameters", "schedule"]}},
        "arms has wordybird1b_schedule and wordybird1b_data, which restore the same",
    ),
    "an arm without its weights": (
        {},
        {"wordybird1b_data": {"restore": ["data"]}},
        r"wordybird1b_data, whose restore is \['data'\]; allowed: parameters, with any of moments",
    ),
    "an arm of another run": (
        {"arms": [*ARMS[:-1], "wordybird3"]},
        {},
        "wordybird3, which begins from wordybird1; allowed: .* resume_run: wordybird1b",
    ),
    "an arm that restores nothing": (
        {"arms": [*ARMS[:-1], "wordybird1"]},
        {},
        "wordybird1, which begins from nothing",
    ),
    "an arm of other settings": (
        {},
        {"wordybird1b_data": {"learning_rate": 0.002}},
        r"arms, wordybird1b_data is wordybird1b_data, whose learning_rate is 0\.002; allowed: that",
    ),
    "an arm of another schedule": (
        {},
        {"wordybird1b_data": {"schedule_steps": None}},
        "runs.wordybird1b_data.schedule_steps is null; allowed in .*, whose seam .* 100: 200",
    ),
    "an arm of another seam": (
        {},
        {
            "wordybird1b": {"save_checkpoint_at": [90, 100]},
            "wordybird1b_data": {"resume_step": 90},
        },
        "runs.wordybird1b_data.resume_step is 90; allowed in .*: 100",
    ),
    "an arm without weights in its file": (
        {},
        {"wordybird1b_data": {"record": ["logits"]}},
        "arms, wordybird1b_data is wordybird1b_data, .* W among record",
    ),
    "a pair that does not meet": (
        {"before": "wordybird1b"},
        {},
        r"runs\.wordybird1b\.total_steps is 200; allowed .*: 100",
    ),
    "an arm that outlasts the run": (
        {},
        {"wordybird1b_weights": {"total_steps": 150}},
        r"runs\.wordybird1b_weights\.total_steps is 150; allowed .* from window, 5, to .*, 100",
    ),
    "a window wider than the arms": (
        {"window": 101},
        {},
        r"runs\.wordybird3\.total_steps is 100; allowed .* from window, 101",
    ),
    "an unknown key": ({"windw": 3}, {}, "windw is no known key. Did you mean window?"),
    "too few draws": ({"resamples": 3}, {}, "resamples is 3; allowed: integer, at least 100"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_with_what_is_allowed(name):
    entry, runs, message = MISTAKES[name]
    with pytest.raises(ConfigurationError) as error:
        resolved(runs, **entry)
    assert re.search(message, str(error.value)), error.value


def test_settings_that_decide_motion_are_all_those_of_a_run_but_a_few():
    """A key that is added to runs must be judged: does it change how tokens move?"""
    free = {
        *("like", "experiment", "series", "notes", "total_steps", "schedule_steps", "rows"),
        *("record", "last_motion", "statistics", "storage", "chunk_rows", "compression"),
        *("motion_threshold", "save_checkpoint_at", "resume_run", "resume_step", "restore"),
        *("checkpoint_seconds", "phases", "sweep", "keep_trajectory", "trajectory_file"),
    }
    assert {*SCHEMA["$defs"]["run"]["properties"]} - free == {*kick.DECIDING_MOTION}
