"""How the cost of a sweep grows with its runs: planning, jobs, scheduler calls, files, bytes.

    make bench

Prints a Markdown table. Planning is a dry run of `results/seeds/sweep.csv` with the Slurm profile,
its time a ratio to that of ten runs, taken in turn; jobs are counted with and without the profile's
groups. Files and bytes are those of real runs at the sizes of config/smoke.yaml.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
TARGET = "results/seeds/sweep.csv"
LEAST = 10


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, nargs="*", default=[LEAST, 100, 1000])
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--real", type=int, nargs="*", default=[1, 4], help="runs really made")
    options = arguments.parse_args()
    grouped = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text("utf-8"))["groups"]
    with tempfile.TemporaryDirectory() as folder:
        print("| runs | planning, of that of ten | peak memory of planning | steps | jobs |")
        print("| --- | --- | --- | --- | --- |")
        seconds = {n: [] for n in options.runs}
        plans = {}
        for _ in range(options.rounds):
            for n in options.runs:
                took, plans[n] = planned(Path(folder), n)
                seconds[n].append(took)
        medians = {n: statistics.median(taken) for n, taken in seconds.items()}
        for n, (peak, steps) in plans.items():
            ratio = medians[n] / medians[options.runs[0]]
            jobs = submitted(steps, grouped, n)
            print(f"| {n:,} | {ratio:.1f} | {peak:.0f} MB | {sum(steps.values()):,} | {jobs:,} |")
        print("\n| runs made at smoke size | files | bytes |\n| --- | --- | --- |")
        for n in options.real:
            files, size = made(Path(folder), n)
            print(f"| {n} | {files:,} | {size / 1e6:.1f} MB |", flush=True)


def planned(folder: Path, n: int) -> tuple[float, tuple[float, dict[str, int]]]:
    """Seconds of a dry run, its peak memory (MB), and how often each rule would run."""
    command = [SNAKEMAKE, TARGET, "--profile", "profiles/slurm", "--dry-run", "--quiet", "rules"]
    start = time.perf_counter()
    output, peak = call(command, folder, n)
    counted = re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)
    steps = {rule: int(count) for rule, count in counted if rule != "total"}
    return time.perf_counter() - start, (peak, steps)


def submitted(steps: dict[str, int], groups: dict[str, str], n: int) -> int:
    """Jobs of the cluster: grouped rules are one for each corpus, and one for each run."""
    alone = sum(count for rule, count in steps.items() if rule not in groups)
    return alone + (1 if {"make_corpus"} & steps.keys() else 0) + n


def made(folder: Path, n: int) -> tuple[int, int]:
    """Files and bytes in results/ of a sweep that has really been made, without the corpus."""
    shutil.rmtree(folder / "results", ignore_errors=True)
    call([SNAKEMAKE, TARGET, "--cores", "2"], folder, n)
    files = [path for path in (folder / "results").glob("seeds*/**/*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def call(command: list, folder: Path, n: int) -> tuple[str, float]:
    """What a call prints, and the peak memory (MB) of its process."""
    sweep = folder / "sweep.yaml"
    seeds = {"seeds": {"like": "crucible2", "sweep": {"random_seed": [*range(n)]}}}
    sweep.write_text(yaml.safe_dump({"runs": seeds}), encoding="utf-8")
    files = ["--configfile", ROOT / "config/smoke.yaml", sweep]
    command = [*command, "--directory", folder, "--snakefile", ROOT / "Snakefile", *files]
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, output
    return output, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
