"""Verdicts: every kind of rule at its bounds, intervals, missing statistics, short runs, a null."""

import copy
import csv
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from deadtokens.files import tables
from deadtokens.freezing import freezing
from deadtokens.permanence import permanence, stillness
from deadtokens.phases import phases
from deadtokens.report import provenance_page, verdicts
from deadtokens.report import verdicts_page as verdicts_page
from deadtokens.statistics.density import Bins
from planning import questions, schema

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
SHIPPED = yaml.safe_load((ROOT / "config/verdicts.yaml").read_text("utf-8"))["verdicts"]
DEFAULTS = schema.defaults(SCHEMA["$defs"]["question"])
QUESTION = DEFAULTS | {
    "chapter": "freezing",
    "notebook": "Crucible 1",
    "question": "Does it hold?",
    "statistic": "what was counted",
    "unit": "steps",
    "run": "crucible1",
    "file": "freezing.json",
    "value": "found.value",
    "supported_if": {"at_least": 0},
}


def judged(found, steps=1000, **changes):
    evidence = {"crucible1/freezing.json": {"found": found}}
    question = QUESTION | changes
    (row,) = verdicts.judge({"it": question}, evidence, {"crucible1": steps})
    assert set(row) == set(verdicts.COLUMNS)
    return row


def verdict(value, supported_if=None, contradicted_if=None, **changes):
    row = judged(
        {"value": value}, supported_if=supported_if, contradicted_if=contradicted_if, **changes
    )
    return row["verdict"]


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        ({"at_least": 3}, (3, 4, math.inf), (2.999, -math.inf)),
        ({"above": 3}, (3.001, 4), (3, 2)),
        ({"at_most": 3}, (3, 2, -math.inf), (3.001,)),
        ({"below": 3}, (2.999, 2), (3, 4)),
        ({"at_least": 3, "at_most": 5}, (3, 4, 5), (2.9, 5.1)),
        ({"above": 3, "below": 5}, (4,), (3, 5)),
        ({"equals": 0}, (0, 0.0), (1, -1e-9)),
        ({"equals": True}, (True,), (False,)),
        ({"equals": False}, (False,), (True,)),
        ({"at_least": 3, "above": None}, (3,), (2,)),
        ({"outside": [3, 5]}, (2.999, 5.001), (3, 4, 5)),
    ],
)
def test_every_kind_of_rule_at_its_bounds(rule, inside, outside):
    for value in inside:
        assert verdict(value, supported_if=rule) == "supported"
        assert verdict(value, {"above": math.inf}, contradicted_if=rule) == "contradicted"
    for value in outside:
        assert verdict(value, supported_if=rule) == "undecided"


def test_a_value_between_the_rules_is_undecided_and_says_so():
    row = judged({"value": 5}, supported_if={"at_least": 10}, contradicted_if={"below": 2})
    assert (row["verdict"], row["value"]) == ("undecided", 5)
    assert row["reason"] == "the value meets no rule"


INTERVAL = ["found.low", "found.high"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (10, 20, "supported"),
        (9.99, 20, "undecided"),
        (0, 2, "contradicted"),
        (0, 2.01, "undecided"),
        (0, 30, "undecided"),
        (10, 10, "supported"),
    ],
)
def test_the_whole_interval_must_lie_in_the_range(low, high, expected):
    row = judged(
        {"value": 12, "low": low, "high": high},
        interval=INTERVAL,
        supported_if={"at_least": 10},
        contradicted_if={"at_most": 2},
    )
    assert row["verdict"] == expected
    assert (row["low"], row["high"]) == (low, high)
    assert (row["reason"] is None) == (expected != "undecided")


def test_an_interval_that_is_null_decides_nothing():
    row = judged(
        {"value": 12, "low": None, "high": 13}, interval=INTERVAL, supported_if={"at_least": 10}
    )
    assert row["verdict"] == "undecided"
    assert "found.low is null" in row["reason"]


def test_differences_and_quotients_of_value_and_interval():
    found = {"value": 30, "start": 10, "low": 20, "high": 50, "n": 4, "m": 5}
    row = judged(
        found,
        interval=INTERVAL,
        minus="found.start",
        divided_by=["found.n", "found.m"],
        supported_if={"at_least": 0.5},
    )
    assert (row["value"], row["low"], row["high"]) == (1, 0.5, 2)
    assert row["verdict"] == "supported"
    assert judged({"value": 3, "n": 0}, divided_by=["found.n"])["reason"] == (
        "crucible1/freezing.json: found.n is zero"
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1, 2, "contradicted"), (6, 7, "contradicted"), (2, 6, "undecided")],
)
def test_an_interval_is_outside_on_one_side_alone(low, high, expected):
    row = judged(
        {"value": 2, "low": low, "high": high},
        interval=INTERVAL,
        supported_if={"at_least": 3, "at_most": 5},
        contradicted_if={"outside": [3, 5]},
    )
    assert row["verdict"] == expected


