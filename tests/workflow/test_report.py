"""The report of a run, in real Snakemake at smoke size: verdicts, figures, captions, no network."""

import csv
import json
import re

import facts_of_results
import pytest
from smoke import ROOT

REPORT = "results/report.html"
ONE_RUN = "report: {runs: [crucible2], kick: []}"


def embedded(page: str, script: str, name: str):
    """A variable of the report: the value of `name` in its own script."""
    text = page[page.index(f'<script id="{script}">') :]
    text = text[text.index(f"var {name} = ") + len(f"var {name} = ") :]
    return json.JSONDecoder().raw_decode(text)[0]


def test_one_page_holds_verdicts_figures_and_provenance(finished):
    finished.run("report_results", changes=ONE_RUN)
    for name in ("phases", "freezing", "stillness", "permanence"):
        facts_of_results.check(finished.root / f"results/crucible2/{name}.json")
    facts_of_results.check(finished.root / "results/verdicts.json")
    style = ("--report-stylesheet", "workflow/report/style.css")
    assert " ".join(style) in (ROOT / "Makefile").read_text("utf-8")
    finished.run("report_results", "--report", REPORT, *style, changes=ONE_RUN)
    page = (finished.root / REPORT).read_text("utf-8")
    assert (ROOT / style[1]).read_text("utf-8").strip() in page
    assert not re.search(r"""<(script|img|iframe|link)[^>]+(src|href)=["']?https?:""", page)

    opening = embedded(page, "workflow-desc", "workflow_desc")
    assert "system-message" not in opening  # what docutils puts where it could not read the text
    with open(finished.root / "results/verdicts.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) > 20
    for row in rows:
        assert f'<span class="{row["verdict"]}">' in opening
        assert row["question"].replace("'", "&#x27;") in opening
    of_this_run = [
        row for row in rows if row["run"] == "crucible2" and row["name"] == "hot_to_cold"
    ]
    assert "too short: 40 steps, and this needs 500" in of_this_run[0]["reason"]
    assert {row["verdict"] for row in rows if int(row["chapter"] == "causes")} == {"undecided"}

    results = embedded(page, "results", "results")
    figures = [name for name in results if name.endswith(".png")]
    expected = {"phases", "stillness", "freezing", "lifecycle", "permanence", "momentum"}
    assert {name.split("/")[-1].removesuffix(".png") for name in figures} >= expected
    for name, result in results.items():
        assert result["labels"]["shows"], name
        assert result["data_uri"].startswith("data:"), name
        assert len(result["caption"]) > 100, name
        assert "system-message" not in result["caption"], name
        assert "{{" not in result["caption"], name
    # Thresholds in captions are those of the configuration, defaults among them.
    assert "0.1, 10, 100" in results["results/crucible2/phases.png"]["caption"]
    assert {"results/provenance.html", "results/runs.html"} <= results.keys()
    chapters = embedded(page, "categories", "categories")
    assert "crucible2" in chapters["1 Through which phases do dead tokens pass?"]


def test_a_changed_rule_judges_again_and_computes_nothing(finished):
    finished.run("results/verdicts.html", changes=ONE_RUN)
    assert finished.planned("results/verdicts.html", changes=ONE_RUN) == set()
    rule = "verdicts: {questions: {hot_to_cold: {needs_steps: 10}}}"
    after = finished.planned("results/verdicts.html", changes=f"{ONE_RUN}\n{rule}")
    assert after == {"judge_questions", "write_verdicts_page"}


def test_the_page_of_tokens_is_made_again_when_a_part_of_it_changes(finished):
    page, script = "results/crucible2/explorer.html", "workflow/report/explorer/main.js"
    finished.run(page)
    text = (finished.root / page).read_text("utf-8")
    for name in ("l2", "vector_ulp", "cell_mean", "m", "v", "g", "distance"):
        assert f'id="track-{name}">' in text
    assert finished.planned(page) == set()
    with (finished.root / script).open("a", encoding="utf-8") as file:
        file.write("// changed\n")
    assert finished.planned(page) == {"write_explorer"}
    settings = "explorer: {state_values: 1000}"
    assert finished.planned(page, changes=settings) == {"write_explorer"}


STRANGE = "costs $5 and \\frac $6 {{ 7*7 }} `b` *c* d_ ไทย 😀\n\n.. raw:: html\n\n   </script><i>"


@pytest.mark.slow
def test_text_of_users_ends_neither_a_step_nor_the_script_that_holds_it(finished):
    """And in captions and tables it stands letter by letter."""
    own = {
        "runs": {"crucible2": {"experiment": STRANGE}},
        "phases": {"published": {"phases": [STRANGE + name for name in "abcd"]}},
        "report": {"runs": ["crucible2"], "kick": [], "onsets": []},
    }
    changes = json.dumps(own, ensure_ascii=False)
    pictures = [f"results/crucible2/phases.{kind}" for kind in ("png", "svg", "pdf")]
    finished.run(*pictures, "results/comparison.md", "results/provenance.html", changes=changes)
    finished.run("results/crucible2/phases.png", "--report", REPORT, changes=changes)
    page = (finished.root / REPORT).read_text("utf-8")
    assert "</script><i>" not in page
    caption = embedded(page, "results", "results")["results/crucible2/phases.png"]["caption"]
    shown = "$6 {{ 7*7 }} `b` *c* d_ ไทย 😀  .. raw:: html     &lt;/script&gt;&lt;i&gt;"
    assert caption.count(shown) == 4
    assert "system-message" not in caption
    provenance = (finished.root / "results/provenance.html").read_text("utf-8")
    assert "<i>" not in provenance
    table = (finished.root / "results/comparison.md").read_text("utf-8")
    assert "<i>" not in table
    assert {line.count("|") for line in table.splitlines()} == {3}
