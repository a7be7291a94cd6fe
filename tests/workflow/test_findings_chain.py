"""The findings in real Snakemake at smoke size: partial results are published as such."""

import json

import yaml
from smoke import ROOT

PAGE = "results/findings.md"
NAMES = yaml.safe_load((ROOT / "config/findings.yaml").read_text("utf-8"))["findings"]["sources"]


def changes(**sources: str) -> str:
    """These sources; all others of the template are absent."""
    absent = sorted(NAMES.keys() - sources.keys())
    return json.dumps({"findings": {"sources": NAMES | sources, "absent": absent}})


def test_a_page_from_what_has_been_run_and_no_job_for_what_has_not(finished):
    one = changes(phases="crucible2/phases.json")
    # What it reads is there already, and nothing is made for what is absent.
    assert finished.planned(PAGE, changes=one) == {"write_findings"}
    finished.run(PAGE, changes=one)
    page = (finished.root / PAGE).read_text("utf-8")
    phases = json.loads((finished.root / "results/crucible2/phases.json").read_text("utf-8"))
    moving = phases["motion"]["tokens_moving_at_last_step"]
    assert f"{moving:,} of {phases['tokens']:,} dead tokens move at step 40" in page
    assert "*Not run: `results/onset/onset.json` is not among the results of this page.*" in page
    manifest = json.loads((finished.root / "results/findings.json").read_text("utf-8"))
    assert manifest["sources"] == {"phases": "crucible2/phases.json"}

    two = changes(phases="crucible2/phases.json", freezing="crucible2/freezing.json")
    assert finished.planned(PAGE, changes=two) == {"compute_freezing", "write_findings"}
    three = changes(phases="crucible2/phases.json", machines="machines.json")
    assert finished.planned(PAGE, changes=three) == {"list_machines", "write_findings"}
    finished.run(PAGE, changes=three)
    page = (finished.root / PAGE).read_text("utf-8")
    made = json.loads((finished.root / "results/crucible2/metadata.json").read_text("utf-8"))
    computed = made["provenance"]
    cells = [computed["matmul_backend"], computed["threads"], f"`{computed['code'][:12]}`", 1, 40]
    assert "Runs behind this page: 1, of 40 steps." in page
    assert f"| {computed['versions']['torch']} | {' | '.join(map(str, cells))} |" in page

    message = finished.failure(PAGE, changes=changes(phases="crucible9/phases.json"))
    assert "findings.sources.phases is crucible9/phases.json" in message
