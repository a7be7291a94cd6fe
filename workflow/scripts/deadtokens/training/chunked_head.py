"""The heads of `head` some rows at a time: no float32 copy of the logits of a whole batch.

A chunk of rows goes from logits to gradients while it is in the cache, already in the forward pass.
Values are rounded where `head` rounds them, and by the same kernels; only the sums over all rows
are taken in another order (docs/numerics.md, 10). Two ways to multiply: with the processor's own
bfloat16 instructions, or widened to float32.
"""

import functools
from collections.abc import Callable, Iterable

import torch

aten = torch.ops.aten

CHUNK_BYTES = 2**24  # of float32 logits; measured: docs/performance.md
MEAN, IGNORED = 1, -100  # torch's numbers for this reduction, and for what counts for nothing


class Native:
    """Products of bfloat16 factors, which sum in float32 and round once.

    A sum over all rows must be a single product then, so the gradient of all logits is kept.
    """

    def __init__(self, rows: torch.Tensor, W: torch.Tensor, chunk: int):
        self.rows, self.W = rows, W
        self.kept = rows.new_empty(len(rows), len(W))  # logits, then their gradient
        self.grad_rows = torch.empty_like(rows)

    def logits(self, part: slice) -> torch.Tensor:
        """Logits (k, V) of a chunk of rows, in the precision of the rows."""
        return torch.mm(self.rows[part], self.W.T, out=self.kept[part])

    def take(self, part: slice, grad: torch.Tensor) -> None:
        """Take the gradient (k, V) of a chunk of logits, and round it."""
        torch.mm(self.kept[part].copy_(grad), self.W, out=self.grad_rows[part])

    def gradients(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients of rows (N, D) and of W (V, D), rounded once."""
        return self.grad_rows, self.kept.T @ self.rows


class Widened:
    """Products of float32 copies; sums over rows are kept in float32 from chunk to chunk."""

    def __init__(self, rows: torch.Tensor, W: torch.Tensor, chunk: int):
        self.rows, self.W = rows.float(), W.float()
        self.grad_rows = torch.empty_like(self.rows)
        self.grad_W = torch.zeros_like(self.W)
        self.wide = self.rows.new_empty(chunk, len(W))
        self.rounded = rows.new_empty(chunk, len(W))

    def logits(self, part: slice) -> torch.Tensor:
        """Logits (k, V) of a chunk of rows, rounded to the precision that the rows came in."""
        k = part.stop - part.start
        torch.mm(self.rows[part], self.W.T, out=self.wide[:k])
        return self.rounded[:k].copy_(self.wide[:k])

    def take(self, part: slice, grad: torch.Tensor) -> None:
        """Take the gradient (k, V) of a chunk of logits, and round it."""
        wide = self.wide[: len(grad)].copy_(self.rounded[: len(grad)].copy_(grad))
        torch.mm(wide, self.W, out=self.grad_rows[part])
        self.grad_W.addmm_(wide.T, self.rows[part])

    def gradients(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients of rows (N, D) and of W (V, D), rounded once."""
        dtype = self.rounded.dtype
        return self.grad_rows.to(dtype), self.grad_W.to(dtype)


class Unrounded(Widened):
    """Products of float32 copies, and logits and their gradient in float32 too."""

    def logits(self, part: slice) -> torch.Tensor:
        """Logits (k, V) of a chunk of rows, float32."""
        k = part.stop - part.start
        return torch.mm(self.rows[part], self.W.T, out=self.wide[:k])

    def take(self, part: slice, grad: torch.Tensor) -> None:
        """Take the gradient (k, V) of a chunk of logits."""
        torch.mm(grad, self.W, out=self.grad_rows[part])
        self.grad_W.addmm_(grad.T, self.rows[part])


def _head(
    cross_entropy: Callable,
    softmax: torch.dtype | None,
    hidden: torch.Tensor,
    W: torch.Tensor,
    targets: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `head` describes; log-probabilities are of the type `softmax`, or of the logits' own."""
    device = hidden.device.type
    if torch.is_autocast_enabled(device):  # products of narrow factors, and softmax in float32
        hidden, W = (x.to(torch.get_autocast_dtype(device)) for x in (hidden, W))
        softmax = torch.float32
    rows = hidden[:, : targets.shape[1]].reshape(-1, hidden.shape[-1])  # (N, D)
    with torch.autocast(device, enabled=False):
        last = hidden.detach()[:1, -1]  # (1, D)
        sample = (last.float() @ W.detach().float().T).to(W.dtype)[0]  # (V,)
        kind = softmax or W.dtype
        loss = cross_entropy(rows, W, targets.reshape(-1), kind)
    return loss, sample


class _CrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of rows (N, D) with W (V, D), and both gradients at once."""

    @staticmethod
    def forward(ctx, rows, W, targets, softmax, multiply):
        n, vocab = len(rows), len(W)
        chunk = min(n, max(1, CHUNK_BYTES // (4 * vocab)))
        products = multiply(rows, W, chunk)
        of_targets = rows.new_zeros(n, 1, dtype=softmax)  # log-probabilities
        of_target = gradient_of_mean(of_targets)
        log_p, grad, one_hot = (rows.new_zeros(chunk, vocab, dtype=softmax) for _ in range(3))
        for start in range(0, n, chunk):
            part = slice(start, min(start + chunk, n))
            k = part.stop - part.start
            at_targets = torch.arange(k, device=rows.device), targets[part]
            logits = products.logits(part)
            x = logits if logits.dtype == softmax else grad[:k].copy_(logits)
            aten._log_softmax.out(x, 1, False, out=log_p[:k])
            of_targets[part, 0] = log_p[at_targets]
            one_hot[at_targets] = of_target
            aten._log_softmax_backward_data.out(one_hot[:k], log_p[:k], 1, softmax, out=grad[:k])
            one_hot[at_targets] = 0
            products.take(part, grad[:k])
        ctx.save_for_backward(*products.gradients())
        return torch.nn.functional.nll_loss(of_targets, torch.zeros_like(targets))

    @staticmethod
    def backward(ctx, grad_output):
        return *scaled(ctx.saved_tensors, grad_output), None, None, None


def gradient_of_mean(of_targets: torch.Tensor) -> torch.Tensor:
    """What torch's own mean over (N, 1) log-probabilities hands back to each of them: ()."""
    first = torch.zeros(len(of_targets), dtype=torch.int64, device=of_targets.device)
    loss, weight = aten.nll_loss_forward(of_targets, first, None, MEAN, IGNORED)
    one = torch.ones_like(loss)
    grads = aten.nll_loss_backward(one, of_targets[:1], first[:1], None, MEAN, IGNORED, weight)
    return grads[0, 0]


def scaled(grads: Iterable[torch.Tensor], grad_output: torch.Tensor) -> Iterable[torch.Tensor]:
    """By one, as in training, unless somebody scales the loss: that rounds once more."""
    if grad_output == 1:
        return grads
    return (grad * grad_output.to(grad.dtype) for grad in grads)


def heads(cross_entropy: Callable) -> dict[str, Callable]:
    """The heads `plain` and `hf` by a function of rows, W, targets and softmax's type."""
    kinds = {"plain": None, "hf": torch.float32}
    return {name: functools.partial(_head, cross_entropy, kind) for name, kind in kinds.items()}


def _by(multiply: type[Native | Widened | Unrounded]) -> Callable:
    return lambda *arguments: _CrossEntropy.apply(*arguments, multiply)


unrounded = {"float32": functools.partial(_head, _by(Unrounded), torch.float32)}
native, widened = heads(_by(Native)), heads(_by(Widened)) | unrounded
