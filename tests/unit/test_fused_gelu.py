"""GPT-2's GELU in a kernel, against transformers' own, bit for bit."""

import pytest
import tiny_run
import torch
from transformers.activations import NewGELUActivation

from deadtokens.training import fused_gelu, kernels, matmul, models

pytestmark = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))
THEIRS = NewGELUActivation()
EVERY = torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.bfloat16)


def ours(x):
    return fused_gelu.gelu_new(THEIRS, x)


def through(gelu, x, grad_out):
    """The result and the gradient, as bits; one pattern for all that is no number."""
    x = x.detach().requires_grad_()
    out = gelu(x)
    out.backward(grad_out)
    return [torch.where(y.isnan(), torch.nan, y).view(torch.int16) for y in (out.detach(), x.grad)]


# Gradients of training are about 1e-5; products of subnormal ones must keep their last bits too.
@pytest.mark.parametrize("scale", [1, 1e-5, 1e-20, 1e-35, 1e-38, 1e-40, 1e30, torch.inf])
def test_every_value_has_the_bits_of_transformers(scale):
    torch.manual_seed(0)
    grad_out = (torch.randn(len(EVERY)) * scale).bfloat16()
    found, expected = (through(gelu, EVERY, grad_out) for gelu in (ours, THEIRS))
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("shape", [(1,), (3, 5, 7), (4, 256, 1024)], ids=str)
def test_any_shape_and_any_threads_have_them(threads, shape, autocast):
    torch.manual_seed(0)
    x, grad_out = (torch.randn(shape).bfloat16() for _ in range(2))
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        expected = through(THEIRS, x, grad_out)
        for count in (1, 3):
            threads(count)
            assert all(map(torch.equal, through(ours, x, grad_out), expected))
            if x.dim() > 1:
                turned = [y.mT.contiguous().mT for y in (x, grad_out)]
                assert all(map(torch.equal, through(ours, *turned), expected))


def test_another_type_is_left_to_transformers():
    x = torch.randn(7)
    assert torch.equal(ours(x), THEIRS(x))


def test_gpt2_takes_it_within_the_fused_products_and_nowhere_else(monkeypatch):
    settings = tiny_run.settings(
        model="gpt2", head="hf", examples="windows", target_offset=2, **tiny_run.THIMBLE
    )
    calls, call = [], fused_gelu._call
    monkeypatch.setattr(fused_gelu, "_call", lambda *a: calls.append(a) or call(*a))
    model = models.build(settings)
    ids = torch.zeros(2, settings.seq_len, dtype=torch.int64)
    for name in ("native", "bfloat16", "float32"):
        with matmul.BACKENDS[name].in_force():
            model(ids)
    assert not calls
    with matmul.BACKENDS["fused"].in_force():
        model(ids)
    assert len(calls) == settings.num_layers
    model(ids)
    assert len(calls) == settings.num_layers
