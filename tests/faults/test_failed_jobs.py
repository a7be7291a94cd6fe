"""A failed job leaves nothing that passes for the result of the configuration as it is.

Every rule's program is ended in the middle, by SIGKILL and by a full disk, while older results of
everything that follows it exist; then the same command is given again.
"""

import os
import subprocess
from pathlib import Path

import pytest
from everything import CONFIGURATION, TARGETS
from reliability import count
from smoke import SNAKEMAKE, Project

DYING = Path(__file__).with_name("dying")
HOW = ("kill", "disk")
IS_A_PROGRAM = 'if __name__ == "__main__":'

# Changes of the configuration that are wrong, and what is said of them: the first one by the
# program that meets it, for how many pairs a text has is not known before.
WRONG = {
    "corpora: {flannel: {vocab_size: 60000}}": "entries, not vocab_size = 60000",
    "runs: {crucible2: {batch_size: 60000}}": "runs.crucible2.batch_size is 60000",
    "runs: {crucible2: {record: [m]}}": "record",
}


def call(project: Project, *targets: str, fault: str = "", changes: str = "") -> tuple[int, str]:
    """A call of Snakemake in which one program dies: exit code and what it printed."""
    path = os.pathsep.join(filter(None, [str(DYING), os.environ.get("PYTHONPATH")]))
    result = subprocess.run(
        project.command(*targets, changes=changes),
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env=os.environ | {"PYTHONPATH": path, "FAULT": fault},
    )
    return result.returncode, result.stdout + result.stderr


def changed(project: Project, script: str) -> None:
    """Change the behaviour of a program, so that its results are of yesterday."""
    (path,) = (project.root / "workflow/scripts").glob(f"*/{script}.py")
    path.write_text(path.read_text("utf-8") + "\n\nANOTHER_CONSTANT = 1\n", "utf-8")


def programs() -> list[str]:
    """Those that a rule runs."""
    workflow = Path(__file__).parents[2] / "workflow"
    rules = "".join(path.read_text("utf-8") for path in workflow.glob("rules/*.smk"))
    scripts = [path for path in workflow.glob("scripts/*/*.py") if f"/{path.name}" in rules]
    return sorted(path.stem for path in scripts if IS_A_PROGRAM in path.read_text("utf-8"))


def check_never_taken_for_made(project: Project, targets, fault: str, changes: str = "") -> None:
    for attempt in ("first", "again"):
        code, output = call(project, *targets, fault=fault, changes=changes)
        assert code == 1, f"{attempt}: {output}"
        assert "Traceback (most recent call last)" not in output
    count("failed jobs", "reported", 2)


@pytest.mark.parametrize(
    ("program", "how"),
    [pytest.param("train_run", "kill", marks=pytest.mark.slow), ("draw_figure", "disk")],
)
def test_a_program_of_the_default_dies(finished, program, how):
    changed(finished, program)
    target = "results/crucible2/phases.png"
    check_never_taken_for_made(finished, [target], f"{program} {how}")
    # And without the fault it is made, to the same bytes, for the constant changes nothing.
    before = (finished.root / target).read_bytes() if (finished.root / target).exists() else None
    code, output = call(finished, target)
    assert code == 0, output
    assert "Nothing to be done" not in output
    assert before is None or (finished.root / target).read_bytes() == before
    assert finished.planned(target) == set()


@pytest.mark.parametrize("changes", WRONG)
def test_a_configuration_that_cannot_be(finished, changes):
    for _ in range(2):
        output = finished.failure("results/crucible2/phases.png", changes=changes)
        assert WRONG[changes] in output
    count("failed jobs", "reported", 2)
    # The former configuration makes the former picture again.
    finished.run("results/crucible2/phases.png")
    assert finished.planned() == set()


OWN = """
corpora: {flannel: {source: files, vocab_size: 120, model_corpus_file: model.txt,
                    tokenizer_corpus_file: tokenizer.txt}}
"""
SPOILT_TEXTS = {
    "gone": None,
    "UTF-16": "the cat sat on a mat\n".encode("utf-16") * 100,
    "empty": b"",
    "a folder": "folder",
}


OF_EVERY_CALL = (("model.txt", "gone"), ("tokenizer.txt", "UTF-16"))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        pytest.param(name, how, marks=[] if (name, how) in OF_EVERY_CALL else pytest.mark.long)
        for name in ("model.txt", "tokenizer.txt")
        for how in SPOILT_TEXTS
    ],
)
def test_a_text_that_is_spoilt_after_a_finished_run(own, name, how):
    path, content = own.root / name, SPOILT_TEXTS[how]
    good = path.read_bytes()
    path.unlink()
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    for _ in range(2):
        output = own.failure("results/crucible2/phases.png", changes=OWN)
        assert name in output
    count("spoilt texts", "reported", 2)
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    path.write_bytes(good)
    own.run("results/crucible2/phases.png", changes=OWN)
    assert own.planned("results/crucible2/phases.png", changes=OWN) == set()


@pytest.mark.long
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("program", programs())
def test_any_program_dies(all_made, program, how):
    changed(all_made, program)
    check_never_taken_for_made(all_made, TARGETS, f"{program} {how}", CONFIGURATION)


@pytest.mark.long
def test_every_rule_has_a_target(all_made):
    listed = subprocess.run(
        [SNAKEMAKE, "--list-rules"], cwd=all_made.root, capture_output=True, text=True, check=True
    )
    scripts = {path.stem for path in (all_made.root / "workflow/scripts").glob("*/*.py")}
    known = {line.split()[0] for line in listed.stdout.splitlines() if line}
    benchmarked = {path.stem for path in (all_made.root / "results").rglob("benchmarks/*.tsv")}
    made = {rule for rule in known if any(name.startswith(rule) for name in benchmarked)}
    assert known & scripts <= made | {"train_run"}
