"""The workflow as others use it: as a module, as snakedeploy writes it, from another folder."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from smoke import ROOT, SNAKEMAKE, Project, copy_sources
from test_chain import ARTIFACTS

from deadtokens.files import provenance

PHASES = "results/crucible2/phases.png"
CORPUS = "results/corpora/flannel"

# What another workflow does with one of our results, and a rule of theirs whose output is there.
THEIRS = """
rule all:
    input:
        "steps.txt",
        "kept.txt",


module fimbulwinter:
    snakefile:
        "{root}/Snakefile"


use rule * from fimbulwinter as fimbulwinter_*


rule count_steps:
    input:
        "results/crucible2/phases.csv",
        "results/crucible2/phases.png",
    output:
        "steps.txt",
    shell:
        'wc --lines < {{input[0]}} > {{output}}; echo "${{{{scripts-none}}}} $-" >> {{output}}'


rule keep:
    output:
        "kept.txt",
    shell:
        "exit 1"
"""


def importing(root: Path, snakefile: str, name: str = "Snakefile") -> Project:
    """A workflow that imports this one, with a copy of the configuration beside it."""
    shutil.copytree(ROOT / "config", root / "config")
    project = Project(root)
    project.write(name, snakefile)
    return project


def statement(source: str, *keywords: str, use: str = "use rule * from fimbulwinter") -> str:
    lines = [f"snakefile: {source}", *keywords]
    return "\n".join(["module fimbulwinter:", *(f"    {line}" for line in lines), "", use, ""])


def nothing_to_do(project: Project, *arguments: str, changes: str = "") -> bool:
    result = project.snakemake("--dry-run", *arguments, changes=changes)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    assert "Made from other settings" not in output, output
    return "Nothing to be done" in output


def draws_the_same(project: Project, finished: Project, results: str = "results") -> None:
    """With the results of `finished` in place, all but its figure: only that is made, and equal."""
    shutil.copytree(finished.root / "results", project.root / results)
    figure = project.root / results / "crucible2/phases.png"
    figure.unlink()
    assert {name.removeprefix("fimbulwinter_") for name in project.planned()} == {"draw_phases"}
    project.run()
    assert figure.read_bytes() == (finished.root / PHASES).read_bytes()
    assert nothing_to_do(project)


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Project:
    """A workflow that has had this one make all it needs."""
    project = importing(tmp_path_factory.mktemp("imported") / "project", THEIRS.format(root=ROOT))
    project.write("kept.txt", "by hand")
    project.run()
    return project


def test_a_module_makes_the_same_bytes_and_identities(imported, finished):
    for name in ARTIFACTS:
        ours, theirs = finished.root / name, imported.root / name
        assert provenance.record_of(theirs).identity == provenance.record_of(ours).identity, name
        if not name.endswith("metadata.json"):  # holds the date of the run
            assert theirs.read_bytes() == ours.read_bytes(), name


def test_rules_of_the_importing_workflow_are_left_alone(imported):
    lines, environment = (imported.root / "steps.txt").read_text().splitlines()
    assert int(lines) == 1 + 40
    scripts, options = environment.split()
    assert scripts == "none"
    # Snakemake's own prefix, `set -euo pipefail`, which ours takes the place of.
    assert {"e", "u"} <= {*options}
    assert not (imported.root / ".provenance").exists()
    # It has no record, and nobody asks for one.
    assert (imported.root / "kept.txt").read_text() == "by hand"


def test_a_module_has_nothing_to_do_twice_and_follows_its_settings(imported):
    assert nothing_to_do(imported)
    hotter = "phases: {published: {thresholds: [0.2, 10, 100]}}"
    assert imported.planned(changes=hotter) == {
        "fimbulwinter_classify_phases",
        "fimbulwinter_draw_phases",
        "count_steps",
    }


def test_a_report_of_the_importing_workflow_shows_our_figures_without_our_opening(imported):
    imported.run("--report", "report.html")
    page = (imported.root / "report.html").read_text("utf-8")
    # The caption reads our configuration.
    assert "0.1, 10, 100" in page
    assert "What happens, step by step" not in page


def test_a_result_of_other_hands_is_refused_in_a_module_too(imported, tmp_path):
    shutil.copytree(imported.root, tmp_path / "copy")
    project = Project(tmp_path / "copy")
    project.write("results/crucible2/phases.csv", "mine")
    assert "phases.csv: differs from what" in project.failure()


@pytest.mark.parametrize(
    ("given", "snakefile"),
    [("config", "Snakefile"), ('config["fimbulwinter"]', "workflow/Snakefile")],
)
def test_what_config_gives_lies_on_top_of_our_own_files(tmp_path, finished, given, snakefile):
    """As `--configfile` would lay it; the importing workflow's own keys stay its own."""
    section = given != "config"
    smoke = (ROOT / "config/smoke.yaml").read_text("utf-8")
    keys = "fimbulwinter:\n" + "".join(f"  {line}\n" for line in smoke.splitlines())
    text = (
        ("configfile: 'mine.yaml'\n" if section else "configfile: 'config/smoke.yaml'\n")
        + "before = str(config)\n"
        + statement(f'"{ROOT}/{snakefile}"', f"config: {given}")
        + "assert str(config) == before\n"
    )
    project = importing(tmp_path / "project", text)
    project.write("mine.yaml", f"samples: [a, b]\n{keys}")
    shutil.copytree(finished.root / "results", project.root / "results")
    command = [SNAKEMAKE, "--cores", "1", "--dry-run"]
    result = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Nothing to be done" in result.stdout + result.stderr


