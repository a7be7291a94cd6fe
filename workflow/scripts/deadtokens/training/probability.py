"""The probability that a model gives each token: p_dead of those that are never a target."""

import torch

CHUNK_BYTES = 2**24  # of float32 logits: some rows, which then are still in a cache


@torch.no_grad()
def mean(hidden: torch.Tensor, W: torch.Tensor, positions: int) -> torch.Tensor:
    """Each token's probability, the mean over the first `positions` of every example: (V,) float32.

    hidden (B, L, D), W (V, D), in the run's precision. Logits are rounded to it, as those of the
    published loop; softmax and mean are float32. The gradient of a token that is no target is this
    times a mean of the hidden states, weighted by the token's probability there.
    """
    rows = hidden[:, :positions].reshape(-1, hidden.shape[-1]).float()
    columns = W.float().T
    total = torch.zeros(len(W), device=W.device)
    for part in rows.split(max(1, CHUNK_BYTES // (4 * len(W)))):
        logits = (part @ columns).to(W.dtype)
        total += torch.softmax(logits.float(), dim=1).sum(dim=0)
    return total / len(rows)