def test_what_follows_by_construction_is_not_counted_as_supported():
    rule = {
        "supported_if": {"equals": 0},
        "contradicted_if": {"above": 0},
        "kind": "by_construction",
    }
    holds, fails = judged({"value": 0}, **rule), judged({"value": 1}, **rule)
    assert (holds["verdict"], fails["verdict"]) == ("by_construction", "contradicted")
    confirmed = judged({"value": 0}, **rule | {"kind": "fixed_before"})
    rows = [holds, fails, confirmed]
    assert verdicts.counts(rows) == {
        "supported": 1,
        "contradicted": 1,
        "undecided": 0,
        "by_construction": 1,
    }
    by_kind = verdicts.counts_by_kind(rows)
    assert by_kind["fixed_before"]["supported"] == sum(by_kind["fixed_before"].values()) == 1
    assert by_kind["by_construction"]["by_construction"] == 1
    assert sum(by_kind["changed_after"].values()) == 0


@pytest.mark.parametrize("never", ["supported", "contradicted", "undecided"])
def test_what_never_happened_gets_the_verdict_that_the_question_says(never):
    row = judged({"value": None}, never=never, supported_if={"at_least": 1})
    assert (row["verdict"], row["value"]) == (never, None)
    row = judged({"value": 7, "start": None}, never=never, minus="found.start")
    assert (row["verdict"], row["value"]) == (never, None)


def test_a_missing_statistic_is_undecided_with_its_path():
    row = judged({}, supported_if={"at_least": 1})
    assert row["verdict"] == "undecided"
    assert row["reason"] == "crucible1/freezing.json: there is no found.value in it"
    row = judged({"value": "many"}, supported_if={"at_least": 1})
    assert "found.value is 'many', no number" in row["reason"]


def test_a_run_that_is_not_in_the_report_is_undecided():
    (row,) = verdicts.judge({"it": QUESTION}, {}, {"crucible1": 9})
    assert (row["verdict"], row["reason"]) == ("undecided", "there is no crucible1 in this report")


def test_a_run_too_short_says_so_and_still_shows_its_value():
    rule = {"supported_if": {"at_least": 1}, "needs_steps": 1000}
    row = judged({"value": 7}, steps=999, **rule)
    assert (row["verdict"], row["value"]) == ("undecided", 7)
    assert row["reason"] == "the run crucible1 is too short: 999 steps, and this needs 1,000"
    assert judged({"value": 7}, steps=1000, **rule)["verdict"] == "supported"


def test_an_open_question_stays_open_with_its_reason():
    row = judged({"value": 7}, undecided_because="no run can decide")
    assert (row["verdict"], row["reason"], row["value"]) == ("undecided", "no run can decide", None)


def test_the_same_statistic_over_random_seeds_stands_beside_a_verdict_that_it_does_not_change():
    values = {"crucible1": 4.0, "other": 6.0, "third": 11.0}
    evidence = {f"{run}/freezing.json": {"found": {"value": v}} for run, v in values.items()}
    question = QUESTION | {"supported_if": {"below": 5}}
    seeds = {"crucible1": ["other", "third"]}
    (row,) = verdicts.judge({"it": question}, evidence, {}, seeds)
    # Student's t with two degrees of freedom, from a table: 4.303.
    half = 4.303 * np.std([4, 6, 11], ddof=1) / math.sqrt(3)
    assert (row["verdict"], row["value"], row["seeds"], row["seeds_never"]) == (
        "supported",
        4,
        3,
        0,
    )
    assert row["seeds_mean"] == 7
    assert [row["seeds_low"], row["seeds_high"]] == pytest.approx([7 - half, 7 + half], rel=1e-3)
    evidence["other/freezing.json"]["found"]["value"] = None
    (row,) = verdicts.judge({"it": question}, evidence, {}, seeds)
    assert (row["seeds"], row["seeds_never"], row["seeds_mean"]) == (3, 1, None)
    (row,) = verdicts.judge({"it": question}, evidence, {})
    assert row["seeds"] is None


