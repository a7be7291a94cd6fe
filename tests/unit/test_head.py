"""Every head against the lines that it stands for, bit for bit: loss, gradients, sample."""

import pytest
import torch
from torch import nn
from transformers.loss.loss_utils import ForCausalLMLoss

from deadtokens.training import chunked_head, fused_head, kernels
from deadtokens.training import head as heads
from deadtokens.training.head import plain

CHUNKED = [
    chunked_head.native,
    chunked_head.widened,
    pytest.param(
        fused_head.fused,
        marks=pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing())),
    ),
]


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
        loss, sample = head(h, W, targets)
        loss.backward()
        results.append((loss.detach(), h.grad, W.grad, sample.detach()))
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype == dtype
        assert torch.equal(ours, theirs)
    assert results[0][2][40:].count_nonzero() > 0  # dead rows are pushed too
    assert results[0][1][:, -offset:].count_nonzero() == 0  # the last positions predict nothing


def published(hidden, W, targets):
    logits = hidden @ W.T
    shift_logits = logits[:, : targets.shape[1], :].contiguous()
    shift_labels = targets.contiguous()
    loss = nn.CrossEntropyLoss()(shift_logits.view(-1, W.shape[0]), shift_labels.view(-1))
    return loss, logits[0, -1]


@pytest.mark.parametrize("chunk_bytes", [1, 4 * 5003 * 7, 2**24])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(
    ("dtype", "offset"), [(torch.bfloat16, 2), (torch.bfloat16, 3), (torch.float32, 2)]
)
def test_hf_is_the_loss_of_transformers_to_the_bit(
    monkeypatch, dtype, offset, autocast, threads, chunk_bytes
):
    """However few rows are taken at a time, and though the last positions are ignored there."""
    monkeypatch.setattr(heads, "CHUNK_BYTES", chunk_bytes)
    torch.manual_seed(0)
    V = 5003
    ids = torch.randint(2000, (3, 18))  # the others are dead
    hidden, tied = torch.randn(3, 17, 16).to(dtype), (torch.randn(V, 16) * 0.3).to(dtype)

    def published(h, W, targets):
        logits = nn.functional.linear(h, W)
        labels = nn.functional.pad(targets, (1, 16 - targets.shape[1]), value=-100)
        return ForCausalLMLoss(logits, labels, V), logits[0, -1].clone()

    results, before = [], torch.get_num_threads()
    torch.set_num_threads(threads)
    for head in (heads.hf, published):
        h, W = hidden.clone().requires_grad_(), tied.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss, sample = head(h, W, ids[:, offset:])
        loss.backward()
        results.append((loss.detach(), h.grad, W.grad, sample.detach()))
    torch.set_num_threads(before)
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)
    assert results[0][0].dtype == torch.float32
    assert results[0][2][2000:].count_nonzero() > 0
    assert results[0][1][:, 18 - offset :].count_nonzero() == 0


def test_hf_scales_its_gradient_with_the_loss():
    hidden, tied = torch.randn(2, 3, 8), torch.randn(11, 8)
    grads = []
    for factor in (1, 3):
        W = tied.clone().requires_grad_()
        (heads.hf(hidden, W, torch.tensor([[1], [2]]))[0] * factor).backward()
        grads.append(W.grad)
    torch.testing.assert_close(grads[1], grads[0] * 3)


def in_float64(hidden, W, targets, softmax):
    """Gradients with the published rounding points, and sums that are as good as exact."""
    rows = hidden[:, : targets.shape[1]].reshape(-1, hidden.shape[-1]).double()
    logits = (rows @ W.double().T).to(torch.bfloat16)
    log_p = logits.double().log_softmax(1).to(softmax)
    one_hot = nn.functional.one_hot(targets.reshape(-1), len(W))
    mean = torch.tensor(1 / len(rows)).to(softmax).double()
    grad = ((log_p.double().exp() - one_hot) * mean).to(softmax).to(torch.bfloat16).double()
    return grad @ W.double(), grad.T @ rows


@pytest.mark.parametrize("chunked", CHUNKED)
@pytest.mark.parametrize("chunk_bytes", [1, 4 * 3001 * 70, 2**24])
@pytest.mark.parametrize(("name", "softmax"), [("plain", torch.bfloat16), ("hf", torch.float32)])
@pytest.mark.parametrize("offset", [1, 2])
def test_a_chunked_head_pushes_dead_rows_as_exactly_as_the_whole_one(
    monkeypatch, name, softmax, offset, chunk_bytes, chunked
):
    """Its gradients err no more than those of the published operations, row by row."""
    monkeypatch.setattr(chunked_head, "CHUNK_BYTES", chunk_bytes)
    torch.manual_seed(0)
    V, live = 3001, 1000
    ids = torch.randint(live, (4, 64))
    hidden, tied = torch.randn(4, 64, 32).bfloat16(), (torch.randn(V, 32) * 0.02).bfloat16()
    results = []
    for head in (chunked[name], heads.HEADS[name]):
        h, W = hidden.clone().requires_grad_(), tied.clone().requires_grad_()
        loss, sample = head(h, W, ids[:, offset:])
        loss.backward()
        results.append((loss.detach(), sample, h.grad[:, :-offset].flatten(0, 1), W.grad))
    (loss, sample, *grads), (whole_loss, whole_sample, *whole_grads) = results
    assert loss.dtype == whole_loss.dtype
    assert sample.dtype == whole_sample.dtype
    assert loss.item() == pytest.approx(whole_loss.item(), rel=2**-8 if name == "plain" else 1e-4)
    assert (sample == whole_sample).float().mean() > 0.99
    truth = in_float64(hidden, tied, ids[:, offset:], softmax)
    for ours, theirs, exact in zip(grads, whole_grads, truth, strict=True):
        assert ours.dtype == torch.bfloat16
        for rows in (slice(None), slice(live, None)) if len(exact) == V else (slice(None),):
            error, its_error = ((x[rows].double() - exact[rows]).norm() for x in (ours, theirs))
            assert error < 1.02 * its_error
            # Other sums, rounded elsewhere now and then; a softmax in float32 differs by 0.017.
            assert (ours[rows] - theirs[rows]).norm() < 0.001 * theirs[rows].norm()


@pytest.mark.parametrize("chunked", CHUNKED)
def test_a_chunked_head_scales_its_gradient_with_the_loss(chunked):
    hidden, tied = torch.randn(2, 3, 8).bfloat16(), torch.randn(11, 8).bfloat16()
    grads = []
    for factor in (1, 3):
        W = tied.clone().requires_grad_()
        (chunked["hf"](hidden, W, torch.tensor([[1], [2]]))[0] * factor).backward()
        grads.append(W.grad)
    torch.testing.assert_close(grads[1], grads[0] * 3)
