"""Attention on a CPU: what may stand in for PyTorch's, and a backward pass by float32 products.

PyTorch's backward kernel for bfloat16 multiplies through bfloat16 and is slow wherever the
processor cannot. Here is the same arithmetic: float32 throughout, but for the probabilities and the
gradient of the scores, which are rounded to bfloat16 before they are multiplied. The kernel adds
its gradients of keys and values up block by block in bfloat16; here they are rounded once.
"""

import math
from collections.abc import Callable

import torch

aten = torch.ops.aten

SCORES_BYTES = 2**22  # of scores worked on at a time, so that they stay in the cache


def attend(
    own: Callable,
    theirs: Callable,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **options,
) -> torch.Tensor:
    """Stands in for `torch.nn.functional.scaled_dot_product_attention`, which is `theirs`.

    `own` takes query, key and value, bfloat16, whether it is causal, and the scale or None. What
    our models do not ask for is left to `theirs`.
    """
    narrow = all(x.dtype == torch.bfloat16 for x in (query, key, value))
    scale, others = options.get("scale"), {**options, "scale": None}
    if not narrow or attn_mask is not None or dropout_p or any(others.values()):
        return theirs(query, key, value, attn_mask, dropout_p, is_causal, **options)
    return own(query, key, value, is_causal, scale)


class _Widened(torch.autograd.Function):
    """PyTorch's kernel forward, float32 products backward."""

    @staticmethod
    def forward(ctx, query, key, value, is_causal, scale):
        kernel = aten._scaled_dot_product_flash_attention_for_cpu
        out, logsumexp = kernel(query, key, value, 0.0, is_causal, scale=scale)
        ctx.save_for_backward(query, key, value, out, logsumexp)
        ctx.options = is_causal, scale
        return out

    @staticmethod
    def backward(ctx, grad_out):
        is_causal, scale = ctx.options
        return (
            *flash_backward(grad_out, *ctx.saved_tensors, 0.0, is_causal, scale=scale),
            None,
            None,
        )


def flash_backward(
    grad_out: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    out: torch.Tensor,
    logsumexp: torch.Tensor,
    dropout_p: float,
    is_causal: bool,
    *,
    attn_mask: torch.Tensor | None = None,
    scale: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients of query, key and value, each (B, H, L, E) in the type of the inputs.

    Stands in for aten::_scaled_dot_product_flash_attention_for_cpu_backward and takes what that
    takes: query (B, H, L, E), key and value (B, H, S, E), logsumexp (B, H, L) float32, and no
    dropout (the kernel knows none).
    """
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    grads = tuple(torch.empty_like(tensor) for tensor in (query, key, value))
    at_once = max(1, SCORES_BYTES // (4 * query.shape[1] * query.shape[2] * key.shape[2]))
    for start in range(0, len(query), at_once):
        part = slice(start, start + at_once)
        mask = attn_mask[part] if attn_mask is not None and len(attn_mask) > 1 else attn_mask
        tensors = (tensor[part].float() for tensor in (grad_out, query, key, value, out))
        wide = _backward(*tensors, logsumexp[part], is_causal, mask, scale, query.dtype)
        for grad, values in zip(grads, wide, strict=True):
            grad[part] = values
    return grads


def _backward(grad_out, query, key, value, out, logsumexp, is_causal, mask, scale, narrow):
    scores = (query @ key.mT).mul_(scale)  # (B, H, L, S)
    if mask is not None:
        scores += mask
    probabilities = scores.sub_(logsumexp[..., None]).exp_()
    if is_causal:
        probabilities.tril_()
    grad_value = probabilities.to(narrow).float().mT @ grad_out
    of_rows = (grad_out * out).sum(-1, keepdim=True)  # (B, H, L, 1)
    grad_scores = (grad_out @ value.mT).sub_(of_rows).mul_(probabilities).to(narrow).float()
    return (grad_scores @ key) * scale, (grad_scores.mT @ query) * scale, grad_value


widened = _Widened.apply
