"""The findings: every section from planted files, `not run` without, and no number by hand."""

import copy
import json
import subprocess
from pathlib import Path

import planted
import pytest
import yaml
from test_verdicts import QUESTION

from deadtokens.errors import UserError
from deadtokens.files import documents
from deadtokens.report import facts, findings, verdicts
from deadtokens.report.findings import Source

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "workflow/report/findings.md.jinja").read_text("utf-8")
PUBLISHED = json.loads((ROOT / "workflow/report/published.json").read_text("utf-8"))
CONFIGURED = yaml.safe_load((ROOT / "config/findings.yaml").read_text("utf-8"))["findings"]
KEPT = ROOT / "docs/findings"


def estimate(value: float, **more: object) -> dict:
    ends = {"low": value - 0.25, "high": value + 0.25}
    return {"mean": value, "value": value, **ends, "seeds": 3, "never": 0} | more


def by_chance(value: float) -> dict:
    ends = [value - 0.25, value + 0.25]
    shares = {"share": 0.15, "share_over_pseudo_seams": [0.0625, 0.25]}
    return {
        "value": value,
        "interval_over_pseudo_seams": ends,
        "beyond_pseudo_seams": False,
    } | shares


def arm(changes: dict, still: float) -> dict:
    never = {"mean": None, "never": 3, "seeds": 3, "text": "not reached by step 1,400"}
    numbers = {"still": estimate(still), "rate": estimate(0.4375), "onset": estimate(1339)}
    tokens = numbers | {"median_onset": never, "still_if_independent": estimate(0.25)}
    return {"changes": changes, "seeds": [42, 43, 44], "tokens": tokens, "elements": numbers}


def judged() -> dict:
    rule = {"supported_if": {"at_least": 1}, "kind": "by_construction"}
    asked = {"a": QUESTION | {"question": "Does | hold?"}, "b": QUESTION | rule}
    evidence = {"crucible1/freezing.json": {"found": {"value": 12345.678}}}
    rows = verdicts.judge(asked, evidence, {})
    return {
        "counts": verdicts.counts(rows),
        "counts_by_kind": verdicts.counts_by_kind(rows),
        "chapters": {"freezing": {"title": "2 When?"}, "empty": {"title": "9 Nothing"}},
        "verdicts": rows,
    }


