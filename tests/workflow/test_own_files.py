"""Trajectories that were made elsewhere: figures without a training, and the file left as it is."""

import json
import os
import shutil

import published
import pytest

RUN = "results/crucible2"
FIGURES = [f"{RUN}/phases.png", f"{RUN}/freezing.png"]
SMALL = """
corpora: {flannel: {vocab_size: 40}, wordybird: {vocab_size: 1000}}
runs:
  crucible1: {total_steps: 12, hidden_dim: 4}
  crucible2: {total_steps: 12, hidden_dim: 4}
  thimble7: {total_steps: 12, hidden_dim: 4}
  wordybird1: {total_steps: 8, hidden_dim: 4}
"""


@pytest.fixture
def elsewhere(finished):
    """The finished run's own file in a folder that nobody may write to; the figures it had."""
    finished.run(*FIGURES)
    figures = {name: (finished.root / name).read_bytes() for name in FIGURES}
    folder = finished.root / "elsewhere"
    folder.mkdir()
    for name in ("trajectory.safetensors", "metadata.json"):
        (finished.root / RUN / name).rename(folder / name)
        (folder / name).chmod(0o444)
    folder.chmod(0o555)
    shutil.rmtree(finished.root / RUN)
    yield folder / "trajectory.safetensors", figures
    folder.chmod(0o755)


def looks(path):
    stat = path.stat()
    return path.read_bytes(), stat.st_mtime_ns, stat.st_ino, sorted(os.listdir(path.parent))


@pytest.mark.slow
def test_the_same_figures_without_a_training(finished, elsewhere):
    given, figures = elsewhere
    before = looks(given)
    changes = f"runs: {{crucible2: {{trajectory_file: {given}}}}}"
    planned = finished.planned(*FIGURES, changes=changes)
    assert "adopt_trajectory" in planned
    assert "train_run" not in planned
    finished.run(*FIGURES, changes=changes)
    assert {name: (finished.root / name).read_bytes() for name in FIGURES} == figures
    assert finished.planned(*FIGURES, changes=changes) == set()
    link = finished.root / RUN / "trajectory.safetensors"
    assert os.readlink(link) == str(given)
    said = json.loads((finished.root / RUN / "metadata.json").read_text("utf-8"))
    assert said["provenance"]["adopted"]["file"] == str(given)
    for arguments in (["--forceall"], ["--delete-all-output"]):
        finished.run(*FIGURES, *arguments, changes=changes)
        assert looks(given) == before
    assert not os.path.lexists(link)


def test_a_file_that_is_changed_later_is_noticed(finished, elsewhere):
    given, _ = elsewhere
    changes = f"runs: {{crucible2: {{trajectory_file: {given}}}}}"
    target = f"{RUN}/displacement.safetensors"
    finished.run(target, changes=changes)
    content = bytearray(given.read_bytes())
    content[-1] ^= 1
    given.chmod(0o644)
    given.write_bytes(content)
    assert finished.planned(target, changes=changes) == {"adopt_trajectory", "measure_displacement"}
    # At another place, where the link does not lead yet.
    moved = given.with_name("moved.safetensors")
    given.parent.chmod(0o755)
    given.rename(moved)
    there = f"runs: {{crucible2: {{trajectory_file: {moved}}}}}"
    assert "adopt_trajectory" in finished.planned(target, changes=there)
    output = finished.failure(target, changes=changes)
    assert f"runs.crucible2.trajectory_file is '{given}': there is no such file" in output
    moved.rename(given)
    # Without the key it is trained again, and the link makes room; the file stays.
    assert {"train_run", "measure_displacement"} <= finished.planned(target)
    finished.run(f"{RUN}/metadata.json")
    assert not (finished.root / RUN / "trajectory.safetensors").is_symlink()
    assert given.read_bytes() == content


def test_a_folder_of_published_files(fresh):
    """No text, no tokenizer, no mask but those in the files and of Wordybird."""
    folder = fresh.root / "azimuth"
    published.crucible(folder / "crucible_1_trajectory.safetensors", 1, 12, 4, 40)
    published.thimble(folder / "thimble_7.h5", 12, 4, 40)
    published.wordybird(folder / "1.12c_wordybird_1.safetensors", 8, 4, 1000)
    published.wordybird_masks(folder / "fineweb_token_masks.safetensors", 1000)
    changes = f"inputs: {folder}\n{SMALL}"
    names = ("crucible1", "thimble7", "wordybird1")
    fresh.run(*(f"results/{name}/phases.json" for name in names), changes=changes)
    for name in names:
        assert not (fresh.root / "results" / name / "logs/train_run.log").exists()
    assert not (fresh.root / "results/corpora").exists()
    output = fresh.failure("results/crucible1/freezing.png", changes=changes)
    assert "corpora.flannel has source: none and no tokenizer" in output
    output = fresh.failure("results/crucible2/phases.png", changes=changes)
    assert "but not flannel_model_corpus.txt and flannel_tokenizer_chars.json" in output


def test_another_run_is_one_error_and_nothing_is_made(fresh):
    folder = fresh.root / "azimuth"
    published.crucible(folder / "crucible_1_trajectory.safetensors", 1, 9, 4, 40)
    output = fresh.failure("results/crucible1/phases.png", changes=f"inputs: {folder}\n{SMALL}")
    assert "it records 9 steps, and total_steps is 12" in output
    assert {*os.listdir(fresh.root / "results/crucible1")} <= {"logs", "benchmarks"}
