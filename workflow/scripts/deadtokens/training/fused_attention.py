"""Attention in one kernel, forward and backward, the scores of a few queries at a time.

The kernel is `fused_attention.cpp`. It rounds where torch's own for a CPU rounds; sums are taken in
an order of its own, which does not depend on the number of threads.
"""

import ctypes
import math

import torch

from deadtokens.training import kernels
from deadtokens.training.kernels import COUNT, POINTER


class _Tensor(ctypes.Structure):
    """(batch, head, row, width), of which the last is contiguous; strides in elements."""

    _fields_ = (("data", POINTER), ("strides", COUNT * 3))


class _Attention(torch.autograd.Function):
    """Of query (B, H, L, E), key and value (B, H, S, E), bfloat16: (B, H, L, E)."""

    @staticmethod
    def forward(ctx, query, key, value, is_causal, scale):
        query, key, value = (_rows_contiguous(x) for x in (query, key, value))
        scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        out = _like(query)
        logsumexp = query.new_empty(query.shape[:3], dtype=torch.float32)
        _call("attend", (query, key, value, out), logsumexp, scale, is_causal)
        ctx.save_for_backward(query, key, value, out, logsumexp)
        ctx.options = scale, is_causal
        return out

    @staticmethod
    def backward(ctx, grad_out):
        query, key, value, out, logsumexp = ctx.saved_tensors
        grads = _like(query), _like(key), _like(value)
        tensors = (query, key, value, out, _rows_contiguous(grad_out), *grads)
        _call("attend_backward", tensors, logsumexp, *ctx.options)
        return *grads, None, None


def _call(name, tensors, logsumexp, scale, is_causal):
    query, key = tensors[:2]
    kernel = kernels.function(
        *(name, ctypes.POINTER(_Tensor), POINTER, COUNT, COUNT, COUNT, COUNT, COUNT),
        *(ctypes.c_float, ctypes.c_bool, ctypes.c_int),
    )
    described = [_Tensor(x.data_ptr(), (COUNT * 3)(*x.stride()[:3])) for x in tensors]
    kernel(
        *((_Tensor * len(tensors))(*described), logsumexp.data_ptr()),
        *(*query.shape[:3], *key.shape[2:], scale, is_causal, torch.get_num_threads()),
    )


def _rows_contiguous(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _like(tensor: torch.Tensor) -> torch.Tensor:
    """Laid out as (B, L, H, E), as models expect it."""
    batch, heads, length, width = tensor.shape
    return tensor.new_empty(batch, length, heads, width).transpose(1, 2)


attend = _Attention.apply
