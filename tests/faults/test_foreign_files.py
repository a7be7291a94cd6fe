"""A file under a name of the workflow's that it did not make is neither used nor replaced."""

import shutil
from pathlib import Path

import pytest
from everything import CONFIGURATION, TARGETS, give_files
from reliability import count
from smoke import copy_sources

PUBLIC = "runs: {pub: {like: crucible2, total_steps: 3}}"
CONTENT = b"somebody's seven gigabytes"


def refused(project, name: str, *targets: str, changes: str, calls=([], ["--dry-run"])) -> None:
    for arguments in calls:
        output = project.failure(*targets, *arguments, changes=changes)
        assert f"{name}: was not made by this workflow" in output
        assert "Move it elsewhere" in output
    assert (project.root / name).read_bytes() == CONTENT
    count("foreign files", "reported", len(calls))


@pytest.mark.parametrize(
    "name",
    [
        "results/pub/trajectory.safetensors",
        "results/corpora/flannel/tokenizer.json",
    ],
)
def test_a_file_of_other_hands(fresh, name):
    fresh.write(name, CONTENT)
    refused(fresh, name, "results/pub/phases.png", changes=PUBLIC)


@pytest.mark.long
def test_moved_away_it_is_in_nobodys_way(fresh):
    name = "results/pub/trajectory.safetensors"
    fresh.write(name, CONTENT)
    assert name in fresh.failure("results/pub/phases.png", changes=PUBLIC)
    (fresh.root / name).rename(fresh.root / "mine.safetensors")
    fresh.run("results/pub/phases.png", changes=PUBLIC)
    assert (fresh.root / "mine.safetensors").read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["phases.csv", "trajectory.safetensors"])
def test_a_result_that_was_edited(finished, name):
    path = finished.root / "results/crucible2" / name
    path.write_bytes(CONTENT)
    for _ in range(2):
        output = finished.failure("results/crucible2/phases.png")
        assert f"{name}: differs from what" in output
    assert path.read_bytes() == CONTENT
    path.unlink()
    finished.run("results/crucible2/phases.png")
    count("foreign files", "reported", 2)


CALLS = [
    ["--forceall"],
    ["--delete-all-output"],
    ["--delete-temp-output"],
    ["--touch"],
    ["--forcerun", "train_run_temporary_2"],
]
TEMPORARY = "runs: {pub: {like: crucible2, total_steps: 3, %s}}"
KINDS = {
    "figure": ("results/pub/phases.svg", "results/pub/phases.svg"),
    "checkpoint": ("results/pub/checkpoint_2.safetensors", "results/pub/phases.csv"),
    "temporary": ("results/pub/trajectory.safetensors", "results/pub/phases.csv"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_option_of_snakemake_touches_it(fresh, kind):
    name, target = KINDS[kind]
    path = fresh.write(name, CONTENT)
    before = path.stat().st_mtime_ns
    changes = TEMPORARY % "keep_trajectory: false, save_checkpoint_at: [2]"
    calls = CALLS if kind == "temporary" else CALLS[:2]
    # Targets stand first: an option with names takes what follows it.
    refused(fresh, name, target, changes=changes, calls=calls)
    assert path.stat().st_mtime_ns == before


def test_a_link_to_a_disk_that_is_away(fresh):
    """A training would replace it hours later."""
    link = fresh.root / "results/pub/trajectory.safetensors"
    link.parent.mkdir(parents=True)
    link.symlink_to("/a/disk/that/is/away.safetensors")
    for arguments in ([], ["--forceall"]):
        output = fresh.failure("results/pub/phases.png", *arguments, changes=PUBLIC)
        assert "trajectory.safetensors: is a link to /a/disk/that/is/away.safetensors" in output
    assert link.is_symlink()
    assert not (fresh.root / "results/corpora").exists()
    count("foreign files", "reported", 2)


def test_a_folder_where_a_file_should_be(fresh):
    fresh.write("results/pub/phases.csv/mine.txt", CONTENT)
    output = fresh.failure("results/pub/phases.png", "--forceall", changes=PUBLIC)
    assert "results/pub/phases.csv: was not made by this workflow" in output
    assert (fresh.root / "results/pub/phases.csv/mine.txt").read_bytes() == CONTENT


def test_what_can_be_done_is_said(fresh):
    """Adopt it, move it, or delete it; of a copy without records, copy those too."""
    fresh.write("results/pub/trajectory.safetensors", CONTENT)
    output = fresh.failure("results/pub/phases.png", changes=PUBLIC)
    for said in ("runs.pub.trajectory_file", "Move it elsewhere", "delete it", "rsync -a"):
        assert said in output


def test_results_on_another_machine(finished, tmp_path):
    """Another folder, no .snakemake: known with its records, foreign without."""
    other = copy_sources(tmp_path / "another" / "place")
    shutil.copytree(finished.root / "results", other.root / "results")
    targets = ["results/crucible2/phases.png", "results/crucible2/metadata.json"]
    assert other.planned(*targets) == set()
    for target in targets:
        changed = "runs: {crucible2: {learning_rate: 2.0e-3}}"
        assert "train_run" in other.planned(target, changes=changed)
    for records in (other.root / "results").rglob(".provenance"):
        shutil.rmtree(records)
    output = other.failure(*targets)
    assert "metadata.json: was not made by this workflow" in output
    assert "copy the hidden folders .provenance as well" in output
    count("foreign files", "survived", 4)


def test_a_moved_folder_is_known_and_other_settings_are_noticed(finished):
    moved = finished.root / "elsewhere"
    (finished.root / "results").rename(moved)
    for left in (finished.root / ".snakemake").iterdir():
        if left.name != "log":
            left.unlink() if left.is_file() else shutil.rmtree(left)
    moved.rename(finished.root / "results")
    target = "results/crucible2/phases.png"
    assert finished.planned(target) == set()
    again = finished.planned(target, changes="runs: {crucible2: {learning_rate: 2.0e-3}}")
    assert "train_run" in again
    hotter = "phases: {published: {thresholds: [0.2, 10, 100]}}"
    assert finished.planned(target, changes=hotter) == {"classify_phases", "draw_phases"}
    count("foreign files", "survived", 3)


def test_a_folder_of_another_run_is_not_taken_for_this_one(finished):
    shutil.copytree(finished.root / "results/crucible2", finished.root / "results/pub")
    planned = finished.planned("results/pub/phases.png", changes=PUBLIC)
    assert {"train_run", "draw_phases"} <= planned
    count("foreign files", "survived")


def made_files(root: Path) -> list[str]:
    records = sorted((root / "results").rglob(".provenance/*.json"))
    return [
        str((record.parent.parent / record.name.removesuffix(".json")).relative_to(root))
        for record in records
    ]


@pytest.mark.long
def test_any_name(all_made, tmp_path):
    """One after the other, each alone in an empty project."""
    project = copy_sources(tmp_path / "empty")
    give_files(project)
    for name in made_files(all_made.root):
        path = project.write(name, CONTENT)
        refused(project, name, *TARGETS, changes=CONFIGURATION, calls=[[]])
        path.unlink()
