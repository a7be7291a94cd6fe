"""Which files the findings are made from: known before any job, absent only where it is said."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from planning import configuration, findings, schema, slices
from planning.mistakes import ConfigurationError, RequestError

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
BASE = {}
for _name in ("config", "verdicts", "onset", "forecast", "black_holes", "findings"):
    update_config(BASE, yaml.safe_load((ROOT / f"config/{_name}.yaml").read_text("utf-8")))


def resolved(section: dict | None = None, **changes: object) -> dict:
    given = copy.deepcopy(BASE) | changes
    if section is not None:
        given["findings"] = section
    return configuration.resolve(given, SCHEMA)


def test_the_shipped_sources_are_made_or_said_to_be_absent():
    found = resolved()
    paths = findings.sources(found, {})
    assert "results/verdicts.json" in paths
    assert "results/onset/onset.json" in paths
    settings = slices.findings(found, {})
    assert [f"results/{path}" for path in settings["sources"].values()] == paths
    assert [*settings["sources"]] == sorted(settings["sources"])
    assert not {*settings["sources"]} & {*settings["absent"]}
    assert {*settings["sources"]} | {*settings["absent"]} == {*found["findings"]["sources"]}
    json.dumps(settings)


def test_a_source_that_nothing_makes_is_refused_unless_it_is_absent():
    section = {"sources": {"mine": "crucible22/phases.json"}}
    with pytest.raises(
        ConfigurationError, match=r"findings\.sources\.mine.*crucible22.*crucible2\?"
    ):
        resolved(section)
    assert findings.sources(resolved(section | {"absent": ["mine"]}), {}) == []
    with pytest.raises(ConfigurationError, match=r"findings\.sources\.mine is mine\.json; allowed"):
        resolved({"sources": {"mine": "mine.json"}})


def test_what_is_absent_has_a_name_among_the_sources():
    with pytest.raises(
        ConfigurationError, match=r"findings\.absent has 'onse'.*Did you mean onset\?"
    ):
        resolved(BASE["findings"] | {"absent": ["onse"]})


@pytest.mark.parametrize("path", ["../x.json", "a/b/c.json", "crucible1/phases.png", "/x.json", ""])
def test_a_path_is_a_file_of_results(path):
    with pytest.raises(ConfigurationError, match=r"findings\.sources\.mine"):
        resolved({"sources": {"mine": path}})


def test_a_run_stands_in_for_another_as_for_verdicts():
    runs = BASE["runs"] | {"real": {"like": "crucible1"}}
    verdicts = BASE["verdicts"] | {"runs": {"crucible1": "real"}}
    section = {"sources": {"mine": "crucible1/phases.json", "other": "crucible2/phases.json"}}
    found = resolved(section, runs=runs, verdicts=verdicts)
    assert findings.sources(found, {}) == [
        "results/real/phases.json",
        "results/crucible2/phases.json",
    ]


def test_without_sources_there_is_nothing_to_write():
    with pytest.raises(RequestError, match=r"config/findings\.yaml"):
        findings.sources(resolved({}), {})


def test_what_computed_the_runs_is_asked_of_every_run_behind_the_page():
    """Of arms, of runs that others were resumed from, of those at other random seeds."""
    found = resolved()
    runs = findings.runs(found)
    assert len(runs) == len({*runs})
    arms = {name: entry["arms"] for name, entry in found["causes"]["onsets"].items()}
    shown = {*arms} - {"moments"}  # no source of the page
    assert {run for name in shown for names in arms[name].values() for run in names} <= {*runs}
    assert {"thimble7", "crucible2_44", "point_0_43", "wordybird1b_data"} <= {*runs}
    assert "onset_float32_both_moments" not in runs
    only = {"sources": {"mine": "onset_switch_43/freezing.json"}}
    assert findings.runs(resolved(only)) == ["crucible1_43", "onset_switch_43"]
    assert findings.metadata(resolved(only), {})[0] == "results/crucible1_43/metadata.json"


def layered(*files: str) -> dict:
    given = copy.deepcopy(BASE)
    for name in files:
        update_config(given, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text("utf-8")))
    return configuration.resolve(given, SCHEMA)


def test_all_runs_can_be_on_the_published_text_and_on_a_gpu():
    found = layered("fineweb", "everything_fineweb", "gpu")
    of_page = [found["runs"][name] for name in findings.runs(found)]
    assert {run["corpus"] for run in of_page} == {"fineweb", "wordybird_fineweb"}
    assert {(run["device"], run["threads"]) for run in found["runs"].values()} == {("cuda", 1)}
    assert findings.present(found["findings"]) == findings.present(BASE["findings"])


def test_black_holes_are_the_same_runs_beside_other_comparisons():
    """Crucible 1 keeps a checkpoint for a comparison; what is like it does not need one."""
    runs = layered()["runs"]
    assert runs["crucible1"]["save_checkpoint_at"] == [400]
    assert {*map(len, (runs[f"point_1e-{n}"]["save_checkpoint_at"] for n in range(2, 8)))} == {0}


def test_a_page_without_comparisons_asks_for_its_own_runs_alone():
    one = {"sources": {"machines": "machines.json", "phases": "crucible2/phases.json"}}
    assert findings.runs(resolved(one)) == ["crucible2"]