def test_paths_through_lists_by_place_and_by_what_an_entry_says():
    found = {"a": [{"lag": 1, "mean": 0.5}, {"lag": 10, "mean": 0.25, "of": ["x", "y"]}]}
    assert verdicts.statistic(found, "a.0.mean") == 0.5
    assert verdicts.statistic(found, "a.lag=10.mean") == 0.25
    for wrong in ("a.2.mean", "a.lag=3.mean", "a.none=3.mean", "a.0.mean.deeper", "b"):
        with pytest.raises(verdicts.Missing, match="there is no"):
            verdicts.statistic(found, wrong)
    assert verdicts.statistic({"a": [{"of": ["x", "y"], "p": 1}]}, "a.of=x,y.p") == 1


def test_rules_in_words():
    rule = {"supported_if": {"at_least": 3, "below": 5.5}, "contradicted_if": {"equals": False}}
    assert verdicts.in_words(QUESTION | rule | {"needs_steps": 5000, "never": "contradicted"}) == (
        "supported if at least 3 and below 5.5; contradicted if it is no; contradicted if it never "
        "happens; needs 5,000 steps"
    )


def shipped(**changes):
    """The shipped questions as the workflow has them, of these files alone."""
    resolved = questions.completed(copy.deepcopy(SHIPPED), SCHEMA["$defs"])
    return resolved["questions"] | changes


def evidence_of(moving: np.ndarray, size: np.ndarray) -> dict:
    """The statistics of a trajectory in which these tokens move so far, by the real analyses."""
    l2 = np.where(moving, size, 0).astype(np.float32)
    steps, tokens = l2.shape
    scheme = phases.Scheme(
        ("Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas"), (0.1, 10, 100), 0.01
    )
    bins = Bins(np.array([1, steps + 1]), np.array([1e-4, 1e6]))
    scales = {name: phases.classify([(0, l2)], scheme, bins) for name in ("element", "vector")}
    n_moving = phases.count_moving([(0, l2)], 0.1)
    last = freezing.last_motion([(0, l2)], 0.1)
    scripts, norm = ["Thai"] * tokens, np.ones(tokens)
    still_for, moves = [10, 100, 1000], l2 >= np.float32(0.1)
    found = permanence.follow(moves, steps, still_for)
    elements = permanence.follow(moves[:, :, None], steps, still_for)
    judged = freezing.Rules(steps, 100, 0.95)
    summaries = {
        "phases.json": phases.summary(scales, scheme, n_moving, 0.1, np.zeros(steps, int)),
        "stillness.json": stillness.summary(n_moving, tokens, 0.1, 100),
        "freezing.json": freezing.summary(
            np.arange(tokens), scripts, norm, last, last[:, None], judged, 0.1
        ),
        "permanence.json": permanence.summary(
            found, elements, 0.1, permanence.Rules(still_for, 0.95, 10)
        ),
    }
    runs = {question["run"] for question in shipped().values()}
    return {f"{run}/{file}": value for run in runs for file, value in summaries.items()}


# As true of noise as of anything: every token moves, by finite displacements, and some of them at
# the last step.
TRIVIAL = {"all_moved", "infinities", "half_way"}


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_a_null_trajectory_gives_no_verdict_in_favour(share):
    """Tokens that move by a few cells at a constant rate for ever: no phases, no freeze."""
    moving = np.random.default_rng(1).random((5000, 20)) < share
    rows = verdicts.judge(shipped(), evidence_of(moving, np.array(3.0)), {})
    in_favour = {row["name"] for row in rows if row["verdict"] == "supported"} - TRIVIAL
    assert in_favour == set()


def test_tokens_that_never_move_give_no_verdict_in_favour():
    still = evidence_of(np.zeros((5000, 1), bool), np.array(1.0))
    rows = {row["name"]: row for row in verdicts.judge(shipped(), still, {})}
    assert rows["all_moved"]["verdict"] == "contradicted"
    supported = {name for name, row in rows.items() if row["verdict"] == "supported"}
    assert supported == {"infinities"}


def test_a_planted_life_is_found_in_all_its_parts():
    """Hot, cooling, stumbling, then frozen for good from step 1500 at the latest."""
    steps = np.arange(1, 6001)[:, None]
    size = np.interp(steps, [1, 50, 51, 150, 151, 6000], [5000, 500, 50, 20, 3, 2])
    last = np.linspace(500, 1500, 41)[None, :]
    rng = np.random.default_rng(0)
    moving = (steps <= last) & ((steps < 450) | (rng.random((6000, 41)) < 0.6) | (steps == 500))
    rows = verdicts.judge(shipped(), evidence_of(moving, size), {})
    found = {row["name"]: row["verdict"] for row in rows}
    for name in ("supernova", "cooling", "stumbling", "all_frozen", "hot_to_cold"):
        assert found[name] == "supported", name
    assert found["all_moved"] == "by_construction"
    assert found["longest_silence"] == "supported"
    assert found["rate_of_motion"] == "supported"
    assert found["half_way"] == "contradicted"  # none moves at the end
    # A silence of 2,500 steps is 250 blocks: it cannot show that motion fell a hundredfold.
    shorter = verdicts.judge(shipped(), evidence_of(moving[:4000], size[:4000]), {})
    assert {row["name"]: row["verdict"] for row in shorter}["rate_of_motion"] == "undecided"


