"""Files and values that Snakemake itself would take in silence, read otherwise or die of."""

import os
import subprocess

import pytest
from smoke import SNAKEMAKE

WORDS = "the cat sat on a mat while seven dogs walked past our old wooden house by night\n"
OTHERS = "zebra quartz jumped oxygen victory kitchen powder yellow rhythm flower change bottle\n"


def called(project, *arguments):
    """Exit code and output of Snakemake with these very arguments."""
    result = subprocess.run(
        [SNAKEMAKE, "--cores", "1", *arguments],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


BAD = {
    "equal keys": (b"runs:\n  crucible2: {}\n  crucible2: {}\n", "line 3: runs.crucible2"),
    "not UTF-8": (b"figures: {dpi: 100} # caf\xe9\n", "line 1: not UTF-8"),
    "contains itself": (b"runs: &a {crucible2: *a}\n", "line 1: runs.crucible2 contains itself"),
    "too deep": (b"a: " + b"[" * 3000 + b"]" * 3000, "nested deeper"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_reported_before_snakemake_reads_it(fresh, kind):
    content, expected = BAD[kind]
    fresh.write("mine.yaml", content)
    code, output = called(fresh, "--configfile", "config/smoke.yaml", "mine.yaml")
    assert code == 1
    assert "Traceback" not in output
    assert f"mine.yaml, {expected}" in output or f"mine.yaml: {expected}" in output
    assert not (fresh.root / "results").exists()


def test_the_file_in_the_workflow_is_read_to_the_letter_too(fresh):
    path = fresh.root / "config/config.yaml"
    path.write_bytes(path.read_bytes() + b"\nreport: {}\n")
    # Without the profile that looks at the command line.
    code, output = called(fresh, "--workflow-profile", "none", "-n")
    assert code == 1
    assert "Traceback" not in output
    assert "report is given twice, first on line" in output


def test_nested_values_of_config_are_typed(fresh):
    changes = "runs={crucible2: {total_steps: 7, learning_rate: 0.5, keep_trajectory: no}}"
    smoke = ("--configfile", "config/smoke.yaml")
    target = "results/crucible2/trajectory.safetensors"
    code, output = called(fresh, target, "-n", *smoke, "--config", changes)
    assert code == 0, output
    assert '"total_steps": 7' in output
    code, output = called(fresh, target, "-n", *smoke, "--config", "runs.crucible2.total_steps=7")
    assert code == 1
    assert "Traceback" not in output
    assert "--config 'runs={crucible2: {total_steps: 7}}'" in output


NAMES = ["{draft}.txt", "-dash.txt", "a 'b' \"c\"\n*$HOME {x, y}.txt"]


def test_files_of_any_name_are_read(fresh):
    """Model corpus, tokenizer corpus and all, each with a name that breaks something."""
    text, own = f"{WORDS * 60}{OTHERS * 3}", "corpora: {flannel: {source: files, vocab_size: 120, "
    for name in NAMES:
        fresh.write(name, text)
    for model, tokenizer in ((NAMES[0], NAMES[1]), (NAMES[1], NAMES[2]), (NAMES[2], NAMES[0])):
        quoted = [
            name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            for name in (model, tokenizer)
        ]
        changes = f'{own}model_corpus_file: "{quoted[0]}", tokenizer_corpus_file: "{quoted[1]}"}}}}'
        wanted = [f"results/corpora/flannel/{name}_corpus.txt" for name in ("model", "tokenizer")]
        fresh.run(*wanted, changes=changes)
        assert (fresh.root / wanted[0]).read_text() == text
        assert fresh.planned(*wanted, changes=changes) == set()


def test_what_is_no_file_is_named_as_what_it_is(fresh):
    os.mkfifo(fresh.root / "pipe")
    own = "corpora: {flannel: {source: files, model_corpus_file: %s, tokenizer_file: %s}}"
    output = fresh.failure("results/crucible2/phases.png", changes=own % ("pipe", "config"))
    assert "corpora.flannel.model_corpus_file is 'pipe': it is a named pipe" in output
    assert "corpora.flannel.tokenizer_file is 'config': it is a folder" in output
    output = fresh.failure("results/crucible2/phases.png", changes=own % ("~/x.txt", "''"))
    assert os.path.expanduser("~/x.txt") in output
    assert "an empty name" in output


def test_what_no_run_can_have_is_reported_before_it_is_trained(fresh):
    output = fresh.failure("results/wordybird1/second_moment.csv")
    assert "wordybird1 has clip_norm: 1.0" in output
    assert not (fresh.root / "results").exists()
