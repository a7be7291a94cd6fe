"""Our kernels against their definition in plain PyTorch: every bit, but for the sign of zeros."""

from functools import partial

import hugging_face
import pytest
import tiny_run
import torch
from safetensors.torch import load_file

from deadtokens.training import (
    chunked_head,
    fused_attention,
    fused_head,
    kernels,
    matmul,
    plain_kernels,
)

pytestmark = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))
PLAIN_HEADS = chunked_head.heads(plain_kernels.CrossEntropy.apply)


def results(function, *inputs, grad=None):
    """What a function of bfloat16 tensors gives, and its gradients."""
    factors = [x.detach().requires_grad_() for x in inputs]
    out = function(*factors)
    out.backward(grad)
    return [out.detach(), *(x.grad for x in factors)]


@pytest.mark.parametrize("large", [1, 30])  # and with most probabilities below the smallest
@pytest.mark.parametrize("small", [1, 2**-60, 2**-115])  # of gradients: sums become subnormal
@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (1, 2, 12, 8), (2, 3, 37, 16), (1, 1, 130, 65)])
def test_attention(shape, small, large):
    B, H, L, E = shape
    torch.manual_seed(0)
    tensors = (torch.randn(B, L, H, E).bfloat16().transpose(1, 2) for _ in range(4))
    query, key, value, grad = tensors
    ours, plain = (
        results(attend, query * large, key, value, grad=grad * small)
        for attend in (
            lambda *x: fused_attention.attend(*x, True, None),
            plain_kernels.KERNELS.attend,
        )
    )
    assert ours[3].any()
    assert [torch.equal(*pair) for pair in zip(ours, plain, strict=True)] == [True] * 4


@pytest.mark.parametrize("large", [0.1, 10.0])
@pytest.mark.parametrize("name", fused_head.fused)
# Tiles are 24 rows, blocks 48 columns, widths 64.
@pytest.mark.parametrize(
    ("rows", "width", "vocab"),
    [(1, 2, 2), (23, 7, 47), (25, 65, 49), (48, 64, 96), (300, 130, 777)],
)
def test_head(name, rows, width, vocab, large):
    torch.manual_seed(0)
    hidden = torch.randn(1, rows, width).bfloat16()
    tied = (torch.randn(vocab, width) * large).bfloat16()
    targets = torch.randint(vocab, (1, rows))
    ours, plain = (
        results(partial(lambda head, *x: head(*x, targets)[0], kinds[name]), hidden, tied)
        for kinds in (fused_head.fused, PLAIN_HEADS)
    )
    assert ours[2].any()
    assert [torch.equal(*pair) for pair in zip(ours, plain, strict=True)] == [True] * 3


def test_exponential_errs_by_the_rounding_of_float32_alone():
    x = -torch.linspace(0, 87, 200_001)
    exact = x.double().exp()
    assert ((plain_kernels.exponential(x) - exact).abs() / exact).max() < 2**-23
    assert ((plain_kernels.rough_exponential(x) - exact).abs() / exact).max() < 1.3e-4


def attend_plainly(query, key, value, is_causal, scale):
    assert is_causal
    assert scale in (None, query.shape[-1] ** -0.5)
    return plain_kernels.KERNELS.attend(query, key, value)


@pytest.mark.parametrize(
    "changes", [hugging_face.THIMBLE_7, hugging_face.WORDYBIRD_1], ids=["thimble", "wordybird"]
)
def test_whole_runs_of_gpt2(tmp_path, monkeypatch, changes, threads):
    """With the plain definitions in the kernels' place, and GPT-2's GELU left to transformers."""
    threads(1)
    tiny_run.make_inputs(tmp_path)
    plainly = partial(matmul.own_operations, attend_plainly)
    monkeypatch.setitem(matmul.BACKENDS, "plain", matmul.Backend(plainly, PLAIN_HEADS))
    found = {}
    for way in ("fused", "plain", "bfloat16"):
        tiny_run.train(tmp_path, tiny_run.settings(**changes | {"matmul_backend": way}))
        found[way] = load_file(tmp_path / "trajectory.safetensors")
    for name, ours in found["fused"].items():
        plain = found["plain"][name]
        assert torch.equal(*(x.flatten().view(torch.uint8) for x in (ours, plain))), name
    # Another order of the same sums is seen, so equality says something.
    gradient = next(name for name in found["fused"] if name.startswith("grad"))
    assert not torch.equal(found["fused"][gradient], found["bfloat16"][gradient])