def test_the_shipped_questions_say_how_old_their_rules_are():
    """And nothing says that all were fixed before."""
    kinds = {question["kind"] for question in SHIPPED["questions"].values()}
    assert kinds == {"fixed_before", "changed_after", "by_construction"}
    for name, question in SHIPPED["questions"].items():
        assert {"kind", "rule_since", "first_run"} <= question.keys(), name
        later = question["first_run"] is not None and question["rule_since"] > question["first_run"]
        assert not (later and question["kind"] == "fixed_before"), name
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("workflow/report/*.rst")]
    for path in [*pages, ROOT / "config/verdicts.yaml"]:
        text = " ".join(path.read_text("utf-8").split())
        assert "before any run" not in text, path
        assert "fixed before the runs" not in text, path


def test_the_shipped_questions_name_their_seed_and_have_a_rule():
    notebooks = {question["notebook"] for question in shipped().values()}
    assert notebooks == {"Thimble 7", "Crucible 1", "Crucible 2", "Crucible 3", "Wordybird 1b"}
    assert all(
        question["supported_if"] or question["undecided_because"] for question in shipped().values()
    )


def test_the_page_shows_every_question_and_escapes_what_it_says():
    rows = verdicts.judge(
        {
            "a": QUESTION
            | {"supported_if": {"at_least": 1}, "question": "Is a < b?", "kind": "fixed_before"}
            | {"rule_since": "2026-01-02", "first_run": "2026-01-03"},
            "c": QUESTION | {"supported_if": {"at_least": 1}, "kind": "by_construction"},
            "b": QUESTION | {"undecided_because": "nobody knows", "value": None},
        },
        {"crucible1/freezing.json": {"found": {"value": 12345.678}}},
        {},
    )
    chapters = {"freezing": {"title": "When?", "text": "T."}, "empty": {"title": "No", "text": ""}}
    text = verdicts_page.page(
        {
            "counts": verdicts.counts(rows),
            "counts_by_kind": verdicts.counts_by_kind(rows),
            "chapters": chapters,
            "verdicts": rows,
        }
    )
    assert "Is a &lt; b?" in text
    assert '<span class="supported">supported</span>' in text
    assert "12,346" in text
    assert "Nobody knows" in text
    assert "<h3>No</h3>" not in text
    counts = "3 questions and hypotheses of the published notebooks: 1 supported, 0 contradicted, "
    assert f"{counts}1 undecided, 1 follows by construction." in text
    assert '<span class="by_construction">follows by construction</span>' in text
    assert (
        "Fixed before the first run that it judges (rule of 2026-01-02, first run 2026-01-03)"
        in text
    )
    assert "Written or changed after a run that it judges was seen</small>" in text
    assert "Rules that were fixed before the first run that they judge: 1 (1 supported" in text
    assert "Rules that restate what follows from the definitions: 1 (0 supported" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (0, "0"),
        (2491, "2,491"),
        (39.54, "39.5"),
        (0.00125, "0.00125"),
        (1.5e-6, "1.50 · 10<sup>-6</sup>"),
        (254775.4, "254,775"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_for_people(value, text):
    assert verdicts_page.number(value) == text


def test_provenance_shows_runs_and_configuration():
    run = {"experiment": "Crucible <2>", "final_loss": 5.25, "total_steps": 500}
    run["provenance"] = {
        "versions": {"torch": "2.13"},
        "code": "ab" * 32,
        "inputs": {"x": "c" * 64},
    }
    text = provenance_page.page({"crucible2": run}, {"report": {"runs": ["crucible2"]}})
    assert "Crucible &lt;2&gt;" in text
    assert "<code>abababababab</code>" in text
    assert "5.25" in text
    assert "2.13" in text
    assert "&quot;report&quot;" in text


@pytest.mark.parametrize("values", [[3, None], [3, 0.5, True, None]])
def test_the_table_has_every_value_as_it_is(tmp_path, values):
    rows = [dict.fromkeys(verdicts.COLUMNS) | {"value": value} for value in values]
    tables.write(tmp_path / "verdicts.csv", verdicts.table(rows))
    with open(tmp_path / "verdicts.csv", newline="", encoding="utf-8") as lines:
        written = [row["value"] for row in csv.DictReader(lines)]
    assert written == ["" if value is None else str(value) for value in values]
