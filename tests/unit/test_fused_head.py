"""The fused head: bits of any number of threads, awkward shapes, other types."""

import pytest
import torch

from deadtokens.training import chunked_head, fused_head, kernels

needs_kernel = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))

HEADS = fused_head.fused, chunked_head.native


def gradients(head, rows, width, vocab):
    torch.manual_seed(0)
    hidden = torch.randn(1, rows, width).bfloat16().requires_grad_()
    tied = (torch.randn(vocab, width) * 0.1).bfloat16().requires_grad_()
    loss, _ = head(hidden, tied, torch.randint(vocab, (1, rows)))
    loss.backward()
    return loss.detach(), hidden.grad, tied.grad


@needs_kernel
@pytest.mark.parametrize("name", fused_head.fused)
def test_bits_do_not_depend_on_the_number_of_threads(threads, name):
    found = []
    for count in (1, 2, 3):
        threads(count)
        found.append(gradients(fused_head.fused[name], rows=200, width=64, vocab=50_257))
    for others in found[1:]:
        assert all(map(torch.equal, found[0], others))


@needs_kernel
@pytest.mark.parametrize("name", fused_head.fused)
# Tiles are 24 rows, blocks 48 columns, widths 64; at 50,257 entries a chunk is 144 rows.
@pytest.mark.parametrize(
    ("rows", "width", "vocab"),
    [(1, 2, 2), (23, 7, 47), (25, 65, 49), (48, 64, 96), (300, 130, 777), (150, 64, 50_257)],
)
def test_any_shape_gives_the_gradients_of_the_head_by_chunks(name, rows, width, vocab):
    ours = gradients(fused_head.fused[name], rows, width, vocab)
    theirs = gradients(chunked_head.native[name], rows, width, vocab)
    assert ours[0].item() == pytest.approx(theirs[0].item(), rel=2**-7 if name == "plain" else 1e-5)
    for grad, expected in zip(ours[1:], theirs[1:], strict=True):
        # Other sums, rounded elsewhere now and then: by a cell, 0.008 of a value at most.
        assert (grad - expected).norm() <= 0.002 * expected.norm()


@needs_kernel
def test_another_type_is_no_business_of_the_kernel():
    with pytest.raises(TypeError, match=r"bfloat16, not torch\.float32"):
        fused_head.fused["hf"](torch.randn(1, 3, 8), torch.randn(5, 8), torch.zeros(1, 2).long())


@needs_kernel
def test_a_loss_has_the_precision_of_float32():
    """One logit of zero and many of -d: the loss is log(1 + (V - 1) e^-d), whatever e^-d is."""
    vocab = 97
    tied = torch.full((vocab, 2), -1.0).bfloat16()
    tied[0] = 0
    for d in torch.linspace(0.01, 10, 300).bfloat16():
        hidden = torch.stack([d, d - d]).view(1, 1, 2)
        loss, _ = fused_head.fused["hf"](hidden, tied, torch.zeros(1, 1).long())
        expected = torch.log1p((vocab - 1) * torch.exp(-d.double()))
        assert loss.item() == pytest.approx(expected.item(), abs=4e-7)


@needs_kernel
@pytest.mark.parametrize("name", fused_head.fused)
def test_padding_is_never_the_largest_logit(name):
    """Columns are padded to 48 with logits of zero, and these are far below that."""
    torch.manual_seed(0)
    hidden = (200 + torch.rand(1, 30, 8)).bfloat16().requires_grad_()
    tied = (-1 - torch.rand(50, 8) / 100).bfloat16().requires_grad_()
    targets = torch.randint(50, (1, 30))
    losses = [heads[name](hidden, tied, targets)[0].item() for heads in HEADS]
    assert losses[0] == pytest.approx(losses[1], rel=2**-7)
