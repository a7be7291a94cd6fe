"""What this workflow adds to Snakemake's own time of a call that runs no job.

    make bench

Prints a Markdown table of ratios, to the same call of a workflow of one rule and to
`snakemake --version`. Calls are taken in turn, after a round that does not count, and each ratio is
one of medians: of the time that passes, and of processor time, which other work on the machine
touches less. `nothing to do`: the phases of a run at the sizes of config/smoke.yaml, made before.
`dry run of everything`: `report_results` of the default configuration, none of it made, in a folder
where Snakemake was called before, and in a new one, where no digest of a job is remembered.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import turns

ROOT = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
MADE = "results/crucible2/phases.png"
EMPTY = 'rule all:\n    output: "made"\n    shell: "touch {output}"\n'


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calls = prepared(Path(folder))
        ways = {name: lambda of=of: call(of()) for name, of in calls.items()}
        took = turns.medians(ways, options.rounds, uncounted=1)
    print("| call | time / empty workflow's | processor time | time / `--version`'s |")
    print("| --- | --- | --- | --- |")
    compared = {
        "nothing to do": "empty",
        "dry run of everything": "empty, dry run",
        "the same, new folder": "empty, dry run",
    }
    for name, base in compared.items():
        (passed, worked), (base_passed, base_worked) = took[name], took[base]
        print(
            f"| {name} | {passed / base_passed:.2f} | {worked / base_worked:.2f} "
            f"| {passed / took['version'].clock:.2f} |"
        )


def prepared(folder: Path) -> dict:
    """Functions that give the arguments of each call, with everything made that is to be there."""
    empty = folder / "empty"
    empty.mkdir()
    (empty / "Snakefile").write_text(EMPTY, encoding="utf-8")
    (empty / "made").touch()
    of_empty = ["--snakefile", empty / "Snakefile", "--directory", empty]
    smoke = ["--configfile", ROOT / "config/smoke.yaml", "--directory", folder / "smoke"]
    everything = ["report_results", "--dry-run", "--directory"]
    new = (folder / f"new{n}" for n in itertools.count())
    call([MADE, "--cores", "2", *smoke])
    return {
        "version": lambda: ["--version"],
        "empty": lambda: ["made", "--cores", "2", *of_empty],
        "nothing to do": lambda: [MADE, "--cores", "2", *smoke],
        "empty, dry run": lambda: ["made", "--dry-run", *of_empty],
        "dry run of everything": lambda: [*everything, folder / "dry"],
        "the same, new folder": lambda: [*everything, next(new)],
    }


def call(arguments: list) -> None:
    """A call of Snakemake."""
    command = [str(word) for word in (SNAKEMAKE, *arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    main()
