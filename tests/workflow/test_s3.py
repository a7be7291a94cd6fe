"""Results in a bucket of an S3 server: the same bytes, the same reruns, the same resume."""

import shutil
import threading
import time
from pathlib import Path

import psutil
import published
import pytest
from smoke import Project, copy_sources

pytestmark = [pytest.mark.storage, pytest.mark.timeout(600)]

PICTURE = "results/crucible2/phases.png"
TRAJECTORY = "results/crucible2/trajectory.safetensors"


def at(s3, bucket: str | None = None) -> list[str]:
    """The profile, with the place of this server."""
    place = ["--default-storage-prefix", f"s3://{bucket or s3.bucket}"]
    return ["--profile", "profiles/s3", "--storage-s3-endpoint-url", s3.url, *place]


def results(names) -> set[str]:
    """Those of which every run makes the same bytes."""
    return {name for name in names if "/logs/" not in name and "/benchmarks/" not in name}


def local_results(project: Project) -> set[str]:
    """All but the records, which files in a bucket have none of."""
    files = (path for path in (project.root / "results").rglob("*") if path.is_file())
    return {str(p.relative_to(project.root)) for p in files if ".provenance" not in p.parts}


@pytest.mark.slow
def test_bucket_gets_the_bytes_of_a_plain_run_and_nothing_runs_again(s3, fresh, finished, tmp_path):
    fresh.run(PICTURE, *at(s3))
    assert not (fresh.root / "results").exists()
    names = s3.names()
    assert names == local_results(finished)
    assert TRAJECTORY in results(names)
    differing = [n for n in results(names) if s3.content(n) != (finished.root / n).read_bytes()]
    assert differing == []
    copies = (fresh.root / ".snakemake/storage").rglob("*.*")
    assert results(str(path) for path in copies) == set(), "a local copy was left"

    assert fresh.planned(PICTURE, *at(s3)) == set()
    # Another machine, which has seen nothing of this.
    other = copy_sources(tmp_path / "other")
    assert other.planned(PICTURE, *at(s3)) == set()


def test_an_adopted_trajectory_goes_to_the_bucket_and_stays_where_it_is(s3, fresh):
    """Jobs read it in the bucket, whatever machine they run on."""
    given = fresh.root / "elsewhere/crucible_1_trajectory.safetensors"
    published.crucible(given, 1, 12, 4, 40)
    before = given.read_bytes()
    changes = f"inputs: {given.parent}\nruns: {{crucible1: {{total_steps: 12, hidden_dim: 4}}}}\n"
    changes += "corpora: {flannel: {vocab_size: 40}}"
    fresh.run("results/crucible1/displacement.safetensors", *at(s3), changes=changes)
    assert s3.content("results/crucible1/trajectory.safetensors") == before
    assert given.read_bytes() == before


@pytest.mark.slow
def test_training_killed_with_results_in_a_bucket_goes_on_from_its_checkpoint(s3, fresh):
    changes = "runs: {crucible2: {total_steps: 400, checkpoint_seconds: 0}}"
    killed = []
    killer = threading.Thread(target=_kill_training, args=(fresh.root, killed), daemon=True)
    killer.start()
    failed = fresh.snakemake(TRAJECTORY, *at(s3), changes=changes)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert killed, failed.stdout + failed.stderr
    assert TRAJECTORY not in s3.names()

    fresh.run(TRAJECTORY, *at(s3), changes=changes)
    assert b"resuming after step" in s3.content("results/crucible2/logs/train_run.log")
    resumed = s3.content(TRAJECTORY)
    shutil.rmtree(fresh.root / ".snakemake")
    fresh.run(TRAJECTORY, changes=changes)
    assert resumed == (fresh.root / TRAJECTORY).read_bytes()


def test_files_that_are_not_results_are_read_from_this_machine(s3, fresh):
    fresh.write("data/own.txt", "One sentence. " * 100)
    changes = """corpora: {own: {source: files, model_corpus_file: data/own.txt,
      tokenizer_corpus_file: data/own.txt, vocab_size: 300}}"""
    own = "results/corpora/own/model_corpus.txt"
    planned = fresh.planned(own, "results/comparison.md", *at(s3), changes=changes)
    assert {"import_model_corpus", "compare_runs"} <= planned


@pytest.mark.parametrize("wrong", ["bucket", "credentials"])
def test_wrong_place_is_said_at_once_and_nothing_is_made(s3, fresh, wrong):
    if wrong == "credentials":
        s3.know_no_key()
    message = fresh.failure(PICTURE, *at(s3, "elsewhere" if wrong == "bucket" else None))
    assert "Results cannot be kept there." in message
    assert ("NoSuchBucket" if wrong == "bucket" else "Set AWS_ACCESS_KEY_ID") in message
    assert "make_corpus" not in message


def _kill_training(root: Path, killed: list) -> None:
    """Kill the process that trains as soon as it has a checkpoint to resume from."""
    deadline = time.monotonic() + 300
    while not killed and time.monotonic() < deadline:
        time.sleep(0.005)
        if any((root / ".snakemake/storage").rglob(".checkpoint.*.safetensors")):
            for child in psutil.Process().children(recursive=True):
                if child.name().startswith("python") and "train_run.py" in str(child.cmdline()):
                    child.kill()
                    killed.append(child.pid)
