"""A training step of Crucible 2 with vocabularies as large as people have: time and memory.

    PYTHONPATH=workflow:workflow/scripts python benchmarks/vocabulary.py

Prints a Markdown table. Each size has a process of its own, with a random normal W and random ids,
since no time depends on what they say; the time is the median of the steps after the first two,
beside that of the first size, and the memory is the most that the process ever held. Of the table
of all tokens (`tokens.csv`) the time and memory of listing a byte-level vocabulary of that size,
made up of random pairs of letters.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

from steady import published

SIZES = (10_000, 50_257, 151_936, 300_000)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--sizes", nargs="*", type=int, default=SIZES)
    arguments.add_argument("--steps", type=int, default=7)
    arguments.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # what and size, in a process
    options = arguments.parse_args()
    if options.one:
        {"step": step, "listing": listing}[options.one[0]](int(options.one[1]), options.steps)
        return
    print("| entries | step, s | over the first | memory, GB | `tokens.csv`, s | memory, GB |")
    print("| --- | --- | --- | --- | --- | --- |")
    first = None
    for size in options.sizes:
        seconds, memory = measured("step", size, options.steps)
        listed, memory_listed = measured("listing", size, options.steps)
        first = first or seconds
        figures = f"{seconds:.2f} | {seconds / first:.1f} | {memory:.1f}"
        print(f"| {size:,} | {figures} | {listed:.1f} | {memory_listed:.1f} |", flush=True)


def measured(what: str, size: int, steps: int) -> tuple[float, float]:
    """Seconds, and GB of memory at most."""
    command = [sys.executable, __file__, "--one", what, str(size), "--steps", str(steps)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(map(float, output.split()[-2:]))


def report(seconds: float) -> None:
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)


def step(size: int, steps: int) -> None:
    """The steps of a run that records its dead rows, in a folder that goes away."""
    import tempfile
    from pathlib import Path

    import numpy as np

    from deadtokens.training import loop
    from deadtokens.training.checkpoints import Workspace
    from deadtokens.training.masks import Masks
    from deadtokens.training.settings import RunSettings

    settings = published("crucible2") | {"run": "vocabulary", "vocab_size": size}
    settings = RunSettings.from_json(settings | {"total_steps": steps + 2, "record": ["W"]})
    random = np.random.default_rng(42)
    tokens = random.integers(size * 6 // 10, size=1_000_000, dtype=np.int32)
    dead = np.arange(size) >= size * 6 // 10
    times = []
    with tempfile.TemporaryDirectory() as folder:
        work = Workspace(Path(folder, "trajectory.safetensors"), "0" * 64, 3600)
        with work:
            loop.train(
                settings,
                tokens,
                Masks(dead, np.flatnonzero(dead)),
                work,
                lambda *_: times.append(now()),
            )
    report(statistics.median(b - a for a, b in zip(times[2:], times[3:], strict=False)))


def listing(size: int, steps: int) -> None:
    """Once."""
    import numpy as np
    from tokenizers import Tokenizer, models, pre_tokenizers

    from deadtokens.text import listing as of_tokens

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab, merges, random = {letter: i for i, letter in enumerate(letters)}, [], np.random
    entries, draw = list(letters), random.default_rng(42)
    while len(vocab) < size:
        a, b = entries[draw.integers(len(letters))], entries[draw.integers(len(entries))]
        if a + b not in vocab:
            vocab[a + b] = len(vocab)
            entries.append(a + b)
            merges.append((a, b))
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    counts = np.arange(size) % 2
    start = now()
    of_tokens.table(tokenizer, counts == 0, counts)
    report(now() - start)


def now() -> float:
    return time.perf_counter()


if __name__ == "__main__":
    main()
