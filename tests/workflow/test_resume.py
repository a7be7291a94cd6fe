"""Killed within a job and started again by the same command: real Snakemake, real SIGKILLs."""

import contextlib
import subprocess
import time

import psutil
import pytest

STEPS = 150
TRAJECTORIES = {
    "safetensors": ("crucible2", "results/crucible2/trajectory.safetensors", ""),
    "plain HDF5": ("plain", "results/plain/trajectory.h5", "like: thimble7, chunk_rows: 16"),
    "packed HDF5": (
        "packed",
        "results/packed/trajectory.h5",
        "like: thimble7, compression: deflate",
    ),
}


def changes(run: str, *more: str) -> str:
    keys = (f"total_steps: {STEPS}", "checkpoint_seconds: 0", *filter(None, more))
    return f"runs: {{{run}: {{{', '.join(keys)}}}}}"


def kill_within_training(project, trajectory: str, configuration: str) -> None:
    """SIGKILL the training process soon after a checkpoint; Snakemake then ends with an error."""
    folder = (project.root / trajectory).parent
    snakemake = subprocess.Popen(
        project.command(trajectory, changes=configuration),
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(folder.glob(".checkpoint.*.safetensors")):
        assert snakemake.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    for process in psutil.Process(snakemake.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(word.endswith("train_run.py") for word in process.cmdline()):
                process.kill()
    assert snakemake.wait(60) == 1
    assert not (project.root / trajectory).exists()
    assert not list(folder.glob("metadata.json"))


def log_of(project, run: str) -> str:
    return (project.root / f"results/{run}/logs/train_run.log").read_text("utf-8")


def hidden(project, run: str) -> list[str]:
    return sorted(path.name for path in (project.root / f"results/{run}").glob(".*"))


@pytest.mark.parametrize(
    "kind",
    [
        "safetensors",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("plain HDF5", "packed HDF5")),
    ],
)
def test_the_same_command_goes_on_to_the_same_bytes(finished, kind):
    run, trajectory, more = TRAJECTORIES[kind]
    configuration = changes(run, more)
    finished.run(trajectory, changes=configuration)
    never_killed = (finished.root / trajectory).read_bytes()
    (finished.root / trajectory).unlink()
    kill_within_training(finished, trajectory, configuration)
    finished.run(trajectory, changes=configuration)
    assert "resuming after step" in log_of(finished, run)
    assert (finished.root / trajectory).read_bytes() == never_killed
    assert hidden(finished, run) == [".provenance"]
