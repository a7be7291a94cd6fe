"""What watching costs a training: steps of Crucible 2 with and without a watcher beside it.

    PYTHONPATH=workflow:workflow/scripts python benchmarks/watch.py

Trains one run of published size, recorded to disk, and starts and ends `watch_run.py` beside it in
turns, so that what else the machine does meets both alike. Prints the median time of a step with
the watcher over that without, the start of the watcher left out, and how much of a processor it
takes. Needs a quiet machine, and 2.3 GB of disk in --folder.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import programs
import psutil
from steady import published, write_inputs

WINDOW_STEPS = 40  # with a watcher, and then so many without
START_SECONDS = 5.0  # of a watcher, in which it imports its libraries


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--folder", type=Path, help="of the temporary files")
    arguments.add_argument("--steps", type=int, default=500)
    arguments.add_argument("--seconds", type=float, default=10, help="from one look to the next")
    arguments.add_argument("--train", help=argparse.SUPPRESS)  # the training in a process
    options = arguments.parse_args()
    if options.train:
        train(Path(options.train), options.steps)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        ratio, share = measure(Path(folder), options.steps, options.seconds)
    print("| a look every | step, watched / alone | share of a processor |")
    print("| --- | --- | --- |")
    print(f"| {options.seconds:g} s | {ratio:.4f} | {share:.2%} |")


def measure(folder: Path, steps: int, seconds: float) -> tuple[float, float]:
    """Time of a step watched over that alone, and the processor time of watching over the time."""
    words = [sys.executable, __file__, "--train", folder, "--steps", str(steps)]
    took, shares = {True: [], False: []}, []
    watcher = None
    training = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True)
    for number, line in enumerate(training.stdout, start=1):
        if number % WINDOW_STEPS == 0:
            if watcher:
                shares.append(watcher.end())
            watcher = None if watcher else Watcher(folder, seconds)
        if watcher is None or watcher.has_started():
            took[watcher is not None].append(float(line))
    if watcher:
        watcher.end()
    if training.wait() or not (shares and took[True]):
        raise SystemExit("the training ended early, or was too short for a watcher; see above.")
    ratio = statistics.median(took[True]) / statistics.median(took[False])
    return ratio, statistics.median(shares)


class Watcher:
    """The program beside the training."""

    def __init__(self, folder: Path, seconds: float):
        words = [sys.executable, programs.path("watch_run"), "--run", folder]
        words += ["--seconds", seconds]
        self._process = psutil.Popen([str(w) for w in words], stdout=subprocess.DEVNULL)
        self._begun, self._settled = time.monotonic(), None

    def has_started(self) -> bool:
        """Whether it has had the time to import its libraries and to measure all but new steps."""
        now = time.monotonic()
        if self._settled is None and now - self._begun > START_SECONDS:
            self._settled = now, self._processor()
        return self._settled is not None

    def end(self) -> float:
        """End it; the share of a processor that it took since its start was over."""
        if not self.has_started():
            raise SystemExit("a watcher was ended before it had started: take more WINDOW_STEPS.")
        since, before = self._settled
        share = (self._processor() - before) / max(time.monotonic() - since, 1e-9)
        self._process.terminate()
        self._process.wait()
        return share

    def _processor(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def train(folder: Path, steps: int) -> None:
    """Train, recorded, and print the seconds of every step."""
    from deadtokens.training import loop
    from deadtokens.training.batches import load_tokens
    from deadtokens.training.checkpoints import Workspace
    from deadtokens.training.masks import load_masks
    from deadtokens.training.settings import RunSettings

    settings = RunSettings.from_json(published("crucible2") | {"total_steps": steps})
    tokens, masks = write_inputs(folder, settings.vocab_size)
    inputs = load_tokens(tokens, settings.vocab_size), load_masks(masks, settings.vocab_size)
    before = time.perf_counter()

    def report(step: int, loss: float) -> None:
        nonlocal before
        now = time.perf_counter()
        if step:
            print(now - before, flush=True)
        before = now

    output = folder / "trajectory.safetensors"
    with Workspace(output, "0" * 64, settings.checkpoint_seconds, {}) as work:
        loop.train(settings, *inputs, work, report)


if __name__ == "__main__":
    main()
