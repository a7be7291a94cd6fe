"""From hidden states to the loss, by way of the matrix W: the most expensive part of a step.

Every head takes the same arguments: hidden (B, L, D) and W (V, D) in the run's precision, and
targets (B, n) of int64, where the position i < n predicts targets[:, i] and the positions from n on
predict nothing. It gives the loss, and as a sample the logits (V,) of the last position of the
first example.
"""

import torch
from torch import nn


def plain(
    hidden: torch.Tensor, W: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross-entropy with the operations of the published loop, one by one.

    The logits of all L positions are made, and cut afterwards: so were they in the notebooks, and
    where values are rounded is physics (docs/numerics.md, 6).
    """
    all_logits = hidden @ W.T  # (B, L, V)
    logits = all_logits[:, : targets.shape[1], :].contiguous()  # (B, n, V)
    loss = nn.functional.cross_entropy(logits.view(-1, W.shape[0]), targets.reshape(-1))
    return loss, _sample(all_logits)


def hf(
    hidden: torch.Tensor, W: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross-entropy as the causal language models of transformers compute it.

    Logits are rounded to the run's precision and then widened to float32, so that log-probabilities
    and their gradient are float32 (`ForCausalLMLoss`); the logits' gradient is rounded back.
    Positions that predict nothing stay in, marked to be ignored. Bit-identical to transformers,
    in a third of its memory.
    """
    all_logits = nn.functional.linear(hidden, W)  # (B, L, V)
    sample = _sample(all_logits)
    unused = hidden.shape[1] - targets.shape[1]
    targets = nn.functional.pad(targets, (0, unused), value=IGNORED)  # (B, L)
    logits = all_logits.view(-1, W.shape[0])
    return _WidenedCrossEntropy.apply(logits, targets.reshape(-1)), sample


def float32(
    hidden: torch.Tensor, W: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross-entropy with nothing rounded between hidden states and their gradients.

    Logits, log-probabilities and the logits' gradient, which the published loop rounds to bfloat16
    (docs/numerics.md, 6), stay float32; the gradients of hidden states and W are rounded.
    """
    all_logits = hidden.float() @ W.float().T  # (B, L, V)
    logits = all_logits[:, : targets.shape[1], :].contiguous()  # (B, n, V)
    loss = nn.functional.cross_entropy(logits.view(-1, W.shape[0]), targets.reshape(-1))
    return loss, _sample(all_logits).to(W.dtype)


IGNORED = -100
MEAN = 1  # torch's number for this kind of reduction
CHUNK_BYTES = 2**24  # of widened logits: some rows, which then are still in a cache


class _WidenedCrossEntropy(torch.autograd.Function):
    """Cross-entropy of float32 copies of the logits, made some rows at a time.

    Rows know nothing of each other until the mean is taken, so the kernels that torch would run on
    the whole give the same bits on a part. The logits' buffer is overwritten with their gradient:
    it is the largest tensor of a step, and nobody needs the logits any more.
    """

    @staticmethod
    def forward(ctx, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        used = targets != IGNORED
        count = used.sum().float()
        one = torch.ones((), device=logits.device)
        of_targets = torch.zeros(len(targets), 1, device=logits.device)  # log-probabilities
        rows = max(1, CHUNK_BYTES // (4 * logits.shape[1]))
        for start in range(0, len(targets), rows):
            part = slice(start, start + rows)
            chunk, places = logits[part], targets[part]
            log_p = torch.log_softmax(chunk.float(), dim=1)
            of_targets[part] = log_p.gather(1, places.clamp(min=0)[:, None])
            grad = torch.ops.aten.nll_loss_backward(one, log_p, places, None, MEAN, IGNORED, count)
            chunk.copy_(torch.ops.aten._log_softmax_backward_data(grad, log_p, 1, torch.float32))
        ctx.save_for_backward(logits)
        # As many rows as before, so the mean sums in the same order, but of one column.
        return nn.functional.nll_loss(of_targets, torch.where(used, 0, IGNORED))

    @staticmethod
    def backward(ctx, grad_output: torch.Tensor) -> tuple[torch.Tensor, None]:
        (grad,) = ctx.saved_tensors
        # By one, as in training, unless somebody scales the loss: that rounds once more.
        return (grad if grad_output == 1 else grad * grad_output.to(grad.dtype)), None


def _sample(logits: torch.Tensor) -> torch.Tensor:
    return logits.detach()[0, -1].clone()


HEADS = {"plain": plain, "hf": hf, "float32": float32}
