"""Ways to multiply leave the physics alone: they part runs by less than another seed does.

Small scale; at published size `benchmarks/physics.py` measures it. Trajectories of two ways part in
detail, as sums in another order make them, so curves and freezes are compared and not bits.
"""

import itertools
from functools import partial

import numpy as np
import pytest
import tiny_run
import torch

from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.training import head, kernels, matmul

SEEDS = (42, 43, 44)
# Long enough, and fast enough, that tokens come to rest within the run.
FROZEN_AT_END = {"total_steps": 400, "learning_rate": 3e-3, "record": ["W"]}


@pytest.fixture(scope="module")
def motion(tmp_path_factory):
    """Of a run: the share of elements that move, by step, and each token's last step of motion."""
    folder = tmp_path_factory.mktemp("physics")
    tiny_run.make_inputs(folder)

    def train(way, seed):
        run = tiny_run.settings(matmul_backend=way, random_seed=seed, **FROZEN_AT_END)
        tiny_run.train(folder, run)
        with TrajectoryReader(folder / "trajectory.safetensors") as file:
            moved = np.diff(file.read("W").astype(int), axis=0) != 0
        return moved.mean(axis=(1, 2)), last_step(moved.any(axis=2))

    return train


def last_step(moves):
    """moves (T, N) bool; 0 for a token that never moves."""
    return (moves * np.arange(1, len(moves) + 1)[:, None]).max(axis=0)


@pytest.fixture(scope="module")
def published(motion):
    return {seed: motion("native", seed) for seed in SEEDS}


def apart(one, other):
    """Of the curves, mean over steps; of the freezes, steps by which tokens would have to shift."""
    curves, lasts = zip(one, other, strict=True)
    return (
        np.abs(curves[0] - curves[1]).mean(),
        np.abs(np.sort(lasts[0]) - np.sort(lasts[1])).mean(),
    )


def over_another_seed(runs, published):
    """How far runs are from the published loop's, over how far those are from one another.

    Runs that differ as seeds do would be at 1. Sums in another order set off the last bursts of
    motion earlier or later, so one run says little: means over seeds, of curves and of freezes.
    """
    same_seed = [apart(runs[seed], published[seed]) for seed in SEEDS]
    two_seeds = [apart(*pair) for pair in itertools.combinations(published.values(), 2)]
    return np.mean(same_seed, axis=0) / np.mean(two_seeds, axis=0)


@pytest.mark.parametrize(
    "way",
    [
        "float32",
        "bfloat16",
        pytest.param(
            "fused",
            marks=pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing())),
        ),
    ],
)
def test_another_way_is_closer_than_another_seed(motion, published, way):
    runs = {seed: motion(way, seed) for seed in SEEDS}
    assert (over_another_seed(runs, published) < 0.5).all()


def test_gradients_that_are_dropped_for_being_small_are_noticed(motion, published, monkeypatch):
    plain = matmul.BACKENDS["native"]
    heads = plain.heads | {"plain": partial(without_small_gradients, share=2**-8)}
    monkeypatch.setitem(matmul.BACKENDS, "native", matmul.Backend(plain.in_force, heads))
    runs = {seed: motion("native", seed) for seed in SEEDS}
    assert (over_another_seed(runs, published) > 0.8).all()


def without_small_gradients(hidden, tied, targets, share):
    seen = tied.clone()
    seen.register_hook(lambda grad: torch.where(grad.abs() < share * grad.abs().max(), 0, grad))
    return head.HEADS["plain"](hidden, seen, targets)
