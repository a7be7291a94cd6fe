"""The loop against the plain one of `training/reference.py`, bit for bit at every step."""

import contextlib
import itertools

import numpy as np
import pytest
import tiny_run
import torch
from safetensors.numpy import load_file, save_file

from deadtokens.training import adamw, kernels, matmul, plain_kernels, reference

needs_kernels = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))
EVERYTHING = {"rows": "all", "record": ["W", "m", "v", "g"], "last_motion": False, "statistics": []}
ADAMW = ("learning_rate", "beta1", "beta2", "epsilon", "weight_decay")
SMALL = [
    {},
    {"threads": 2, "weight_decay": 0.1, "learning_rate": 0.05},
    {"threads": 3, "hidden_dim": 32, "num_heads": 4, "seq_len": 40, "batch_size": 2},
    {"target_offset": 2, "num_layers": 1, "random_seed": 3, "beta1": 0.5, "beta2": 0.9},
]
PUBLISHED_SIZE = {
    **{"vocab_size": 10_000, "hidden_dim": 64, "seq_len": 128, "batch_size": 128, "threads": 2},
    "learning_rate": 1e-3,
}


def assert_equal_at_every_step(folder, run):
    """Loss, W, m, v and g of all rows, as the loop records them and as the reference has them."""
    tiny_run.train(folder, run)
    found = load_file(folder / "trajectory.safetensors")
    tokens = load_file(folder / "tokens.safetensors")["tokens"]
    torch.set_num_threads(run.threads)
    # What is in force for the others changes torch's operations, and has to stay out of ours.
    fused = run.matmul_backend == "fused"
    in_force = contextlib.nullcontext if fused else matmul.BACKENDS[run.matmul_backend].in_force
    with in_force():
        operations = plain_kernels.KERNELS if fused else reference.TORCH
        steps = [*reference.train(run, tokens, operations)]
    assert len(steps) == run.total_steps
    assert steps[-1].g.any()
    for i, step in enumerate(steps):
        expected = {
            **{"loss": torch.tensor(step.loss), "W": step.W.view(torch.uint16)},
            **{"m": step.m.float(), "v": step.v.float()},
        }
        for name, tensor in expected.items():
            assert found[name][i + 1].tobytes() == tensor.numpy().tobytes(), f"{name}, step {i + 1}"
        assert found["g"][i].tobytes() == step.g.float().contiguous().numpy().tobytes(), i + 1


@pytest.mark.parametrize(
    "changes",
    [{}, {"weight_decay": 3.0}, {"epsilon": 1e-4}, {"beta1": 0.0, "beta2": 0.9}],
    ids=str,
)
def test_an_update_whatever_the_size_of_the_gradient(changes):
    """Any length, whole vectors or not; gradients large and vanishing, and near epsilon."""
    run = tiny_run.settings(**changes)
    torch.manual_seed(0)
    for shape, scale in itertools.product([(211, 16), (48,), (5,)], [1, 3e-8]):
        plain = [0.02 * torch.randn(shape).bfloat16(), *torch.zeros(2, *shape).bfloat16()]
        ours = [x.clone() for x in plain]
        for step in range(1, 61):
            grad = (torch.randn(shape) * scale * 0.8**step).bfloat16()
            reference.adamw(plain[0], grad, *plain[1:], step, run)
            adamw.for_loop(
                *([x] for x in (ours[0], grad, *ours[1:])),
                step=step,
                **{name: getattr(run, name) for name in ADAMW},
            )
            assert [torch.equal(*pair) for pair in zip(plain, ours, strict=True)] == [True] * 3


@pytest.mark.parametrize("changes", SMALL, ids=str)
@pytest.mark.parametrize(
    "way", ["native", "bfloat16", "float32", pytest.param("fused", marks=needs_kernels)]
)
def test_small_runs(tmp_path, threads, way, changes):
    tiny_run.make_inputs(tmp_path)
    run = tiny_run.settings(**EVERYTHING, **changes, matmul_backend=way)
    assert_equal_at_every_step(tmp_path, run)


@pytest.mark.parametrize(
    ("way", "steps"),
    [("native", 3), pytest.param("fused", 2, marks=[pytest.mark.long, needs_kernels])],
)
def test_crucible_2_at_its_published_size(tmp_path, threads, way, steps):
    rng = np.random.default_rng(7)
    live = rng.permutation(PUBLISHED_SIZE["vocab_size"])[:6000]
    tokens = live[np.minimum(rng.geometric(0.003, 60_000), len(live)) - 1].astype(np.int32)
    dead = np.bincount(tokens, minlength=PUBLISHED_SIZE["vocab_size"]) == 0
    save_file({"tokens": tokens}, tmp_path / "tokens.safetensors")
    masks = {"dead_mask": dead, "dead_indices": np.flatnonzero(dead)}
    save_file(masks, tmp_path / "masks.safetensors")
    run = tiny_run.settings(**EVERYTHING, **PUBLISHED_SIZE, matmul_backend=way, total_steps=steps)
    assert_equal_at_every_step(tmp_path, run)
