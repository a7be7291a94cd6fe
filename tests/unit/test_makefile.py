"""What `make` does around Snakemake: one call at a time, and a home to keep caches in."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Stands for Snakemake: it locks the folder, works for a while, and makes what it is asked for.
LOCKING = """#!/bin/sh
mkdir .snakemake-lock || { echo "LockException"; exit 1; }
sleep 0.3
test -d "$HOME" || mkdir -p "$HOME"
touch "$HOME/cache" && echo "$HOME" > home
for word; do case $word in results/*) mkdir -p results/x; touch "$word";; esac; done
rmdir .snakemake-lock
"""
# Stands for the programs that finish the report and give it its name.
PYTHON = """#!/bin/sh
case $1-$2 in *put_report.py---page) mv "$3" "$5"; exit;; *put_report.py*) exit;; esac
for word; do case $word in results/*) touch "$word";; esac; done
"""


@pytest.fixture
def make(tmp_path):
    """Call make in a folder that has no Snakemake but ours."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").write_text("")
    for name, script in (("snakemake", LOCKING), ("python", PYTHON)):
        stand_in = tmp_path / ".venv/bin" / name
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text(script)
        stand_in.chmod(0o755)
    (tmp_path / ".venv/installed").write_text("")
    later = time.time() + 60
    os.utime(tmp_path / ".venv/installed", (later, later))

    def call(*words: str, **variables: str | None) -> subprocess.CompletedProcess:
        environment = {**os.environ, **variables}
        environment = {name: value for name, value in environment.items() if value is not None}
        return subprocess.run(
            ["make", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


@pytest.mark.parametrize("jobs", [(), ("-j2",), ("-j",)])
def test_several_targets_wait_for_each_other(make, tmp_path, jobs):
    targets = ("results/x/a.png", "results/x/b.json", "results/report.html")
    done = make(*jobs, *targets)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LockException" not in done.stdout
    assert [name for name in targets[:2] if not (tmp_path / name).exists()] == []
    assert done.stdout.count("snakemake --cores") == 3


@pytest.mark.parametrize("home", [None, "", "/dev/null", "absent"])
def test_without_a_home_to_write_to_caches_lie_here(make, tmp_path, home):
    home = str(tmp_path / home) if home == "absent" else home
    done = make("results/x/a.png", HOME=home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "home").read_text().strip() == str(tmp_path / ".snakemake/home")


def test_a_home_that_can_be_written_to_is_used(make, tmp_path):
    (tmp_path / "my home").mkdir()
    make("results/x/a.png", HOME=str(tmp_path / "my home"))
    assert (tmp_path / "home").read_text().strip() == str(tmp_path / "my home")


def test_watch_takes_a_run_a_folder_and_options(make, tmp_path):
    said = tmp_path / ".venv/bin/python"
    said.write_text('#!/bin/sh\necho "$@"\n')
    said.chmod(0o755)
    assert "watch_run.py --run results/crucible2\n" in make("watch").stdout
    done = make("watch", "RUN=other", "RESULTS=there", "OPTIONS=--once --seconds 5")
    words = "workflow/scripts/report/watch_run.py --run there/other --once --seconds 5"
    assert f"{words}\n" in done.stdout
