"""Kills at random moments: the same command again gives the same bytes."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from reliability import count
from smoke import SNAKEMAKE, Project

TARGET = "results/crucible2/phases.png"
WHOM = ("everybody", "Snakemake", "the program")


def content(project: Project) -> dict[str, bytes]:
    """All results but what speaks of times and machines."""
    results = project.root / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in results.rglob("*")
        if path.is_file()
        and not {"logs", "benchmarks", ".provenance"} & {*path.parts}
        and path.name != "metadata.json"
    }


def kill(whom: str, process: subprocess.Popen) -> None:
    if whom == "everybody":
        os.killpg(process.pid, signal.SIGKILL)
    elif whom == "Snakemake":
        process.kill()
    else:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != process.pid:
                try:
                    same_group = os.getpgid(int(entry.name)) == process.pid
                    if same_group and b"workflow/scripts/" in (entry / "cmdline").read_bytes():
                        os.kill(int(entry.name), signal.SIGKILL)
                except (OSError, ProcessLookupError):
                    continue


def kill_and_go_on(project: Project, chance: random.Random, expected: dict[str, bytes]) -> None:
    whom = chance.choice(WHOM)
    process = subprocess.Popen(
        project.command(TARGET),
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(chance.uniform(0.5, 12))
    kill(whom, process)
    process.wait()
    # Programs that outlive Snakemake end by themselves.
    deadline = time.monotonic() + 60
    while whom == "Snakemake" and time.monotonic() < deadline and _alive(process.pid):
        time.sleep(0.1)
    unlock = [SNAKEMAKE, "--unlock", *project.command(TARGET)[3:]]
    subprocess.run(unlock, cwd=project.root, capture_output=True, check=False)
    project.run(TARGET)
    assert content(project) == expected
    assert project.planned(TARGET) == set()
    count("kills", "survived")


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_killed_once(fresh, finished):
    kill_and_go_on(fresh, random.Random(0), content(finished))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
def test_killed_at_many_moments(fresh, finished, seed):
    kill_and_go_on(fresh, random.Random(seed), content(finished))
