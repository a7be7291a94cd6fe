"""AdamW with its arithmetic spelled out.

Bit-identical to `torch.optim.AdamW(foreach=False, fused=False)` of torch 2.13 (its default on a
CPU), whose order of operations and roundings it follows (torch/optim/adam.py,
`_single_tensor_adam`). The fused kernel rounds elsewhere and drifts away (docs/numerics.md, 3).

An update has two halves, each a function of its own, so that an audit can hold either of them to
what a run recorded: gradient into moments, moments into weights.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from deadtokens.training.weights import nearest

STATES = {"bfloat16": torch.bfloat16, "float32": torch.float32}  # what moments can be


def take_gradient(
    m: torch.Tensor, v: torch.Tensor, grad: torch.Tensor, *, beta1: float, beta2: float
) -> None:
    """The first half, in place: both moments take up the gradient.

    Each moment has the dtype of the gradient or a wider one, in which all of it is then computed.
    In bfloat16 `v * 0.999 == v`, so there the second moment never decays (docs/numerics.md, 1): so
    it was in the published runs, so it is studied.
    """
    m.lerp_(grad.to(m.dtype), 1 - beta1)
    grad = grad.to(v.dtype)
    v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)


def take_step(
    param: torch.Tensor,
    m: torch.Tensor,
    v: torch.Tensor,
    kept: object = None,
    *,
    step: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    add: Callable[..., None] = nearest,
) -> None:
    """The second half, in place: the parameter follows its moments; `step` counts from 1.

    `add` is a way for updates to land, of `weights.WEIGHTS`, and `kept` what it keeps of the
    parameter.
    """
    denominator = (v.sqrt() / (1 - beta2**step) ** 0.5).add_(epsilon)
    step_size = learning_rate / (1 - beta1**step)
    decay = learning_rate * weight_decay
    add(param, kept, m, denominator, step=step, step_size=step_size, decay=decay)


@torch.no_grad()
def for_loop(
    params: Iterable[torch.Tensor],
    grads: Iterable[torch.Tensor],
    exp_avgs: Iterable[torch.Tensor],
    exp_avg_sqs: Iterable[torch.Tensor],
    kept: Iterable[object] | None = None,
    *,
    step: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    add: Callable[..., None] = nearest,
) -> None:
    """Update parameters, both moments and what is kept beside them; `step` counts from 1."""
    params = [*params]
    kept = [None] * len(params) if kept is None else kept
    for param, grad, m, v, own in zip(params, grads, exp_avgs, exp_avg_sqs, kept, strict=True):
        take_gradient(m, v, grad, beta1=beta1, beta2=beta2)
        take_step(
            param,
            m,
            v,
            own,
            step=step,
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            weight_decay=weight_decay,
            add=add,
        )


ADAMW = {"for-loop": for_loop}


@dataclass(frozen=True)
class Halves:
    """The two halves of an update, for those who check a record of one."""

    take_gradient: Callable[..., None]
    take_step: Callable[..., None]


HALVES = {"for-loop": Halves(take_gradient, take_step)}
