"""Widened products against float64, and against what PyTorch does in their place."""

import pytest
import torch

from deadtokens.errors import UserError
from deadtokens.training import kernels, machine, matmul

CPU = torch.device("cpu")


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
    with matmul.WidenedProducts():
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
    with matmul.WidenedProducts():
        found = left @ right
    assert torch.equal(found, left @ right)


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
    monkeypatch.setattr(kernels, "missing", lambda: missing)
    assert matmul.named("auto", CPU) is matmul.BACKENDS[expected]
    assert matmul.named("auto", torch.device("cuda")) is matmul.BACKENDS["native"]
    assert (missing or "processor") in matmul.chosen("auto", CPU).reason or not has_them
    assert matmul.chosen("auto", torch.device("cuda")).reason.startswith("auto: cuda")
    with pytest.raises(UserError, match=r"matmul_backend: unknown name 'float23'.*'float32' meant"):
        matmul.named("float23", CPU)


def test_what_is_asked_for_by_name_is_taken_or_refused(monkeypatch):
    for name in set(matmul.BACKENDS) - {"fused"}:
        assert matmul.chosen(name, CPU) == matmul.Chosen(name, "as asked for")
    monkeypatch.setattr(kernels, "missing", lambda: "fused needs what is not here.")
    with pytest.raises(UserError, match="matmul_backend: fused needs what is not here"):
        matmul.chosen("fused", CPU)
    monkeypatch.setattr(kernels, "missing", lambda: None)
    assert matmul.chosen("fused", CPU).name == "fused"
    with pytest.raises(UserError, match="fused computes on a CPU, and the device is cuda"):
        matmul.chosen("fused", torch.device("cuda"))
