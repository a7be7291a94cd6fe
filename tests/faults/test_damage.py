"""Damaged intermediates: every program names the file, and leaves no result.

A made project's jobs are taken from what Snakemake would run, one command line each. Each input of
a program in turn is damaged, its times kept, and the program called by hand.
"""

import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from everything import CONFIGURATION, TARGETS
from reliability import count
from smoke import Project


@dataclass(frozen=True)
class Job:
    """A program's command line, and the option and path of one of its inputs."""

    words: tuple[str, ...]
    option: str
    path: str

    @property
    def program(self) -> str:
        """Its name; of the one that draws, with the figure's."""
        name = Path(self.words[1]).stem
        return f"{name} {self.words[2]}" if name == "draw_figure" else name


def jobs(project: Project, *targets: str, changes: str = "") -> list[Job]:
    """One job for each input option of each program."""
    planned = project.snakemake("--dry-run", "--forceall", *targets, changes=changes)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    found = {}
    for line in re.findall(r"^Shell command: (.*)$", planned.stdout + planned.stderr, re.M):
        words = shlex.split(line.replace('"$scripts"', "workflow/scripts"))
        option = ""
        for word in words[2:]:
            option = word if word.startswith("--") else option
            if word.startswith("results/") and is_input(project, words, word):
                job = Job(tuple(words), option, word)
                found.setdefault((job.program, option), job)
    return list(found.values())


def is_input(project: Project, words: list[str], path: str) -> bool:
    """Whether the program reads this: what it makes has the identity that it was given."""
    from deadtokens.files import provenance

    if not (project.root / path).is_file() or "/logs/" in path:
        return False
    record = provenance.record_of(project.root / path)
    return record is not None and record.identity != words[words.index("--identity") + 1]


def a_bit(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def cut_short(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size))


def emptied(path: Path, chance: random.Random) -> None:
    os.truncate(path, 0)


def exchanged(path: Path, chance: random.Random) -> None:
    """For another complete file of the same name, if there is one, or of the same kind."""
    same = [p for p in path.parents[1].rglob(path.name) if p != path]
    kind = [p for p in path.parents[1].rglob(f"*{path.suffix}") if p != path]
    others = [p for p in same or kind if p.read_bytes() != path.read_bytes()]
    path.write_bytes(chance.choice(others).read_bytes() if others else b"{}")


DAMAGES = (a_bit, cut_short, emptied, exchanged)


def outcome(project: Project, job: Job, damage, chance: random.Random) -> str:
    """What comes of a call with this input damaged; all files are as before afterwards."""
    path = project.root / job.path
    stat, good = path.stat(), path.read_bytes()
    before = {p: p.read_bytes() for p in made(project)}
    damage(path, chance)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    damaged = path.read_bytes()
    words = [sys.executable, *job.words[1:]]
    result = subprocess.run(
        words, cwd=project.root, capture_output=True, text=True, check=False, timeout=300
    )
    log = Path(project.root, words[words.index("--log") + 1]).read_text("utf-8", "replace")
    said = result.stderr + log.splitlines()[-1] if log else result.stderr
    changed = {p for p in made(project) if before.get(p) != p.read_bytes()} - {path}
    for changed_path in changed:
        changed_path.write_bytes(before[changed_path]) if changed_path in before else None
    path.write_bytes(good)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    if damaged == good or (result.returncode == 0 and not changed):
        return "survived"
    if result.returncode == 0:
        return "silent"
    if "Traceback (most recent call last)" in log + result.stderr:
        return "traceback"
    named = Path(job.path).name in said and "error: " in said
    return "reported" if result.returncode == 1 and named and not changed else "lost"


def made(project: Project) -> list[Path]:
    folders = (project.root / "results").rglob("*")
    hidden = {"logs", "benchmarks", ".provenance"}
    return [p for p in folders if p.is_file() and not hidden & {*p.parts}]


def check_all(project: Project, found: list[Job], each: int = len(DAMAGES)) -> None:
    """`each` damages to each of these inputs, in turn."""
    assert len(found) >= 8
    wrong = []
    for number, job in enumerate(found):
        for damage in [DAMAGES[(number + k) % len(DAMAGES)] for k in range(each)]:
            # Logs are of this call alone.
            shutil.rmtree(project.root / Path(job.words[job.words.index("--log") + 1]).parent)
            came_to = outcome(project, job, damage, random.Random(number))
            count("damaged intermediates", came_to)
            if came_to not in ("reported", "survived"):
                wrong.append(f"{job.program} {job.option} {damage.__name__}: {came_to}")
    assert wrong == []


@pytest.mark.slow
def test_every_input_of_the_default(finished):
    check_all(finished, jobs(finished, "results/crucible2/phases.png"), each=1)


@pytest.mark.long
def test_every_input_of_every_program(all_made):
    check_all(all_made, jobs(all_made, *TARGETS, changes=CONFIGURATION))
