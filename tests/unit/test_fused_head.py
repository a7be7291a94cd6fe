"""The fused head: bits of any number of threads, awkward shapes, other types."""

import pytest
import torch

from deadtokens.training import chunked_head, fused_head, kernels

needs_kernel = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))


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
