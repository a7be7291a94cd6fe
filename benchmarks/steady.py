"""Peak memory of the published runs at 10 times the steps, and what recording costs of a step.

    make bench

Prints a Markdown table. Models, batches and files have their published sizes; the token ids are
random with Zipf's frequencies, since neither memory nor recording depends on what they say.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml
from safetensors.numpy import save_file

from planning import configuration, schema, slices

ROOT = Path(__file__).parents[1]
RUNS = ("crucible2", "crucible3", "thimble7", "wordybird1b")
FACTOR = 10


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", nargs="*", default=RUNS)
    arguments.add_argument("--steps", type=int, default=4, help="of the short run")
    arguments.add_argument("--one", help=argparse.SUPPRESS)  # a run in a process of its own
    options = arguments.parse_args()
    if options.one:
        print(json.dumps(train(options.one, options.steps)))
        return
    print(
        f"| run | peak, {options.steps} steps | peak, {FACTOR * options.steps} steps | recording |"
    )
    print("| --- | --- | --- | --- |")
    for name in options.runs:
        short, long = (in_a_process(name, n * options.steps) for n in (1, FACTOR))
        share = long["recording"] / long["training"]
        print(
            f"| {name} | {short['peak']:.0f} MB | {long['peak']:.0f} MB | {share:.1%} of a step |"
        )


def in_a_process(name: str, steps: int) -> dict:
    """Figures of a run, with the peak memory (MB) of the process that trains it."""
    command = [sys.executable, __file__, "--one", name, "--steps", str(steps)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    figures = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    # Linux counts in kB, macOS in bytes.
    return figures | {"peak": usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)}


def train(name: str, steps: int) -> dict:
    """Seconds of training and of the recording within it, at published size."""
    from deadtokens.training import loop
    from deadtokens.training.batches import load_tokens
    from deadtokens.training.checkpoints import Workspace
    from deadtokens.training.masks import load_masks
    from deadtokens.training.settings import RunSettings

    recording = 0.0

    class TimedRecorder(loop.Recorder):
        """The recorder, with a watch on what it does in every step."""

        def before_update(self, *step):
            timed(super().before_update, *step)

        def after_update(self, *step):
            timed(super().after_update, *step)

    def timed(method, *step):
        nonlocal recording
        start = time.perf_counter()
        method(*step)
        recording += time.perf_counter() - start

    loop.Recorder = TimedRecorder
    settings = RunSettings.from_json(published(name) | {"total_steps": steps})
    with tempfile.TemporaryDirectory() as folder:
        tokens, masks = write_inputs(Path(folder), settings.vocab_size)
        work = Workspace(Path(folder, "trajectory"), "0" * 64, settings.checkpoint_seconds, {})
        inputs = load_tokens(tokens, settings.vocab_size), load_masks(masks, settings.vocab_size)
        start = time.perf_counter()
        with work:
            loop.train(settings, *inputs, work, lambda step, loss: None)
        return {"training": time.perf_counter() - start, "recording": recording}


def published(name: str) -> dict:
    """A run of the default configuration, but for the checkpoints that it keeps."""
    return slices.training(resolved(), {"run": name}) | {"save_checkpoint_at": []}


@functools.cache
def resolved() -> dict:
    """The default configuration with every key."""
    rules = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))
    return configuration.resolve(default, rules)


def write_inputs(folder: Path, vocab_size: int) -> tuple[Path, Path]:
    """Token ids of the first 63% of the entries, as many as are live in the published corpus."""
    live = int(0.63 * vocab_size)
    weights = 1 / np.arange(2, live + 2)
    tokens = np.random.default_rng(0).choice(live, 1_300_000, p=weights / weights.sum())
    tokens[:live] = np.arange(live)
    dead = np.arange(vocab_size) >= live
    tables = {"dead_mask": dead, "dead_indices": np.flatnonzero(dead)}
    tables |= {"live_mask": ~dead, "live_indices": np.flatnonzero(~dead)}
    save_file({"tokens": tokens.astype(np.int32)}, folder / "tokens.safetensors")
    save_file(tables, folder / "masks.safetensors")
    return folder / "tokens.safetensors", folder / "masks.safetensors"


if __name__ == "__main__":
    main()