def test_numbers_within_config_reach_a_module_that_is_given_the_whole(tmp_path):
    text = "configfile: 'config/smoke.yaml'\n" + statement(f'"{ROOT}/Snakefile"', "config: config")
    project = importing(tmp_path / "project", text)
    command = [SNAKEMAKE, "--cores", "1", "-n", "-p", "--config", "runs={crucible2: {seq_len: 8}}"]
    result = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert '"seq_len": 8' in result.stdout + result.stderr


def test_keys_of_the_importing_workflow_are_refused_with_what_to_do(tmp_path):
    text = "config['samples'] = ['a', 'b']\n" + statement(f'"{ROOT}/Snakefile"', "config: config")
    output = importing(tmp_path / "project", text).failure("--dry-run")
    assert "samples is no known key" in output
    assert 'config: config["fimbulwinter"]' in output


@pytest.mark.slow
def test_a_prefix_moves_the_results(tmp_path, finished):
    project = importing(
        tmp_path / "project", statement(f'"{ROOT}/Snakefile"', 'prefix: "embeddings"')
    )
    draws_the_same(project, finished, "embeddings/results")


# Two configurations side by side, and rules that are derived from ours.
TWICE = """
module first:
    snakefile:
        "{root}/Snakefile"


module second:
    snakefile:
        "{root}/Snakefile"
    prefix:
        "second"


use rule * from first as first_*


use rule * from second as second_*


use rule encode_corpus from first as again with:
    output:
        tokens="again/{{corpus}}.safetensors",
        report="again/{{corpus}}.json",
    log:
        "again/{{corpus}}.log",
    benchmark:
        "again/{{corpus}}.tsv"


use rule draw_phases from second as second_draw_phases with:
    threads: 2
"""


@pytest.mark.slow
def test_two_modules_and_derived_rules(tmp_path, finished):
    project = importing(tmp_path / "project", TWICE.format(root=ROOT))
    for place in ("results", "second/results"):
        shutil.copytree(finished.root / "results", project.root / place)
    assert nothing_to_do(project, PHASES, f"second/{PHASES}")
    project.run("again/flannel.json")
    again = project.root / "again/flannel.safetensors"
    assert again.read_bytes() == (finished.root / f"{CORPUS}/tokens.safetensors").read_bytes()
    assert provenance.record_of(again).identity
    assert nothing_to_do(project, "again/flannel.json")


