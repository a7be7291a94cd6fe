"""GPT-2's GELU and its backward pass in one kernel each, bit for bit as transformers computes it.

Transformers takes it apart into eight operations, and each of them reads, rounds and writes every
value. There are 65,536 bfloat16 values, so results are looked up in a table that the same
operations made; backward the kernel (`fused_gelu.cpp`) takes all of them in a register.
"""

import ctypes
import functools
import math
from collections.abc import Callable

import torch

from deadtokens.training import kernels
from deadtokens.training.kernels import COUNT, POINTER


def gelu_new(theirs: Callable, x: torch.Tensor) -> torch.Tensor:
    """Stands in for `transformers.activations.NewGELUActivation`, which is `theirs`.

    x of any shape; what is not bfloat16 is left to it.
    """
    return _NewGELU.apply(x) if x.dtype == torch.bfloat16 else theirs(x)


class _NewGELU(torch.autograd.Function):
    """0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), rounded after every operation."""

    @staticmethod
    def forward(ctx, x):
        x = x.contiguous()
        ctx.save_for_backward(x)
        results, _ = _tables()
        out = torch.empty_like(x)
        look_up = kernels.function("look_up", POINTER, POINTER, COUNT, ctypes.c_int, POINTER)
        _call(look_up, x, results, out)
        return out

    @staticmethod
    def backward(ctx, grad_out):
        (x,) = ctx.saved_tensors
        _, tanhs = _tables()
        grad = torch.empty_like(x)
        backward = kernels.function(
            "gelu_new_backward", POINTER, POINTER, POINTER, COUNT, ctypes.c_int, POINTER
        )
        _call(backward, x, grad_out.contiguous(), tanhs, grad)
        return grad


def _call(kernel, *tensors):
    *inputs, result = (tensor.data_ptr() for tensor in tensors)
    kernel(*inputs, tensors[0].numel(), torch.get_num_threads(), result)


@functools.cache
def _tables() -> tuple[torch.Tensor, torch.Tensor]:
    """The result of every bfloat16 by its bits, and the tanh in it: (65536,) each."""
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).roll(2**15).view(torch.bfloat16)
    with torch.autocast("cpu", enabled=False):
        inner = math.sqrt(2 / math.pi) * (every + 0.044715 * torch.pow(every, 3.0))
        tanhs = torch.tanh(inner)
        return 0.5 * every * (1.0 + tanhs), tanhs
