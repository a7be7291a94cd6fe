"""Names that users give become folders, columns and parts of commands: none collides."""

import copy
import os
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from deadtokens.comparison import sweep
from deadtokens.errors import UserError
from deadtokens.kick import kick as kicks
from deadtokens.phases import phases
from planning import configuration, givenfiles, kick, names, schema
from planning.mistakes import ConfigurationError, nearest

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text()) | yaml.safe_load(
    (ROOT / "config/verdicts.yaml").read_text()
)


def resolved(**changes):
    return configuration.resolve(DEFAULT | changes, SCHEMA)


def refused(match, **changes):
    with pytest.raises(ConfigurationError, match=match):
        resolved(**changes)


def test_reserved_names_are_what_rules_leave_in_results():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    made = set(re.findall(r'"results/([^/"{}]+)["/]', rules))
    made |= set(re.findall(r"^results/([^/%]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert made == set(names.RESERVED)


@pytest.mark.parametrize("name", [*names.RESERVED, "LOGS", "Comparison.MD"])
def test_no_run_is_called_like_a_file_of_results(name):
    if name != "corpora":  # which the schema refuses already
        refused(re.escape(f"runs.{name}"), runs=DEFAULT["runs"] | {name: {"like": "crucible2"}})
    if "." not in name:
        entry = DEFAULT["kick"]["wordybird"]
        refused(name, kick={name: entry})


def test_a_sweep_takes_no_name_of_a_file_either():
    entry = {"like": "crucible2", "sweep": {"random_seed": [1, 2]}}
    refused(r"runs\.logs", runs=DEFAULT["runs"] | {"logs": entry})


PAIR = {"state": "crucible2", "outcome": "crucible1"}
PAIRS = {"chosen_on": [PAIR], "judged_on": [PAIR]}
ARMS = {"reference": "a", "arms": {"a": ["crucible1"], "b": ["crucible1"]}}


@pytest.mark.parametrize(
    "changes",
    [
        {"causes": {"onsets": {"crucible1": ARMS}}},
        {"causes": {"onsets": {"wordybird": ARMS}}},
        {"causes": {"onsets": {"Crucible1": ARMS}}},
        {"causes": {"forecasts": {"crucible1": PAIRS}}},
        {"causes": {"forecasts": {"mine": PAIRS}, "onsets": {"mine": ARMS}}},
        {"causes": {"onsets": {"seeds": ARMS}}, "runs": {"seeds": {"sweep": {"random_seed": [1]}}}},
        {"kick": {"crucible2": DEFAULT["kick"]["wordybird"]}},
        {"runs": {"CRUCIBLE2": {"like": "crucible2"}}},
        {"runs": {"wordybird": {"like": "crucible2"}}},
        {"runs": {"a": {"sweep": {"random_seed": [1]}}, "A_1": {"like": "crucible2"}}},
        {"corpora": {"Flannel": {}}},
        {"census": {"a": {"folder": "x"}, "A": {"folder": "y"}}},
    ],
    ids=str,
)
def test_no_two_entries_share_a_folder(changes):
    merged = {key: DEFAULT.get(key, {}) | value for key, value in changes.items()}
    refused("would share results/", **merged)


@pytest.mark.parametrize(
    "phase", [*phases.BESIDE_PHASES, "MEDIAN", "Nonfinite-Tokens", "!!", "ä ö".upper()]
)
def test_no_phase_is_named_like_a_column_that_is_always_there(phase):
    given = ["a", "b", "Ä Ö", phase]
    scheme = {"published": DEFAULT["phases"]["published"] | {"phases": given}}
    refused(r"phases\.published\.phases has", phases=scheme)


def test_the_columns_beside_phases_are_those_of_the_table():
    assert configuration.BESIDE_PHASES == phases.BESIDE_PHASES
    columns = {"undefined", *phases.spread(np.ones((1, 2), np.float32))}
    assert columns == set(phases.BESIDE_PHASES)


@pytest.mark.parametrize("phase", [*phases.BESIDE_PHASES, "Median"])
def test_the_program_refuses_such_phases_too(phase):
    with pytest.raises(UserError, match="too much"):
        phases.Scheme(("a", phase), (1.0,), 0.1)


@pytest.mark.parametrize("name", kick.SERIES)
def test_no_arm_is_called_like_another_series_of_the_kick(name):
    assert kick.SERIES == (
        kicks.CONTINUOUS,
        kicks.STITCHED,
    )
    entry = copy.deepcopy(DEFAULT["kick"]["wordybird"])
    entry["arms"][0] = name
    runs = DEFAULT["runs"] | {name: {"like": "wordybird1b_weights"}}
    refused(f"arms has {name}", runs=runs, kick={"wordybird": entry})


def test_a_swept_key_is_no_column_of_figures():
    for key in SCHEMA["$defs"]["run"]["properties"]:
        table = sweep.table({"a": {key: 7}}, {"a": {}})
        assert table.columns.is_unique
        assert table.iloc[0, 1] == 7
    table = sweep.table({"a": {"last_motion": True, "beta1": 0.5}}, {"a": {}})
    assert [*table][:3] == ["run", "given_last_motion", "beta1"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"random_seed": list(range(3000))}, "3,000 runs"),
        ({"random_seed": list(range(1500))}, "one command"),
        ({"random_seed": list(range(50)), "beta2": [0.5] * 50}, "2,500 runs"),
        ({"notes": ["x" * 150]}, "characters"),
        ({"notes": ["a\n"]}, "as the name of a run"),
        ({"sweep": [{"random_seed": [1]}]}, "has the key sweep"),
        ({"random_seed": [42.0]}, "random_seed is 42.0"),
        ({"random_seed": [float("nan")]}, "finite"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_sweep_that_cannot_be_made_is_reported(values, expected):
    refused(expected, runs=DEFAULT["runs"] | {"s": {"like": "crucible2", "sweep": values}})


def test_lists_that_no_command_can_be_given_are_reported():
    seeds = {f"s{i:04}": {"like": "crucible1", "random_seed": i} for i in range(2000)}
    runs = DEFAULT["runs"] | seeds
    refused("comparison stands for 2,000 runs", runs=runs, comparison=[*seeds])
    arms = {"a": [*seeds][:1000], "b": [*[*seeds][1000:], "s0000"]}
    refused(
        r"onsets\.o\.arms", runs=runs, causes={"onsets": {"o": {"reference": "a", "arms": arms}}}
    )
    questions = DEFAULT["verdicts"]["questions"]
    asked = copy.deepcopy(questions["all_moved"]) | {"question": "x" * 9000}
    many = questions | {f"q{i}": asked for i in range(20)}
    refused("verdicts takes", verdicts=DEFAULT["verdicts"] | {"questions": many})


def test_the_default_is_far_from_these_bounds():
    resolved()


@pytest.mark.parametrize(
    "file",
    ["../../x", "../x.json", "/etc/x.json", "a/b.json", "x", ".json", "x.json\n", "{x}.json"],
)
def test_a_question_asks_a_file_of_its_run_alone(file):
    verdicts = copy.deepcopy(DEFAULT["verdicts"])
    verdicts["questions"]["all_moved"]["file"] = file
    refused(r"verdicts\.questions\.all_moved\.file is", verdicts=verdicts)


def test_where_there_is_nothing_to_choose_from_no_empty_list_is_shown():
    assert nearest("x", []) == "There is none to choose from."
    runs = DEFAULT["runs"] | {
        "more": {"like": "crucible2", "resume_run": "crucible1", "resume_step": 3}
        | {"restore": ["parameters"]}
    }
    refused(r"Set runs\.crucible1\.save_checkpoint_at to \[3\]", runs=runs)


ODD = [
    "{draft}.txt",
    "{a, b}",
    "-dash.txt",
    "--",
    "a b",
    "a'b\"c",
    "a\nb",
    "*",
    "$HOME",
    "ä{ก}",
    "~",
]


@pytest.mark.parametrize("name", ODD, ids=repr)
def test_any_file_gets_a_path_that_is_taken_literally(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(name)
    assert givenfiles.why_unusable(name) is None
    path = givenfiles.literal(name)
    assert path == givenfiles.literal(name)
    assert Path(path).read_text() == name
    assert not set("{}") & set(path)
    assert not path.startswith("-")
    assert os.path.samefile(path, name)
    if not set("{}-") & set(name):
        assert path == name


def test_two_files_of_one_name_get_two_links(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = []
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "{x}").write_text(folder)
        paths.append(givenfiles.literal(f"{folder}/{{x}}"))
    assert [Path(path).read_text() for path in paths] == ["a", "b"]
