"""Jobs that a Slurm cluster refuses, or accepts and would let wait for ever: reported at once.

What `sbatch` refuses is asked before anything is submitted, since Snakemake does not show its
answer for a group of jobs. A partition that the account may not use, or a time limit beyond the
partition's, it accepts; the job then waits for something that never comes, and Snakemake with it.
Only the reason that Slurm gives sets it apart from one that waits for its turn: it is cancelled.
"""

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping

SECONDS_BETWEEN_LOOKS = 20
# Reasons of squeue's %r that no wait can mend (job_state_reason in slurm.h, and slurmctld's texts).
IN_VAIN = re.compile(
    r"(Account|QOS)NotAllowed|Invalid(Account|QOS)|BadConstraints|Partition(Time|Node)Limit"
    r"|(Assoc|QOS)Max\w+PerJob\w*|Job's (account|QOS) .*"
)
REFUSED = (
    "Slurm refuses such jobs. Set slurm_partition, slurm_account, memory and time under "
    "default-resources or set-resources in profiles/slurm/config.yaml."
)
ADVICE = (
    "Slurm would let it wait for ever; it is cancelled. Set slurm_partition and slurm_account "
    "under default-resources in profiles/slurm/config.yaml, or ask for less time and memory there."
)


OPTIONS = {
    "slurm_partition": "--partition",
    "slurm_account": "--account",
    "mem_mb": "--mem",
    "runtime": "--time",
    "cpus_per_task": "--cpus-per-task",
}


class RefusedError(Exception):
    """Jobs that no node of the cluster can run; the message says which, and why."""


def check(jobs: Iterable) -> None:
    """Ask `sbatch`, without submitting, for each kind of job among those that are to run.

    Raises `RefusedError` with its answers.
    """
    kinds = {}
    for job in jobs:
        kinds.setdefault(tuple(_options(job.resources)), job.rule.name)
    refused = [
        f"{rule}, which asks for {' '.join(options)}: {answer}"
        for options, rule in kinds.items()
        if (answer := _refusal(options))
    ]
    if refused:
        raise RefusedError("\n".join([*refused, REFUSED]))


def watch(report: Callable[[str], None]) -> threading.Thread:
    """Look after the waiting jobs of this folder until the process ends."""
    watcher = threading.Thread(target=_look_again, args=(report,), daemon=True)
    watcher.start()
    return watcher


def never_starting(listing: str, folder: str) -> dict[str, str]:
    """The jobs of this working folder that can never start, and why.

    listing: what `squeue --format "%i|%Z|%r"` prints: job, working folder, reason.
    """
    rows = (line.split("|", maxsplit=2) for line in listing.splitlines() if line.count("|") >= 2)
    return {job: why for job, place, why in rows if place == folder and IN_VAIN.fullmatch(why)}


def _options(resources: Mapping) -> Iterable[str]:
    """What a job asks for, as options of sbatch."""
    for name, option in OPTIONS.items():
        if resources.get(name):
            yield f"{option}={resources.get(name)}"
    if resources.get("gpu"):
        model = f"{resources.get('gpu_model')}:" if resources.get("gpu_model") else ""
        yield f"--gpus={model}{resources.get('gpu')}"


def _refusal(options: Iterable[str]) -> str:
    """What sbatch has against such a job; empty if nothing."""
    command = ["sbatch", "--test-only", *options, "--wrap=true"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return "; ".join(result.stderr.strip().splitlines()) if result.returncode else ""


def _look_again(report: Callable[[str], None]) -> None:
    seen = {}
    while threading.main_thread().is_alive():
        found = never_starting(_waiting(), os.getcwd())
        # Twice in a row, for a scheduler may report a limit before it has looked at all of them.
        for job in found.keys() & seen.keys():
            report(f"Slurm job {job} cannot start: {found[job]}. {ADVICE}")
            subprocess.run(["scancel", job], check=False)
        seen = found
        threading.Event().wait(SECONDS_BETWEEN_LOOKS)


def _waiting() -> str:
    command = ["squeue", "--me", "--noheader", "--states=PENDING", "--format=%i|%Z|%r"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout  # empty if the scheduler does not answer just now