PHASES = {"Fimbulwinter": {"majority": {"first": 408, "for_good": None}, "vanished": {"first": 1}}}
ONSET = {
    **{"reference": "published", "tokens": 3400, "through_step": 1500, "still_for": 100},
    "intervals": "95% over random seeds, by Student's t",
    "arms": {"published": arm({}, 0.73), "both": arm({"state_precision": "float32"}, 0.0049)},
    "effects": {
        "tokens": {
            "goes_away": {
                "arms": {"both": estimate(0.54)},
                "interactions": {"both": estimate(-0.53)},
            }
        }
    },
}
STORED = {"centroid_straightness": 0.85, "centroid_displacement_cosine_with_mean_h": -0.972}
RELATIVE = {"centroid_straightness": 0.75, "centroid_displacement_cosine_with_mean_h": -0.11}
RATES = {
    **{"rate": 1.35e-5, "lower_bound": 1e-6, "upper_bound": 7e-5},
    **{"upper_bound_as_seen": 6e-5, "poisson_upper_bound": 2e-5},
}
PLANTED = {
    "published.md": "| run | steps |\n| --- | --- |\n| `crucible1` | 5,000 |\n",
    "machines.json": {
        **{"runs": 117, "steps": 180500},
        "machines": [
            {
                **{"device": "a GPU", "torch": "2.13.0", "matmul_backend": "native", "threads": 1},
                **{"code": "6d6ca7a52022ab1e" * 4, "runs": 116, "steps": 180000, "names": []},
            },
            {
                **dict.fromkeys(("device", "torch", "matmul_backend", "threads", "code")),
                **{"runs": 1, "steps": 500, "names": []},
            },
        ],
    },
    "verdicts.json": judged(),
    "phases.json": {
        **{"tokens": 3400, "steps": 500, "motion": {"tokens_moving_at_last_step": 2587}},
        "scales": {"element": {"phases": PHASES}, "vector": {"phases": PHASES}},
    },
    "freezing.json": {
        **{"steps": 5000, "global_last_motion": 3775, "median": None},
        **{"fimbulwinter_duration": 1225, "correlation_with_initial_norm": 0.0412},
        **{"correlation_with_initial_norm_relative": -0.0312, "correlation_with_id": None},
        **{"still_for": 100, "confidence": 0.95, "too_short": None, "tokens": 3699},
        **{"stopped": 3611, "censored": 88, "share_stopped": estimate(0.5)},
        **{"median_low": 3011, "median_high": None},
        "elements": {
            "share_stopped": estimate(0.625),
            "at_power_of_two": {
                **{"by_chance": 0.0078125, "initial": estimate(0.5)},
                **{"stopped": estimate(0.75), "censored": estimate(0.25)},
            },
            "by_number_counted": [
                {"counted": 64, "share_stopped": estimate(0.375), "median": 2222},
            ],
        },
    },
    "stillness.json": {"count": 60, "longest": [{"length": 1225, "start": 3776}]},
    "permanence.json": {
        **{"confidence": 0.95, "block_steps": 10, "still_for": {"100": RATES}},
        **{"elements": {"still_for": {"100": RATES}}, "final_silence": {"steps": 1225}},
        "fell_by_at_least": {"per_step": 33.25},
    },
    "momentum.json": {"crossing_against_last_motion": {"optimizer": {"share_equal": 0.99877}}},
    "gradients.json": {
        "mean_over_steps": {"pairwise_cosine": 0.9987},
        "cohort_tests": {"as_recorded": {"within": 0.25, "excess_over_sd": 0.125, "p_value": 0.76}},
    },
    "drift.json": {
        "steps": 500,
        "separation": {"start": 0.00393, "end": 0.343, "by_chance_at_start": 0.0034},
        "clouds": {"dead": {"tokens": 3400, "as_stored": STORED, "relative": RELATIVE}},
    },
    "account.json": {
        **{
            "from_step": 10,
            "window": 100,
            "terms": {"cell": "ULP of the weights", "p": "the gradient"},
        },
        "change_over_last_window": {"total": -5.64, "cell": -2.96, "cell_drift": -4.5},
        "gradient_over_last_window": {"p": -4.79},
        "below_half_cell": {},
    },
    "onset.json": ONSET,
    "kick.json": {
        **{"tokens": 33267, "seam": 100, "window": 5},
        "stitched": {"kick_ratio": by_chance(185.25), "kick_over_continuous": by_chance(202)},
        "continuous": {"kick_ratio": by_chance(0.913), "pseudo_seams": {}},
        "contributions": {
            "total": by_chance(5.22),
            "parts": [
                {"name": "moments_reset", **by_chance(0.78)},
                {"name": "schedule_reset", **by_chance(0.64), "share": 0.17},
                {"name": "schedule_before_the_seam", **by_chance(3.97), "share": 0.68},
            ],
        },
        "continuation": {"equal_at_the_seam": [{"whole": True, "equal_steps": 100}]},
    },
    "forecast.json": {
        **{"state_step": 200, "chosen": "linear", "test": {"p": 0.35, "units": "seeds"}},
        "methods": {
            "linear": {"meaning": "its row", "cross_validated": 0.5, "index": estimate(0.5)}
        },
    },
}
PLANTED["forecast.json"]["test"]["detectable"] = None
NUMBERS = ("vectors", "black_holes", "black_hole_tokens")
PLANTED["black_holes.json"] = {
    **{"steps": [0, 1500], "intervals": "95% over random seeds", "first_arm": "spread_1e-5"},
    "at_power_of_two_by_chance": 0.0078125,
    "arms": {
        "spread_1e-5": {
            **{"spread": 1e-5, "changes": {}, "seeds": [42, 43, 44], "tokens": 3400},
            "at_last_step": {
                source: {name: estimate(59.5) for name in (*NUMBERS, "largest_population")}
                | {"at_power_of_two": estimate(0.5)}
                for source in ("training", "pushed", "stepwise", "at_once", "formula")
            },
            "errors": {
                source: {"vectors": estimate(-4.25)}
                for source in ("pushed", "stepwise", "at_once", "formula")
            },
            "meetings": {
                source: {
                    **{"coalescences": estimate(3868), "evaporations": estimate(527)},
                    **{"share_coarser": estimate(0.5), "changes_coarser": estimate(0.5)},
                    "others_coarser": estimate(0.25) | {"mean": None, "value": None, "never": 2},
                }
                for source in ("training", "pushed")
            },
            "octaves_off_published": {"training": [3.375, 4.125], "pushed": [5.0, 6.0]},
            "common_update": {"elements": estimate(0.5), "tokens": estimate(0.5)},
        }
    },
    "published_cloud": {
        **{"tokens": 2200, "dimensions": 2560, "populations": [814, 704], "vectors": 125},
        **{"black_holes": 13, "black_hole_tokens": 2100},
        "spreads": {name: estimate(3.5) for name in NUMBERS},
        "at_that_of_vectors": {name: estimate(79) for name in NUMBERS},
        "octaves_off_published": {
            name: {"low": 2.5, "median": 3.25, "high": 4.0} for name in NUMBERS
        },
    },
}


