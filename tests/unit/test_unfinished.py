"""Two processes on one output by hand: each has names of its own, and a dead one leaves nothing."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deadtokens.files import provenance, unfinished

MAKE = """
import sys, time
from pathlib import Path
from deadtokens.program import command
def main(options):
    with command.finished(options.a, options.b) as (a, b):
        for path in (a, b):
            with path.open("w") as file:
                for _ in range(300):
                    file.write(options.word)
                    file.flush()
                    time.sleep(0.0003)
arguments = command.parser("")
arguments.add_argument("--a", type=Path)
arguments.add_argument("--b", type=Path)
arguments.add_argument("--word")
command.run(main, arguments)
"""


def start(folder: Path, word: str) -> subprocess.Popen:
    paths = ["--a", folder / "a.csv", "--b", folder / "b.csv"]
    return subprocess.Popen(
        [sys.executable, "-c", MAKE, *paths, "--word", word],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
def test_one_of_two_killed_at_any_moment_leaves_whole_files(tmp_path, delay):
    one, two = start(tmp_path, "1"), start(tmp_path, "2")
    while not list(tmp_path.glob(".partial.*.a.csv")):
        time.sleep(0.005)
        assert one.poll() is None or two.poll() is None
    time.sleep(delay)
    two.kill()
    assert one.wait() == 0, one.stderr.read()
    two.wait()
    for name in ("a.csv", "b.csv"):
        assert set((tmp_path / name).read_text()) in ({"1"}, {"2"})
        assert len((tmp_path / name).read_text()) == 300
        provenance.check(tmp_path / name)
    # What the killed one left goes when the next one comes.
    third = start(tmp_path, "3")
    assert third.wait() == 0, third.stderr.read()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".provenance", "a.csv", "b.csv"]


def test_names_of_the_living_stay(tmp_path):
    with unfinished.names([tmp_path / "a.csv"]) as (first,):
        first.write_text("in the making")
        with unfinished.names([tmp_path / "a.csv"]) as (second,):
            assert second != first
            assert first.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_stays_for_it_names_the_format(tmp_path):
    with unfinished.names([tmp_path / "picture.svg"]) as (path,):
        assert path.suffix == ".svg"
        assert path.parent == tmp_path


def test_threads_of_one_process_have_names_of_their_own(tmp_path):
    seen, together = [], threading.Barrier(4)

    def make():
        with unfinished.names([tmp_path / "a.csv"]) as (path,):
            path.write_text("")
            together.wait()
            seen.append(path.exists())

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 4
