"""Jobs that a Slurm cluster accepts and would let wait for ever: told and cancelled.

Most mistakes `sbatch` refuses at once. A partition that the account may not use, or a time limit
beyond the partition's, it accepts; the job then waits for something that never comes, and Snakemake
with it. Only the reason that Slurm gives tells it from a job that waits for its turn.
"""

import os
import re
import subprocess
import threading
from collections.abc import Callable

SECONDS_BETWEEN_LOOKS = 20
# Reasons of squeue's %r that no wait can mend (job_state_reason in slurm.h, and slurmctld's texts).
HOPELESS = re.compile(
    r"(Account|QOS)NotAllowed|Invalid(Account|QOS)|BadConstraints|Partition(Time|Node)Limit"
    r"|(Assoc|QOS)Max\w+PerJob\w*|Job's (account|QOS) .*"
)
ADVICE = (
    "Slurm would let it wait for ever; it is cancelled. Set slurm_partition and slurm_account "
    "under default-resources in profiles/slurm/config.yaml, or ask for less time and memory there."
)


def watch(tell: Callable[[str], None]) -> threading.Thread:
    """Look after the waiting jobs of this folder until the process ends."""
    watcher = threading.Thread(target=_look_again, args=(tell,), daemon=True)
    watcher.start()
    return watcher


def hopeless(listing: str, folder: str) -> dict[str, str]:
    """The jobs of this working folder that wait in vain, and why.

    listing: what `squeue --format "%i|%Z|%r"` prints: job, working folder, reason.
    """
    rows = (line.split("|", maxsplit=2) for line in listing.splitlines() if line.count("|") >= 2)
    return {job: why for job, place, why in rows if place == folder and HOPELESS.fullmatch(why)}


def _look_again(tell: Callable[[str], None]) -> None:
    seen = {}
    while threading.main_thread().is_alive():
        found = hopeless(_waiting(), os.getcwd())
        # Twice in a row, for a scheduler may tell of a limit before it has looked at all of them.
        for job in found.keys() & seen.keys():
            tell(f"Slurm job {job} cannot start: {found[job]}. {ADVICE}")
            subprocess.run(["scancel", job], check=False)
        seen = found
        threading.Event().wait(SECONDS_BETWEEN_LOOKS)


def _waiting() -> str:
    command = ["squeue", "--me", "--noheader", "--states=PENDING", "--format=%i|%Z|%r"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout  # empty if the scheduler does not answer just now
