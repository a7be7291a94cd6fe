"""The heads of `head` with float32 products, some rows at a time: no logits of a whole batch.

A chunk of rows goes from logits to gradients while it is in the cache, already in the forward pass.
Values are rounded where `head` rounds them, and by the same kernels; only the sums over all rows
are taken chunk by chunk, in float32 (docs/numerics.md, 10).
"""

import functools

import torch

aten = torch.ops.aten

CHUNK_BYTES = 2**24  # of float32 logits; measured: docs/performance.md
MEAN, IGNORED = 1, -100  # torch's numbers for this reduction, and for what counts for nothing


def _head(
    softmax: torch.dtype | None, hidden: torch.Tensor, tied: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `head` describes; log-probabilities are of the type `softmax`, or of the logits' own."""
    device = hidden.device.type
    if torch.is_autocast_enabled(device):  # products of narrow factors, and softmax in float32
        hidden, tied = (x.to(torch.get_autocast_dtype(device)) for x in (hidden, tied))
        softmax = torch.float32
    rows = hidden[:, : targets.shape[1]].reshape(-1, hidden.shape[-1])  # (N, D)
    with torch.autocast(device, enabled=False):
        last = hidden.detach()[:1, -1]  # (1, D)
        sample = (last.float() @ tied.detach().float().T).to(tied.dtype)[0]  # (V,)
        loss = _CrossEntropy.apply(rows, tied, targets.reshape(-1), softmax or tied.dtype)
    return loss, sample


class _CrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of rows (N, D) with the tied matrix (V, D), and both gradients at once."""

    @staticmethod
    def forward(ctx, rows, tied, targets, softmax):
        n, vocab = len(rows), len(tied)
        chunk = min(n, max(1, CHUNK_BYTES // (4 * vocab)))
        of_targets = rows.new_zeros(n, 1, dtype=softmax)  # log-probabilities
        of_target = _gradient_of_mean(of_targets)
        wide_rows, wide_tied = rows.float(), tied.float()
        grad_rows, grad_tied = torch.empty_like(wide_rows), torch.zeros_like(wide_tied)
        logits = wide_rows.new_empty(chunk, vocab)
        rounded = rows.new_empty(chunk, vocab)
        log_p, grad, one_hot = (rows.new_zeros(chunk, vocab, dtype=softmax) for _ in range(3))
        for start in range(0, n, chunk):
            part = slice(start, min(start + chunk, n))
            k = part.stop - part.start
            at_targets = torch.arange(k, device=rows.device), targets[part]
            torch.mm(wide_rows[part], wide_tied.T, out=logits[:k])
            rounded.copy_(logits)
            x = _as(softmax, rounded, logits)[:k]
            aten._log_softmax.out(x, 1, False, out=log_p[:k])
            of_targets[part, 0] = log_p[at_targets]
            one_hot[at_targets] = of_target
            aten._log_softmax_backward_data.out(one_hot[:k], log_p[:k], 1, softmax, out=grad[:k])
            one_hot[at_targets] = 0
            rounded.copy_(grad)
            logits.copy_(rounded)  # their gradient, from here on
            torch.mm(logits[:k], wide_tied, out=grad_rows[part])
            grad_tied.addmm_(logits[:k].T, wide_rows[part])
        ctx.save_for_backward(grad_rows.to(rows.dtype), grad_tied.to(tied.dtype))
        return torch.nn.functional.nll_loss(of_targets, torch.zeros_like(targets))

    @staticmethod
    def backward(ctx, grad_output):
        # By one, as in training, unless somebody scales the loss: that rounds once more.
        grads = ctx.saved_tensors
        if grad_output != 1:
            grads = (grad * grad_output.to(grad.dtype) for grad in grads)
        return *grads, None, None


def _as(dtype: torch.dtype, rounded: torch.Tensor, wide: torch.Tensor) -> torch.Tensor:
    """The rounded values in this type; those of the wider one overwrite `wide`."""
    return rounded if dtype == rounded.dtype else wide.copy_(rounded)


def _gradient_of_mean(of_targets: torch.Tensor) -> torch.Tensor:
    """What torch's own mean over (N, 1) log-probabilities hands back to each of them: ()."""
    first = torch.zeros(len(of_targets), dtype=torch.int64, device=of_targets.device)
    loss, weight = aten.nll_loss_forward(of_targets, first, None, MEAN, IGNORED)
    one = torch.ones_like(loss)
    grads = aten.nll_loss_backward(one, of_targets[:1], first[:1], None, MEAN, IGNORED, weight)
    return grads[0, 0]


HEADS = {
    "plain": functools.partial(_head, None),
    "hf": functools.partial(_head, torch.float32),
}