def sources(**changes: object) -> dict[str, Source]:
    """All that the template knows, by planted files; changes: another content of a source."""
    return {
        name: Source(path, copy.deepcopy(changes.get(name, PLANTED[Path(path).name])))
        for name, path in CONFIGURED["sources"].items()
    }


def rendered(**changes: object) -> str:
    return findings.render(TEMPLATE, sources(**changes), {}, PUBLISHED)


def test_every_section_says_what_its_file_says():
    text = rendered()
    assert "Not run" not in text
    words = " ".join(text.split())
    for expected in (
        "notebooks: supported 1, contradicted 0, undecided 0; 1 more that follow",
        "| Does &#124; hold? (Crucible 1) | what was counted | 12,346 steps | supported | Written ",
        "### 2 When?",
        "| `Fimbulwinter` | 408 | not defined | 1 |",
        "2,587 of 3,400 dead tokens move at step 500, the last.",
        "(published: 2,509 of 5,000). A token counts as stopped if it is still for "
        "100 steps or more from its last motion",
        "Of 3,699 dead tokens 3,611 have stopped (50% (25% to 75%)), 88 are censored. Stop of the "
        "median token: never in 5,000 steps (by Kaplan and Meier, at 95%: step 3,011 to never in "
        "5,000 steps; the interval takes tokens as independent). Rank",
        "as stored 0.0412, relative to the mean of all rows -0.0312; with the id: not defined.",
        "Of elements 62% (38% to 88%) have stopped",
        "There are 75% (50% to 100%) of the elements that have stopped; of the others 25%",
        "| 64 | 38% (12% to 62%) | 2,222 |",
        "the silence of 1,225 steps after it, the share of steps with any motion fell by at least "
        "this factor, by the same blocks: 33.2.",
        "| 1,225 | 3,776 |",
        "| `100` | 1.35e-05 | 1.00e-06 | 7.00e-05 | 6.00e-05 | 2.00e-05 |",
        "so found: 99.88%.",
        "| `dead` | 3,400 | 0.850 | 0.750 | -0.972 | -0.110 |",
        "| `as_recorded` | 0.250 | 0.125 | 0.760 |",
        "| in all, as stored | -5.64 | | in all, relative to the mean of all rows | -1.14 |",
        "| ULP of the weights | -2.96 |",
        "| the gradient | -4.79 |",
        "- `published` (the reference): 73% (48% to 98%)",
        "| `both` | `state_precision: float32` | 42, 43 and 44 |",
        "| not reached by step 1,400 |",
        "- `both` (`state_precision: float32`): 0.49% (-25% to 25%), goes away 54% (29% to 79%)",
        "| `both` | -53% (-78% to -28%) |",
        "over that before it: 185 (185 to 186) as the notebook stitches the runs",
        "(pseudo-seams)? no. Of",
        "| moments_reset | 0.780 | 0.530 | 1.03 | 2.18 | 15% | 6.2% | 25% |",
        "![Phases of Crucible 1](figures/crucible1_phases.png)",
        "Of 3,400 dead tokens, vectors after 1,500 steps:",
        "| `spread_1e-5` | the reference | 42, 43 and 44 | 1.00e-05 | 60 (59 to 60) |",
        "| 3,868 (3,868 to 3,868) | 527 (527 to 527) | 50% (25% to 75%) | 50% (25% to 75%) | "
        "undefined at 2 of 3 random seeds |",
        "| `spread_1e-5` | -4.25 (-4.50 to -4) | -4.25",
        "| `spread_1e-5` | 3.38 and 4.12 | 5 and 6 |",
        "| `black_holes` | 3.25 | 2.50 | 4 |",
        "would be there with a share of 0.78%.",
        "| `spread_1e-5` | 50% (25% to 75%) | 50% (25% to 75%) | 50% (25% to 75%) | 50%",
        "is 0.350. The smallest planted rank correlation that the test would have found in "
        "most cases: not defined.",
    ):
        assert expected in words
    assert "### 9 Nothing" not in text
    lines = text.split("\n")
    tables = [i for i, line in enumerate(lines) if line.startswith("| ---")]
    assert len(tables) > 20
    for place in tables:  # what stands above a table would become its first row
        assert lines[place - 2] == ""


