"""What the checksums of files cost: when they are made, and when what is read is checked.

    PYTHONPATH=workflow:workflow/scripts python benchmarks/records.py

Prints a Markdown table: of a trajectory of Crucible 1's size (W alone, 2.4 GB), the share of the
processor time of programs that is spent on checking what they read, and of a training, the share
of a step of Crucible 2 that the record of its bytes takes. What is compared takes turns, and each
is the median of its rounds. Needs 3 GB of disk in --folder.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import programs
import turns
from analysis import STEPS, crucible1
from step import seconds, server

from deadtokens.files import provenance
from deadtokens.files.checksums import Checksums

PHASES = {
    **{"phases": ["a", "b", "c", "d"], "thresholds": [0.1, 10, 100], "population": "dead"},
    **{"vanishing_fraction": 0.01, "motion_threshold": 0.1},
    "density_bins": {"time": 500, "displacement": 160, "lowest": 1e-4, "highest": 1e6},
}
# Program, settings, and its files by option.
PROGRAMS = {
    "measure_displacement": (
        {"naming": "crucible", "population": "dead"},
        {"trajectory": "trajectory", "masks": "masks", "displacement": "displacement"},
    ),
    "classify_phases": (PHASES, {"displacement": "displacement", "density": "density"}),
}
TABLES = {"classify_phases": ("--table", "phases.csv", "--summary", "phases.json")}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, help="of the temporary files")
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(Path(folder), options.rounds)


def measure(folder: Path, rounds: int) -> None:
    crucible1(folder)
    for name in ("trajectory", "masks"):
        path = folder / f"{name}.safetensors"
        provenance.put({path: path.rename(folder / f".{name}")})
    print("| job | processor time of it that checksums take |\n| --- | --- |")
    for program in PROGRAMS:
        ways = {kept: partial(run, program, folder, kept) for kept in ("unverified", "full")}
        taken = turns.medians(ways, rounds, uncounted=1)
        share = 1 - taken["unverified"].processor / taken["full"].processor
        print(f"| `{program}`, checking what it reads | {share:.1%} |", flush=True)
    path = folder / "trajectory.safetensors"
    with server("crucible2", "ours", threads=2) as served:
        ways = {"record": partial(Checksums.of, path), "steps": partial(seconds, served)}
        taken = turns.medians(ways, rounds, uncounted=1)
    # Crucible 2 records W, delta_W_prime, m, v and g: nine times the two bytes of W's elements.
    record = taken["record"].clock / STEPS * (2 + 4 * 4) / 2
    share = record / (record + taken["steps"].clock)
    print(f"| training Crucible 2, making the record | {share:.1%} |")


def run(program: str, folder: Path, kept: str) -> None:
    settings, files = PROGRAMS[program]
    words = [sys.executable, programs.path(program), "--settings", json.dumps(settings)]
    for option, name in files.items():
        words += [f"--{option}", folder / f"{name}.safetensors"]
    tables = TABLES.get(program, ())
    words += [word if word.startswith("--") else folder / word for word in tables]
    environment = os.environ | {provenance.KEPT: kept}
    subprocess.run(words, check=True, env=environment, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
