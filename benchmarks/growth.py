"""How costs grow with steps, vocabulary and dead tokens: the exponents of fitted powers.

    make bench

Prints a Markdown table. An exponent of 1 says that twice the size costs twice as much; it is the
slope of a straight line through the logarithms of cost and size, and again of the two largest sizes
alone, where what does not grow weighs least. Costs are processor time, which other work on the
machine touches less than the time that passes, with one thread that computes. Sizes are taken in
turn, after a round that does not count, and each cost is the median of its rounds. Model and batch
of the training step, which records, are Crucible 2's; the trajectory to measure is a random walk on
the lattice, and the displacements to classify are random numbers.
"""

import argparse
import functools
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import programs
import torch
from steady import published, resolved, write_inputs

from deadtokens.files.trajectory import TrajectoryWriter, write_file
from deadtokens.training import loop
from deadtokens.training.batches import load_tokens
from deadtokens.training.checkpoints import Workspace
from deadtokens.training.masks import Masks, load_masks
from deadtokens.training.recording import Recorder
from deadtokens.training.settings import RunSettings

classify_phases = programs.module("classify_phases")
measure_displacement = programs.module("measure_displacement")

RUN = "crucible2"
WIDTH = 64
VOCABULARIES = (1250, 2500, 5000, 10000)
TOKENS = (500, 1000, 2000, 4000)
STEPS = (100, 200, 400, 800)
FEW_STEPS, FEW_TOKENS = 100, 500  # of what does not vary


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    logging.disable()
    torch.set_num_threads(1)
    print("| cost | grows with | sizes | exponent | of the last two |")
    print("| --- | --- | --- | --- | --- |")
    for cost, size, sizes, measured in COSTS:
        with tempfile.TemporaryDirectory() as folder:
            costs = medians(functools.partial(measured, Path(folder)), sizes, options.rounds)
        last = {n: costs[n] for n in sizes[-2:]}
        print(
            f"| {cost} | {size} | {sizes[0]:,} to {sizes[-1]:,} "
            f"| {exponent(costs):.2f} | {exponent(last):.2f} |",
            flush=True,
        )


def medians(measured: Callable[[int], float], sizes: tuple, rounds: int) -> dict[int, float]:
    """The median cost of each size."""
    costs = {size: [] for size in sizes}
    for turn in range(rounds + 1):
        for size in sizes:
            cost = measured(size)
            if turn:
                costs[size].append(cost)
    return {size: statistics.median(values) for size, values in costs.items()}


def exponent(costs: dict[int, float]) -> float:
    """The slope of cost over size, both in logarithms, by least squares."""
    slope, _ = np.polyfit(np.log([*costs]), np.log([*costs.values()]), 1)
    return slope


def training_step(folder: Path, vocab_size: int) -> float:
    """Seconds of a step of the loop, with what it records."""
    settings = RunSettings.from_json(
        published(RUN) | {"total_steps": 3, "threads": 1, "vocab_size": vocab_size}
    )
    tokens, masks = write_inputs(folder, vocab_size)
    inputs = load_tokens(tokens, vocab_size), load_masks(masks, vocab_size)
    ends = []
    with Workspace(folder / "trajectory", "0" * 64, settings.checkpoint_seconds, {}) as work:
        loop.train(settings, *inputs, work, lambda step, loss: ends.append(time.process_time()))
    return statistics.median(np.diff(ends))


def recorded_step(folder: Path, n_dead: int) -> float:
    """Seconds of a step's recording, with the thread that writes it."""
    steps = 60
    start = []
    record(folder / "trajectory", steps, n_dead, lambda: start.append(time.process_time()))
    return (time.process_time() - start[0]) / steps


def size_by_steps(folder: Path, steps: int) -> float:
    return record(folder / "trajectory", steps, FEW_TOKENS)


def size_by_tokens(folder: Path, n_dead: int) -> float:
    return record(folder / "trajectory", 20, n_dead)