@pytest.mark.parametrize("name", sorted(CONFIGURED["sources"]))
def test_what_is_not_there_is_said_to_be_not_run(name):
    given = sources()
    absent = {name: given.pop(name).path}
    text = findings.render(TEMPLATE, given, absent, PUBLISHED)
    assert f"*Not run: `results/{absent[name]}` is not among the results of this page.*" in text
    assert len(text) < len(rendered())


def test_without_any_file_there_are_words_alone():
    text = findings.render(TEMPLATE, {}, CONFIGURED["sources"], PUBLISHED)
    assert text.count("*Not run: ") >= len(CONFIGURED["sources"])


@pytest.mark.parametrize("file", [name for name in PLANTED if name in facts.FACTS])
def test_what_a_file_says_is_what_the_page_says(file):
    """Other numbers in a file give another page."""
    first = next(
        n for n, path in CONFIGURED["sources"].items() if path.endswith(f"/{file}") or path == file
    )
    changed = json.loads(json.dumps(PLANTED[file]), parse_float=lambda t: float(t) * 1.5)
    if changed == PLANTED[file]:
        changed = json.loads(json.dumps(PLANTED[file]), parse_int=lambda t: int(t) + 1)
    assert rendered(**{first: changed}) != rendered()


def refused(template: str, *messages: str, given=None, absent=None) -> None:
    with pytest.raises(UserError) as raised:
        findings.render(template, sources() if given is None else given, absent or {}, PUBLISHED)
    for message in messages:
        assert message in str(raised.value)


def test_a_number_that_is_typed_by_hand_is_refused():
    place = TEMPLATE[: TEMPLATE.index("## Limits")].count("\n") + 1
    refused(
        TEMPLATE.replace("## Limits", "It is 73% of them.\n## Limits"),
        f"line {place}: '73%' is typed by hand",
    )


