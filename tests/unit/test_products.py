"""Widened products against float64, and against what PyTorch does in their place."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from deadtokens.errors import UserError
from deadtokens.training import attention, fused_head, machine, products

CPU = torch.device("cpu")
aten = torch.ops.aten


def bfloat16(*shape):
    return torch.randn(shape).bfloat16()


@pytest.mark.parametrize(
    ("operation", "factors"),
    [
        (torch.mm, [(40, 300), (300, 70)]),
        (torch.bmm, [(3, 40, 300), (3, 300, 70)]),
        (torch.addmm, [(70,), (40, 300), (300, 70)]),
        (torch.nn.functional.linear, [(5, 40, 300), (70, 300), (70,)]),
    ],
)
def test_a_widened_product_is_the_exact_one_rounded_once(operation, factors):
    torch.manual_seed(0)
    factors = [bfloat16(*shape) for shape in factors]
    exact = operation(*(factor.double() for factor in factors))
    with products.WidenedProducts():
        found = operation(*factors)
    assert found.dtype == torch.bfloat16
    # Where the float32 sum, which errs by less than 1e-4 here, does not lie between two values.
    half_a_cell = torch.exp2(torch.floor(torch.log2(exact.abs())) - 8)
    assert ((found.double() - exact).abs() <= half_a_cell + 1e-4).all()
    assert (found == exact.bfloat16()).float().mean() > 0.99


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_of_other_types_stay_as_they_are(dtype):
    torch.manual_seed(0)
    left, right = torch.randn(20, 30, dtype=dtype), torch.randn(30, 20, dtype=dtype)
    with products.WidenedProducts():
        found = left @ right
    assert torch.equal(found, left @ right)


@pytest.mark.parametrize(
    ("scores_bytes", "masked", "scale"),
    [(2**22, False, None), (1, False, 0.3), (1, True, None), (4 * 2 * 37 * 37 * 2, True, None)],
)
def test_attention_backward_against_float64_and_against_the_kernel(
    monkeypatch, scores_bytes, masked, scale
):
    """Scores are rounded where the kernel rounds them, so most gradients of queries are its own."""
    monkeypatch.setattr(attention, "SCORES_BYTES", scores_bytes)
    torch.manual_seed(0)
    B, H, L, E = 5, 2, 37, 16
    query, key, value, grad_out = (bfloat16(B, L, H, E).transpose(1, 2) for _ in range(4))
    mask = torch.full((1, 1, L, L), -torch.inf).triu(1).bfloat16() if masked else None
    options = {"attn_mask": mask, "scale": scale}
    out, logsumexp = aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, not masked, **options
    )
    arguments = (grad_out, query, key, value, out, logsumexp, 0.0, not masked)
    kernel = aten._scaled_dot_product_flash_attention_for_cpu_backward(*arguments, **options)
    found = attention.flash_backward(*arguments, **options)
    exact = [tensor.double().requires_grad_() for tensor in (query, key, value)]
    exact_mask = None if mask is None else mask.double()
    scaled_dot_product_attention(
        *exact, attn_mask=exact_mask, is_causal=not masked, scale=scale
    ).backward(grad_out.double())
    for ours, theirs, truth in zip(found, kernel, exact, strict=True):
        assert ours.dtype == torch.bfloat16
        assert ours.shape == theirs.shape
        error, its_error = ((x.double() - truth.grad).norm() for x in (ours, theirs))
        assert error < 1.01 * its_error
        assert error < 0.005 * truth.grad.norm()  # a cell of bfloat16 is 0.004 to 0.008 of a value
    assert (found[0] == kernel[0]).float().mean() > 0.98


@pytest.mark.parametrize(
    ("has_them", "missing", "expected"),
    [
        (True, None, "fused"),
        (True, "no compiler", "bfloat16"),
        (False, None, "float32"),
        (False, "no compiler", "float32"),
    ],
)
def test_auto_takes_what_the_processor_is_fast_at(monkeypatch, has_them, missing, expected):
    monkeypatch.setattr(machine, "multiplies_bfloat16", lambda: has_them)
    monkeypatch.setattr(fused_head, "missing", lambda: missing)
    assert products.named("auto", CPU) is products.PRODUCTS[expected]
    assert products.named("auto", torch.device("cuda")) is products.PRODUCTS["native"]
    with pytest.raises(UserError, match=r"products: unknown name 'float23'.*'float32' meant"):
        products.named("float23", CPU)
