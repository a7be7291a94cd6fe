"""A training step beside other work: ours and the published loop, with 0, 1 and 2 busy neighbours.

    make bench

Prints a Markdown table of ratios. All share as many processors as a step has threads; a neighbour
is a process of one thread that does nothing but compute. Every way has a process of its own, and
they take their steps in turn, each round with every number of neighbours. A ratio is the median of
the rounds' own, in brackets the largest.

`fair` is what a step takes over one that is alone if all threads get equal shares of the
processors; `processors` is how many of them a step of ours takes, beside that equal share.
`spinning` is ours with OpenMP as it comes: threads that wait keep their processor. `passive` is
ours with threads that give it up at once. The published loop is that with autocast, as the
notebooks ran.
"""

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator

import psutil
import step
from steady import published

RUNS = ("crucible2",)
NEIGHBOURS = (0, 1, 2)
BUSY = "while True: pass"
# Each over the other: a way and its number of neighbours, None for the row's own.
COLUMNS = {
    "ours / alone": (("ours", None), ("ours", 0)),
    "spinning / ours alone": (("spinning", None), ("ours", 0)),
    "passive / ours alone": (("passive", None), ("ours", 0)),
    "published / alone": (("autocast", None), ("autocast", 0)),
    "published / ours": (("autocast", None), ("ours", None)),
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", nargs="*", default=RUNS)
    arguments.add_argument("--rounds", type=int, default=15)
    options = arguments.parse_args()
    print(f"| run | neighbours | fair | {' | '.join(COLUMNS)} | processors |")
    print(f"| --- | --- | --- |{' --- |' * (len(COLUMNS) + 1)}")
    for name in options.runs:
        threads = published(name)["threads"]
        share_processors(threads)
        rounds = measured(name, threads, options.rounds)
        for n in NEIGHBOURS:
            fair = max(1.0, (threads + n) / threads)
            found = " | ".join(ratio(rounds, n, *pair) for pair in COLUMNS.values())
            taken = statistics.median(took["processors", n] for took in rounds)
            share = f"{taken:.2f} of {threads / fair:.2f}"
            print(f"| `{name}` | {n} | {fair:.1f} | {found} | {share} |", flush=True)


def share_processors(count: int) -> None:
    """Leave all that is started from here so many processors, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def measured(name: str, threads: int, rounds: int) -> list[dict[tuple[str, int], float]]:
    """For each round: seconds of a step by way and number of neighbours, and our processors."""
    with contextlib.ExitStack() as stack:
        ways = {
            "ours": step.server(name, "ours", threads),
            "spinning": step.server(name, "ours", threads, waiting={}),
            "passive": step.server(name, "ours", threads, waiting={"OMP_WAIT_POLICY": "PASSIVE"}),
            "autocast": step.server(name, "autocast", threads),
        }
        servers = {way: stack.enter_context(served) for way, served in ways.items()}
        others = [stack.enter_context(neighbour()) for _ in range(max(NEIGHBOURS))]
        took = []
        for _ in range(rounds + 1):
            took.append({})
            for n in NEIGHBOURS:
                with working(others[:n]):
                    before = processor_seconds(servers["ours"])
                    took[-1] |= {(way, n): step.seconds(server) for way, server in servers.items()}
                    used = processor_seconds(servers["ours"]) - before
                    took[-1]["processors", n] = used / took[-1]["ours", n]
    return took[1:]


def processor_seconds(process: subprocess.Popen) -> float:
    """What all threads of a process have used so far, to a hundredth."""
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


@contextlib.contextmanager
def neighbour() -> Iterator[subprocess.Popen]:
    """A process that would compute for ever, and is stopped until it is to work."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        process.send_signal(signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def working(neighbours: list[subprocess.Popen]) -> Iterator[None]:
    for process in neighbours:
        process.send_signal(signal.SIGCONT)
    try:
        yield
    finally:
        for process in neighbours:
            process.send_signal(signal.SIGSTOP)


def ratio(
    rounds: list[dict[tuple[str, int], float]],
    n: int,
    above: tuple[str, int | None],
    below: tuple[str, int | None],
) -> str:
    """Of two ways, with their own number of neighbours or n."""
    a, b = ((way, n if own is None else own) for way, own in (above, below))
    ratios = [took[a] / took[b] for took in rounds]
    return f"{statistics.median(ratios):.2f} ({max(ratios):.2f})"


if __name__ == "__main__":
    main()
