"""The plain head against the lines of the notebook, bit for bit, loss and gradients."""

import pytest
import torch
from torch import nn

from deadtokens.training.head import plain


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("offset", [1, 2])
def test_loss_and_gradients_are_those_of_the_notebook(dtype, offset):
    torch.manual_seed(0)
    ids = torch.randint(40, (3, 9))  # ids 40 to 99 are dead
    results = []
    hidden = torch.randn(3, 9, 16).to(dtype)
    tied = (torch.randn(100, 16) * 0.02).to(dtype)
    for head in (plain, published):
        h, W = hidden.clone().requires_grad_(), tied.clone().requires_grad_()
        targets = ids[:, offset:]
        loss = head(h, W, targets)
        loss.backward()
        results.append((loss.detach(), h.grad, W.grad))
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype == dtype
        assert torch.equal(ours, theirs)
    assert results[0][2][40:].count_nonzero() > 0  # dead rows are pushed too
    assert results[0][1][:, -offset:].count_nonzero() == 0  # the last positions predict nothing


def published(hidden, W, targets):
    logits = hidden @ W.T
    shift_logits = logits[:, : targets.shape[1], :].contiguous()
    shift_labels = targets.contiguous()
    return nn.CrossEntropyLoss()(shift_logits.view(-1, W.shape[0]), shift_labels.view(-1))
