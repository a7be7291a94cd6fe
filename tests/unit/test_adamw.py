"""The update against torch.optim.AdamW, bit for bit, from one table of cases."""

import pytest
import torch

from deadtokens.training.adamw import for_loop

STEPS = 120
SHAPES = [(37, 16), (16,), (3, 5, 7)]
CASES = [
    {},
    {"weight_decay": 0.01},
    {"lr": 0.3, "weight_decay": 0.1},
    {"lr": 1e-6},
    {"betas": (0.0, 0.999)},
    {"betas": (0.8, 0.95), "eps": 1e-4},
    {"betas": (0.9, 0.9999999)},
    {"eps": 1e-30},
]


def gradients(dtype, scale):
    """From large to vanishing, with exact zeros: subnormal moments and dead rows included."""
    generator = torch.Generator().manual_seed(5)
    for step in range(STEPS):
        for shape in SHAPES:
            grad = torch.randn(shape, generator=generator) * scale * 0.7**step
            yield grad.where(torch.rand(shape, generator=generator) > 0.1, 0.0).to(dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 1e-4])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_tensor_equals_that_of_torch(case, scale, dtype):
    case = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0} | case
    generator = torch.Generator().manual_seed(4)
    params = [torch.randn(shape, generator=generator).to(dtype) for shape in SHAPES]
    theirs = [torch.nn.Parameter(param.clone()) for param in params]
    optimizer = torch.optim.AdamW(theirs, foreach=False, fused=False, **case)
    exp_avgs, exp_avg_sqs = ([torch.zeros_like(p) for p in params] for _ in range(2))
    source = gradients(dtype, scale)
    for step in range(1, STEPS + 1):
        grads = [next(source) for _ in params]
        for param, grad in zip(theirs, grads, strict=True):
            param.grad = grad.clone()
        optimizer.step()
        for_loop(
            params,
            grads,
            exp_avgs,
            exp_avg_sqs,
            step=step,
            learning_rate=case["lr"],
            beta1=case["betas"][0],
            beta2=case["betas"][1],
            epsilon=case["eps"],
            weight_decay=case["weight_decay"],
        )
        for i, param in enumerate(theirs):
            state = optimizer.state[param]
            assert same_bits(params[i], param.detach()), step
            assert same_bits(exp_avgs[i], state["exp_avg"]), step
            assert same_bits(exp_avg_sqs[i], state["exp_avg_sq"]), step


def same_bits(a, b):
    return a.dtype == b.dtype and torch.equal(
        a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8)
    )


def test_in_bfloat16_the_second_moment_is_a_ratchet():
    """docs/numerics.md, 1, which all rests on: without a gradient v stays, though beta2 < 1."""
    v = torch.tensor([1.0, 3e-7, 1.7e-12]).bfloat16()
    before = v.clone()
    m, param, grad = (torch.zeros_like(v) for _ in range(3))
    for step in range(1, 50):
        for_loop(
            *([tensor] for tensor in (param, grad, m, v)),
            step=step,
            **{"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999},
            **{"epsilon": 1e-8, "weight_decay": 0.0},
        )
    assert torch.equal(v, before)
