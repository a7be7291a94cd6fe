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
for _name in ("config", "verdicts", "onset", "findings"):
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
