"""What a release says of itself: one version everywhere, a licence, a citation, CI, the catalog."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def installed() -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution("deadtokens")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("deadtokens is not installed here: pip install --no-deps --editable .")


def test_a_notebook_imports_the_library_from_anywhere(tmp_path):
    assert installed().version == PROJECT["version"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "from deadtokens.files import storage; import deadtokens; print(deadtokens.__file__)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).parts[-4:-2] == ("workflow", "scripts")


def test_the_library_alone_is_what_is_installed():
    top = installed().read_text("top_level.txt").split()
    assert top == ["deadtokens"]


def test_the_citation_is_of_this_version():
    citation = read("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "abstract", "authors"} <= citation.keys()
    assert citation["authors"] == [{"name": author["name"]} for author in PROJECT["authors"]]
    assert citation["version"] == PROJECT["version"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", citation["date-released"])  # the schema wants text


def test_the_licence_is_the_one_that_is_named():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert text.startswith("MIT License\n")
    year = read("CITATION.cff")["date-released"][:4]
    assert f"Copyright (c) {year} {PROJECT['authors'][0]['name']}\n" in text
    assert read("CITATION.cff")["license"] == PROJECT["license"] == "MIT"


def test_the_changelog_begins_with_this_version():
    path = ROOT / "CHANGELOG.md"
    if not path.exists():
        pytest.skip("no CHANGELOG.md yet")
    first = re.search(r"^## \[?v?(\d+\.\d+\.\d+)", path.read_text("utf-8"), re.MULTILINE)
    assert first[1] == PROJECT["version"]


def test_ci_runs_what_make_runs_on_every_push():
    workflow = read(".github/workflows/ci.yaml")
    assert {"push", "pull_request"} <= workflow[True].keys()  # YAML reads `on` as true
    steps = workflow["jobs"]["run"]["steps"]
    assert any(step.get("run", "").endswith(".ci/run") for step in steps)
    python = next(step["with"]["python-version"] for step in steps if "with" in step)
    assert tuple(map(int, python.split("."))) >= (3, 11)
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_the_catalog_finds_what_it_asks_for():
    usage = read(".snakemake-workflow-catalog.yml")["usage"]
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    assert {"conda", "apptainer", "apptainer+conda", "report"} == usage[
        "software-stack-deployment"
    ].keys()
    for name in ("workflow/Snakefile", "config/README.md", "workflow/schemas/config.schema.yaml"):
        assert (ROOT / name).is_file(), name
    assert list((ROOT / "workflow/rules").glob("*.smk"))
    readme = (ROOT / "README.md").read_text("utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