def test_a_file_that_has_other_keys_now_is_named_with_the_line():
    onset = copy.deepcopy(ONSET)
    del onset["effects"]["tokens"]["goes_away"]["arms"]
    given = {"onset": Source("onset/onset.json", onset)}
    refused(
        '\n\n{{ onset("goes_away") }}\n', "line 3", "effects.tokens.goes_away.arms", given=given
    )
    refused('{{ onset("no_such_fact") }}\n', "line 1: KeyError: 'no_such_fact'", given=given)
    refused("\n{{ onset.arms }}\n", "line 2: UndefinedError", given=given)
    refused("{{ onset | no_such_filter }}", "no_such_filter", given=given)
    refused("\n{% if onset %}", "line 2", given=given)


def test_the_template_and_the_configuration_name_the_same_files():
    refused(
        "{{ phases.path }} {{ other.path }}",
        "uses other",
        "findings.sources has phases",
        given={"phases": sources()["phases"]},
    )
    refused(
        "{{ phases.path }}",
        "has onset, which the template does not use",
        given={"phases": sources()["phases"]},
        absent={"onset": "onset/onset.json"},
    )


def test_a_column_that_no_entry_has_is_a_mistake():
    planted_onset = copy.deepcopy(ONSET)
    for of in planted_onset["arms"].values():
        del of["tokens"]["still"]
    refused(TEMPLATE, "there is no tokens.still", given=sources(onset=planted_onset))


def run(name: str, *words: object) -> subprocess.CompletedProcess:
    words = [str(word) for word in (*planted.program(name), *words)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_the_page_can_be_written_from_its_copies_alone(tmp_path):
    """And a number typed into the page by hand, or into a copy, is noticed."""
    results, docs = tmp_path / "results", tmp_path / "docs"
    paths = {name: path for name, path in CONFIGURED["sources"].items() if name != "forecast"}
    for path in paths.values():
        content = PLANTED[Path(path).name]
        (results / path).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (results / path).write_text(text, "utf-8")
    settings = {"sources": paths, "absent": {"forecast": "forecast/forecast.json"}}
    written = run(
        "write_findings",
        *("--template", ROOT / "workflow/report/findings.md.jinja"),
        *("--published", ROOT / "workflow/report/published.json"),
        *("--settings", json.dumps(settings)),
        *("--sources", *(results / paths[name] for name in sorted(paths))),
        *("--page", results / "findings.md", "--manifest", results / "findings.json"),
    )
    assert written.returncode == 0, written.stderr
    docs.mkdir()
    (docs / "findings").mkdir()
    (docs / "findings/old.json").write_text("{}")
    copied = run("copy_findings", "--manifest", results / "findings.json", "--docs", docs)
    assert copied.returncode == 0, copied.stderr
    size = (results / "onset/onset.json").stat().st_size
    assert f"{size:,} bytes  {docs / 'findings/onset.json'}" in copied.stdout
    assert not (docs / "findings/old.json").exists()
    page = docs / "findings.md"
    assert same(page)
    page.write_text(page.read_text("utf-8").replace("3,775", "3,776", 1), "utf-8")
    assert not same(page)
    small = run(
        "copy_findings", "--manifest", results / "findings.json", "--docs", docs, "--largest", 9
    )
    assert small.returncode == 1
    assert "allowed: 9 for a copy" in small.stderr


def same(page: Path) -> bool:
    """Whether a page is what its copies give, byte for byte."""
    text = findings.from_copies(page.with_suffix(""), TEMPLATE, PUBLISHED)
    return page.read_bytes() == text.encode()


@pytest.mark.skipif(not KEPT.exists(), reason="docs/findings.md is not made by `make findings` yet")
def test_the_page_in_docs_is_what_its_sources_say():
    assert same(KEPT.with_suffix(".md"))
    assert documents.read(KEPT / "findings.json", findings.MANIFEST)["sources"]