def record(path: Path, steps: int, n_dead: int, begun: Callable = lambda: None) -> int:
    """Record a run that trains nothing; the size of its file."""
    settings = RunSettings.from_json(
        published(RUN) | {"total_steps": steps, "vocab_size": max(TOKENS)}
    )
    dead = np.arange(settings.vocab_size) < n_dead
    shape = settings.vocab_size, settings.hidden_dim
    weights, others, moments = (torch.randn(shape).bfloat16() for _ in range(3))
    last_motion = torch.full((n_dead,), -1, dtype=torch.int32)
    masks = Masks(dead, np.flatnonzero(dead))
    weights.grad = moments
    hidden, logits = torch.zeros(1, 1, settings.hidden_dim), torch.zeros(settings.vocab_size)
    targets = torch.zeros(1, 1, dtype=torch.int64)
    with Recorder(path, settings, masks, last_motion, resume=False) as recorder:
        recorder.begin(0, weights, moments, moments)
        begun()
        for step in range(1, steps + 1):
            recorder.before_update(step, weights, hidden, targets, logits)
            recorder.after_update(step, 0.0, (weights, others)[step % 2], moments, moments)
    return path.stat().st_size


def displacement_by_steps(folder: Path, steps: int) -> float:
    return displacement(folder, steps, FEW_TOKENS)


def displacement_by_tokens(folder: Path, tokens: int) -> float:
    return displacement(folder, FEW_STEPS, tokens)


def displacement(folder: Path, steps: int, tokens: int) -> float:
    """Seconds of measure_displacement.py."""
    trajectory, masks = folder / f"trajectory_{steps}_{tokens}", folder / f"masks_{tokens}"
    if not trajectory.exists():
        write_walk(trajectory, steps, tokens)
        dead = np.ones(tokens, dtype=bool)
        write_file(masks, {"dead_mask": dead, "dead_indices": np.flatnonzero(dead)})
    return seconds(
        measure_displacement.main,
        settings={"naming": "crucible", "population": "dead"},
        trajectory=trajectory,
        masks=masks,
        displacement=folder / "displacement",
    )


def write_walk(path: Path, steps: int, tokens: int) -> None:
    """Weights that each go a lattice step up or down, or stay, at every step."""
    random = np.random.default_rng(0)
    shape = tokens, WIDTH
    bits = random.integers(0x3C00, 0x3D00, shape, dtype=np.uint16)  # 0.008 to 0.03
    with TrajectoryWriter(path, {"W": ("U16", (steps + 1, *shape))}) as file:
        for row in range(steps + 1):
            file.write_row("W", row, bits)
            bits += random.integers(-1, 2, shape).astype(np.uint16)  # -1 wraps around


def phases_by_steps(folder: Path, steps: int) -> float:
    return phases(folder, steps, FEW_TOKENS)


def phases_by_tokens(folder: Path, tokens: int) -> float:
    return phases(folder, FEW_STEPS, tokens)


def phases(folder: Path, steps: int, tokens: int) -> float:
    """Seconds of classify_phases.py."""
    path = folder / f"displacement_{steps}_{tokens}"
    if not path.exists():
        # Numbers from frozen to hot, a quarter of them exactly zero.
        random = np.random.default_rng(0)
        shape = steps, tokens
        cells = 10 ** random.uniform(-2, 3, shape) * (random.random(shape) > 0.25)
        cells = cells.astype(np.float32)
        whole = np.zeros(steps, dtype=np.int64)
        write_file(path, {"l2": cells, "vector_ulp": cells, "nonfinite": whole})
    scheme = resolved()["phase_schemes"]["published"]
    bins = ("time", "displacement", "lowest", "highest")
    settings = {key: scheme[key] for key in classify_phases.SCHEME}
    settings |= {"density_bins": {key: scheme[f"density_{key}"] for key in bins}}
    settings |= {"motion_threshold": published(RUN)["motion_threshold"], "population": "dead"}
    outputs = {name: folder / name for name in ("table", "summary", "density")}
    return seconds(classify_phases.main, settings=settings, displacement=path, **outputs)


def seconds(main: Callable, **options) -> float:
    """Processor time of a script's main function."""
    start = time.process_time()
    main(SimpleNamespace(**options))
    return time.process_time() - start


COSTS = (
    ("training step", "vocabulary", VOCABULARIES, training_step),
    ("recording, per step", "dead tokens", TOKENS, recorded_step),
    ("trajectory file, bytes", "steps", STEPS, size_by_steps),
    ("trajectory file, bytes", "dead tokens", TOKENS, size_by_tokens),
    ("displacement", "steps", STEPS, displacement_by_steps),
    ("displacement", "dead tokens", TOKENS, displacement_by_tokens),
    ("phases", "steps", STEPS, phases_by_steps),
    ("phases", "dead tokens", TOKENS, phases_by_tokens),
)

if __name__ == "__main__":
    main()
