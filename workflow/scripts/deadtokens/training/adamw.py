"""AdamW with its arithmetic spelled out.

Bit-identical to `torch.optim.AdamW(foreach=False, fused=False)` of torch 2.13 (its default on a
CPU), whose order of operations and roundings it follows (torch/optim/adam.py,
`_single_tensor_adam`). The fused kernel rounds elsewhere and drifts away (docs/numerics.md, 3).
"""

from collections.abc import Iterable

import torch


@torch.no_grad()
def for_loop(
    params: Iterable[torch.Tensor],
    grads: Iterable[torch.Tensor],
    exp_avgs: Iterable[torch.Tensor],
    exp_avg_sqs: Iterable[torch.Tensor],
    *,
    step: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
) -> None:
    """Update parameters and both moments in place; `step` counts from 1.

    The moments have the dtype of their parameter. In bfloat16 `v * 0.999 == v`, so there the second
    moment never decays (docs/numerics.md, 1): so it was in the published runs, so it is studied.
    """
    step_size = learning_rate / (1 - beta1**step)
    bias_correction2_sqrt = (1 - beta2**step) ** 0.5
    for param, grad, m, v in zip(params, grads, exp_avgs, exp_avg_sqs, strict=True):
        if weight_decay != 0:
            param.mul_(1 - learning_rate * weight_decay)
        m.lerp_(grad, 1 - beta1)
        v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denominator = (v.sqrt() / bias_correction2_sqrt).add_(epsilon)
        param.addcdiv_(m, denominator, value=-step_size)


ADAMW = {"for-loop": for_loop}
