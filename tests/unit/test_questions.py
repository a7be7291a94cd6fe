"""Questions of the verdicts: how old a rule may say it is, and what it needs to be one."""

import copy
from pathlib import Path

import pytest
import yaml

from planning import configuration, report, schema, slices
from planning.mistakes import ConfigurationError

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
BASE = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))
SHIPPED = yaml.safe_load((ROOT / "config/verdicts.yaml").read_text("utf-8"))["verdicts"]
RULE = {
    **{"chapter": "freezing", "notebook": "me", "question": "Why?", "statistic": "something"},
    **{"run": "crucible1", "file": "freezing.json", "value": "max"},
    **{"supported_if": {"at_least": 3}, "contradicted_if": {"below": 1}},
}


def resolved(name: str, **keys) -> dict:
    """A question of the configuration: one of one's own, or a shipped one with changes."""
    verdicts = copy.deepcopy(SHIPPED)
    verdicts["questions"][name] = verdicts["questions"].get(name, {}) | keys
    found = configuration.resolve(
        BASE | {"verdicts": verdicts}, SCHEMA, shipped=SHIPPED["questions"]
    )
    return found["verdicts"]["questions"][name]


def refused(*messages: str, **keys) -> None:
    with pytest.raises(ConfigurationError) as raised:
        resolved("mine", **keys)
    for message in messages:
        assert message in str(raised.value)


def test_a_question_that_says_nothing_of_its_age_is_taken_for_a_late_one():
    question = resolved("mine", **RULE)
    assert [question[key] for key in ("kind", "rule_since", "first_run")] == [
        "changed_after",
        None,
        None,
    ]


@pytest.mark.parametrize("first", ["2026-11-24", "2026-12-01", None])
def test_a_rule_that_is_as_old_as_it_says(first):
    dates = {"rule_since": "2026-11-24", "first_run": first}
    assert resolved("mine", **RULE, kind="fixed_before", **dates)["kind"] == "fixed_before"


def test_a_rule_changed_after_its_run_is_none_that_was_fixed_before():
    dates = {"rule_since": "2026-11-25", "first_run": "2026-11-24"}
    refused(
        *("verdicts.questions.mine.kind is fixed_before", "rule_since, 2026-11-25, is after its"),
        **RULE | {"kind": "fixed_before"} | dates,
    )
    assert resolved("mine", **RULE, kind="changed_after", **dates)["rule_since"] == "2026-11-25"


def test_a_rule_fixed_before_has_a_date():
    refused("verdicts.questions.mine.rule_since is missing", **RULE, kind="fixed_before")


@pytest.mark.parametrize("date", ["2026-02-30", "24.11.2026", "2026-11-24T10:00"])
def test_a_date_is_a_day_of_the_calendar(date):
    refused("verdicts.questions.mine.first_run", date, **RULE, first_run=date)


def test_a_rule_that_nothing_contradicts_is_no_rule():
    without = {key: value for key, value in RULE.items() if key != "contradicted_if"}
    refused("verdicts.questions.mine.contradicted_if is missing", **without)
    assert resolved("mine", **without, never="contradicted")
    assert resolved("mine", **without, not_contradicted_because="there can be none")
    assert resolved("mine", undecided_because="nobody knows", **_open(without))
    refused(
        "both contradicted_if and not_contradicted_because", **RULE, not_contradicted_because="x"
    )


def test_runs_at_other_random_seeds_differ_in_nothing_else():
    runs = {"other": {"like": "crucible1", "random_seed": 7}, "same": {"like": "crucible1"}}
    runs |= {"faster": {"like": "crucible1", "random_seed": 8, "learning_rate": 0.1}}
    base = BASE | {"runs": BASE["runs"] | runs}

    def resolve(*others: str) -> dict:
        verdicts = SHIPPED | {"seeds": {"crucible1": [*others]}}
        return configuration.resolve(base | {"verdicts": verdicts}, SCHEMA)

    found = resolve("other") | {
        "report": {"runs": ["crucible1"], "kick": [], "onsets": [], "forecasts": []}
    }
    assert slices.verdicts(found, {})["seeds"] == {"crucible1": ["other"]}
    assert "results/other/freezing.json" in report.evidence(found)
    for wrong, message in (
        ("same", "random_seed: 42"),
        ("faster", "learning_rate"),
        ("no", "'no'"),
    ):
        with pytest.raises(ConfigurationError, match=rf"verdicts\.seeds\.crucible1.*{message}"):
            resolve(wrong)


def _open(question: dict) -> dict:
    return {key: question[key] for key in ("chapter", "notebook", "question")}


def test_bounds_outside_of_which_a_rule_holds():
    refused("outside is [5, 3]", **RULE | {"contradicted_if": {"outside": [5, 3]}})
    refused("outside alone", **RULE | {"contradicted_if": {"outside": [3, 5], "above": 1}})


@pytest.mark.parametrize(
    "change", [{"supported_if": {"at_least": 20}}, {"needs_steps": 10}, {"value": "final"}]
)
def test_a_shipped_rule_that_is_changed_is_no_longer_one_fixed_before(change):
    name = "longest_silence"
    assert resolved(name)["kind"] == "fixed_before"
    changed = resolved(name, **change)
    assert (changed["kind"], changed["rule_since"]) == ("changed_after", None)
    assert resolved(name, question="In other words?")["kind"] == "fixed_before"
    # Who changes it before a run of their own says so.
    mine = {"kind": "fixed_before", "rule_since": "2027-01-01", "first_run": None}
    assert resolved(name, **change, **mine)["kind"] == "fixed_before"
