"""From hidden states to the loss, by way of the tied matrix: the dearest part of a step.

Every head takes the same arguments, so that a faster one can stand beside the plain one.
"""

import torch
from torch import nn


def plain(hidden: torch.Tensor, tied: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy with the operations of the published loop, one by one.

    hidden (B, L, D) and tied (V, D) in the run's precision; targets (B, n) of int64, where the
    position i < n predicts targets[:, i] and the positions from n on predict nothing. The logits
    of all L positions are made, and cut afterwards: so were they in the notebooks, and where values
    are rounded is physics (docs/numerics.md, 6).
    """
    logits = (hidden @ tied.T)[:, : targets.shape[1], :].contiguous()  # (B, n, V)
    return nn.functional.cross_entropy(logits.view(-1, tied.shape[0]), targets.reshape(-1))


HEADS = {"plain": plain}
