"""Forecasts in the configuration: mistakes are reported before anything runs."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from planning import configuration, forecasts, inputs, report, schema, slices
from planning.mistakes import ConfigurationError
from planning.plan import canonical
from planning.runs import DECIDING_TRAINING

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
BASE, TOP = (
    yaml.safe_load((ROOT / f"config/{n}.yaml").read_text()) for n in ("config", "forecast")
)


def merged(base, top):
    nested = {
        key: merged(base.get(key) or {}, value) if isinstance(value, dict) else value
        for key, value in top.items()
    }
    return base | nested


DEFAULT = merged(BASE, TOP)


def resolved(runs=None, **forecast):
    changed = copy.deepcopy(DEFAULT)
    changed["causes"]["forecasts"]["forecast"] |= forecast
    for name, run in (runs or {}).items():
        changed["runs"].setdefault(name, {}).update(run)
    return configuration.resolve(changed, SCHEMA)


def pair(state, outcome):
    return {"state": state, "outcome": outcome}


FILES = ("trajectory", "displacement.safetensors", "freezing.csv")
SEED_42, SEED_43 = pair("crucible2", "crucible1"), pair("crucible2_43", "crucible1_43")


def test_the_shipped_forecast_is_chosen_on_one_seed_and_judged_on_others():
    found = resolved()
    entry, runs = found["causes"]["forecasts"]["forecast"], found["runs"]
    seeds = {
        role: [runs[one["outcome"]]["random_seed"] for one in entry[role]]
        for role in forecasts.ROLES
    }
    assert seeds == {"chosen_on": [42], "judged_on": [43, 44]}
    assert (entry["state_step"], entry["through_step"], entry["still_for"]) == (200, 1500, 100)
    for one in (*entry["chosen_on"], *entry["judged_on"]):
        state, outcome = runs[one["state"]], runs[one["outcome"]]
        differ = {name for name in DECIDING_TRAINING if state[name] != outcome[name]}
        assert differ == {"total_steps"}
        assert outcome["save_checkpoint_at"] == [400]
    assert "results/forecast/forecast.png" in report.report_figures(found)


def test_a_run_that_other_files_have_too_is_the_same_there():
    """So that the same results serve forecasts and comparisons."""
    files = [
        yaml.safe_load((ROOT / f"config/{name}.yaml").read_text("utf-8"))["runs"]
        for name in ("forecast", "onset")
    ]
    shared = files[0].keys() & files[1].keys()
    assert shared == {"crucible1", "crucible1_43", "crucible1_44"}
    assert all(files[0][name] == files[1][name] for name in shared)


def test_one_run_may_be_both_state_and_outcome():
    assert resolved(through_step=450, chosen_on=[pair("crucible2", "crucible2")])


MISTAKES = {
    "an unknown run": (
        {"judged_on": [pair("crucible2_45", "crucible1_43")]},
        {},
        "causes.forecasts.forecast.judged_on is 'crucible2_45', no entry of runs. Did you mean",
    ),
    "two seeds": (
        {"judged_on": [pair("crucible2_43", "crucible1_44")]},
        {},
        "has crucible2_43, whose random_seed is 43; allowed: that of crucible1_44, 44, for it is "
        "one in the two runs of a pair.",
    ),
    "two trainings": (
        {},
        {"crucible2_44": {"learning_rate": 0.01}},
        "has crucible2_44, whose learning_rate is 0.01; allowed: that of crucible1_44, 0.001",
    ),
    "two schedules": (
        {},
        {
            name: {"schedule": "linear"}
            for name in ("crucible1", "crucible2", "crucible1_43", "crucible2_43")
        },
        "has crucible2 and crucible1, whose linear schedules are of 500 and 5000 steps; allowed",
    ),
    "another setting of another seed": (
        {},
        {name: {"batch_size": 64} for name in ("crucible1_44", "crucible2_44")},
        "has crucible1_44, whose batch_size is 64; allowed: that of crucible1, 128, for it is one "
        "in all pairs",
    ),
    "another threshold of motion": (
        {},
        {"crucible1_44": {"motion_threshold": 1.0}},
        "has crucible1_44, whose motion_threshold is 1.0; allowed: that of crucible1, 0.1",
    ),
    "a state without moments": (
        {"chosen_on": [pair("crucible1", "crucible1")]},
        {},
        "chosen_on has crucible1. crucible1 does not record m, v; its record is",
    ),
    "a state of weights that are not rounded": (
        {},
        {name: {"weight_precision": "float32"} for name in ("crucible1", "crucible2")},
        "chosen_on has crucible2. crucible2 has weight_precision: float32",
    ),
    "an outcome without weights": (
        {},
        {"crucible1_43": {"record": ["centroid"]}},
        "judged_on has crucible1_43. crucible1_43 has record: .* This analysis is of W",
    ),
    "the same run to choose on and to judge on": (
        {"judged_on": [SEED_42]},
        {},
        "judged_on has crucible1 with random_seed: 42, as causes.forecasts.forecast.chosen_on, "
        "crucible1, has; allowed: a random seed once",
    ),
    "the same seed by another name": (
        {"judged_on": [SEED_43, pair("twin", "crucible1_43")]},
        {"twin": {"like": "crucible2_43"}},
        "judged_on has crucible1_43 with random_seed: 43, as causes.forecasts.forecast.judged_on",
    ),
    "a state beyond its run": (
        {"state_step": 501},
        {},
        "has state_step: 501, .*; allowed: a state_step within the 500 steps of every run under",
    ),
    "a state before its window": ({"state_step": 99}, {}, "state_step: 99, .*, with a window"),
    "an outcome beyond its run": (
        {"through_step": 5001},
        {},
        "through_step: 5001; allowed: a through_step within the 5000 steps of every run under out",
    ),
    "no step left to stop at": (
        {"through_step": 300},
        {},
        "through_step: 300; allowed: .*, more than still_for after the state_step",
    ),
    "nothing to choose on": ({"chosen_on": []}, {}, r"chosen_on is \[\]; allowed: array, entries"),
    "nothing to judge on": ({"judged_on": []}, {}, r"judged_on is \[\]; allowed: array, entries"),
    "a pair twice": ({"judged_on": [SEED_43, SEED_43]}, {}, "judged_on has .* twice; allowed"),
    "half a pair": ({"judged_on": [{"state": "crucible2_43"}]}, {}, "judged_on.0 lacks 'outcome'"),
    "an unknown key": ({"statestep": 3}, {}, "statestep is no known key. Did you mean state_step?"),
    "a correlation of one": ({"correlations": [1.0]}, {}, "correlations.0 is 1.0; allowed: number"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_with_what_is_allowed(name):
    forecast, runs, message = MISTAKES[name]
    with pytest.raises(ConfigurationError) as error:
        resolved(runs, **copy.deepcopy(forecast))
    assert re.search(message, str(error.value)), error.value
    assert len(str(error.value).splitlines()) == 1


def test_no_forecast_is_enough():
    changed = copy.deepcopy(DEFAULT) | {"report": {"forecasts": ["forecst"]}}
    with pytest.raises(ConfigurationError, match=r"no entry of causes\.forecasts\. Did you mean"):
        configuration.resolve(changed, SCHEMA)


def test_the_longest_lists_are_what_one_command_can_be_given():
    """Linux takes no argument of more than 131,072 bytes, and a job's command is one."""
    names = [f"{n:x<98}{i:02}" for n in ("s", "o") for i in range(60)]
    runs = {
        name: {"like": "crucible2", "random_seed": 100 + i % 60} for i, name in enumerate(names)
    }
    pairs = [pair(names[i], names[60 + i]) for i in range(60)]
    found = resolved(runs, through_step=450, chosen_on=pairs[:30], judged_on=pairs[30:])
    asked = {"forecast": "forecast"}
    words = [canonical(slices.forecast(found, asked))]
    for part, file in (("state", "trajectory"), *(("outcome", f) for f in FILES)):
        words += inputs.of_pairs(found, asked, part, file)
    assert len(" ".join(words)) < 130_000
    with pytest.raises(ConfigurationError, match=r"judged_on is .*; allowed: array, entries"):
        resolved(runs, judged_on=pairs[:31])
