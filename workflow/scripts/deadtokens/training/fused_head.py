"""The heads of `chunked_head`, each row from logits to gradients while it is in the cache.

The kernel is `fused_head.cpp` (see `kernels`). Values are rounded where `head` rounds them; the
order of the float32 sums is the kernel's own and does not depend on the number of threads.
"""

import ctypes

import torch

from deadtokens.training import chunked_head, kernels
from deadtokens.training.kernels import COUNT, POINTER


class _CrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of rows (N, D) with W (V, D), and both gradients at once."""

    @staticmethod
    def forward(ctx, rows, W, targets, softmax):
        if {rows.dtype, W.dtype} != {torch.bfloat16}:
            raise TypeError(f"the fused head takes bfloat16, not {rows.dtype} and {W.dtype}")
        rows, W, targets = (x.contiguous() for x in (rows, W, targets))
        of_targets = rows.new_empty(len(rows), 1, dtype=torch.float32)
        of_target = chunked_head.gradient_of_mean(of_targets.to(softmax))
        grads = torch.empty_like(rows), torch.empty_like(W)
        cross_entropy = kernels.function(
            *("cross_entropy", POINTER, POINTER, POINTER, COUNT, COUNT, COUNT, ctypes.c_int),
            *(ctypes.c_float, ctypes.c_bool, POINTER, POINTER, POINTER),
        )
        cross_entropy(
            *(x.data_ptr() for x in (rows, W, targets)),
            *(*rows.shape, len(W), torch.get_num_threads()),
            *(of_target.item(), softmax == torch.bfloat16),
            *(x.data_ptr() for x in (of_targets, *grads)),
        )
        ctx.save_for_backward(*grads)
        return torch.nn.functional.nll_loss(of_targets.to(softmax), torch.zeros_like(targets))

    @staticmethod
    def backward(ctx, grad_output):
        return *chunked_head.scaled(ctx.saved_tensors, grad_output), None, None


fused = chunked_head.heads(_CrossEntropy.apply)