MADE = """
rule write_text:
    output:
        "texts/{{name}}.txt",
    params:
        lines={lines},
        of=object(),
    shell:
        "seq {{params.lines}} | sed 's/.*/the cat sat on a mat while dogs slept/' > {{output}}"
"""
TEXTS = """
corpora:
  flannel:
    source: files
    vocab_size: 30
    model_corpus_file: texts/model.txt
    tokenizer_corpus_file: texts/tokenizer.txt
"""


@pytest.mark.slow
def test_a_text_that_another_rule_makes(tmp_path):
    """It need not be there yet, and its identity is how it is made."""
    module = statement(f'"{ROOT}/Snakefile"')
    masks = f"{CORPUS}/masks.json"
    project = importing(tmp_path / "project", module + MADE.format(lines=300))
    project.run(masks, changes=TEXTS)
    assert nothing_to_do(project, masks, changes=TEXTS)
    project.write("Snakefile", module + MADE.format(lines=301))
    # Snakemake is not asked; the identities know.
    planned = project.planned(masks, "--rerun-triggers", "mtime", changes=TEXTS)
    assert {"import_model_corpus", "encode_corpus", "find_dead_tokens"} <= planned


# As `snakedeploy deploy-workflow https://github.com/OWNER/fimbulwinter . --tag v1.0.0` writes it.
DEPLOYED = """from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare https://github.com/owner/fimbulwinter as a module
module fimbulwinter:
    snakefile:
        github("owner/fimbulwinter", path="workflow/Snakefile", tag="v1.0.0")
    config:
        config


# use all rules from https://github.com/owner/fimbulwinter
use rule * from fimbulwinter
"""


@pytest.fixture
def github(tmp_path, monkeypatch) -> Path:
    """A repository where Git looks for that address, without a network."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    repository = copy_sources(tmp_path / "hosted/owner/fimbulwinter").root
    author = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        [*author, "commit", "-qm", "1"],
        ["tag", "v1.0.0"],
    ):
        subprocess.run(["git", *words], cwd=repository, check=True)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{tmp_path}/hosted/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return repository


@pytest.mark.slow
@pytest.mark.usefixtures("github")
def test_as_snakedeploy_writes_it(tmp_path, finished):
    project = importing(tmp_path / "project", DEPLOYED, "workflow/Snakefile")
    draws_the_same(project, finished)
    unpacked = [path.name for path in (project.root / ".snakemake/fimbulwinter").iterdir()]
    assert [len(name) for name in unpacked] == [40]


def call(folder: Path, *arguments: str | Path) -> None:
    result = subprocess.run(
        [SNAKEMAKE, "--cores", "1", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("snakefile", "directory"),
    [pytest.param("workflow/Snakefile", False, marks=pytest.mark.slow), ("Snakefile", True)],
)
def test_from_another_folder(tmp_path, finished, snakefile, directory):
    """Results lie in the working folder; a file of configuration is found from where one calls."""
    called, works = tmp_path / "called", tmp_path / ("works" if directory else "called")
    shutil.copytree(finished.root / "results", works / "results")
    (works / PHASES).unlink()
    called.mkdir(exist_ok=True)
    (called / "mine.yaml").write_bytes((ROOT / "config/smoke.yaml").read_bytes())
    options = ["--directory", works] if directory else []
    source = os.path.relpath(ROOT / snakefile, called)
    call(called, "-s", source, *options, "--configfile", "mine.yaml")
    assert (works / PHASES).read_bytes() == (finished.root / PHASES).read_bytes()
    assert {path.name for path in works.iterdir()} - {"mine.yaml"} == {"results", ".snakemake"}
    assert directory == (not (called / "results").exists())


def test_the_catalog_can_draw_the_rules(tmp_path):
    """With the words that the Snakemake workflow catalog uses."""
    source = ROOT / "workflow/Snakefile"
    call(tmp_path, "-s", source, "-c", "1", "-d", ".test", "--forceall", "--rulegraph")
