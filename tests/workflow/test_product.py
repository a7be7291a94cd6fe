"""Every analysis of every run of the configuration: it is made, or refused before any job.

What can be had is asked of `planning.requirements`, and tried with real Snakemake.
"""

from pathlib import Path

import pytest
import yaml
from smoke import ROOT

from planning import configuration, requirements, schema

SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
# A file of each analysis, where it is not a table of its name.
FILES = {
    "displacement": "displacement.safetensors",
    "untrained_motion": "untrained_motion.safetensors",
    "lifecycle": "lifecycle.safetensors",
    "rows": "rows.json",
    "audit": "audit.json",
}


def loaded(name: str) -> dict:
    return yaml.safe_load(Path(ROOT, "config", name).read_text("utf-8"))


def small() -> dict:
    """The configuration of the smoke sizes, resolved."""
    given = loaded("config.yaml")
    for section, entries in loaded("smoke.yaml").items():
        for name, entry in entries.items():
            given.setdefault(section, {}).setdefault(name, {}).update(entry)
    return configuration.resolve(given, SCHEMA)


SMALL = small()
# What a forecast asks of its runs; there is no file of it (test_forecast_configuration.py).
WITHOUT_A_FILE = {"state"}
POSSIBLE, REFUSED = [], []
for analysis in sorted(requirements.ANALYSES.keys() - WITHOUT_A_FILE):
    for run in SMALL["runs"]:
        can = requirements.why_not(analysis, run, SMALL) is None
        (POSSIBLE if can else REFUSED).append((analysis, run))


def file_of(analysis: str, run: str) -> str:
    return f"results/{run}/{FILES.get(analysis, f'{analysis}.csv')}"


def check_refused(project, analysis: str, run: str) -> None:
    output = project.failure(file_of(analysis, run))
    assert requirements.refusal(analysis, run, SMALL) in output
    assert "Runs that can have it: " in output
    assert not (project.root / "results").exists()


def test_every_analysis_has_a_run_and_none_is_of_all_runs_but_those_of_motion():
    assert {analysis for analysis, _ in POSSIBLE} == {*requirements.ANALYSES} - WITHOUT_A_FILE
    assert {analysis for analysis, _ in REFUSED} == {
        *("momentum", "gradients", "drift", "untrained_motion"),
        *("audit", "second_moment", "account", "course", "null_census_in_time"),
    }


@pytest.mark.parametrize("analysis", sorted({analysis for analysis, _ in REFUSED}))
def test_a_run_that_cannot_have_an_analysis_is_refused_before_any_job(fresh, analysis):
    check_refused(fresh, *next(pair for pair in REFUSED if pair[0] == analysis))


@pytest.mark.long
def test_all_others_are_refused_too(fresh):
    for analysis, run in REFUSED:
        check_refused(fresh, analysis, run)


@pytest.mark.long
def test_what_is_not_refused_is_made(fresh):
    targets = [file_of(*pair) for pair in POSSIBLE]
    fresh.run(*targets, seconds=1800)
    assert [name for name in targets if not (fresh.root / name).exists()] == []
