"""Attention by float32 products backward, and by a kernel of our own both ways."""

from functools import partial

import pytest
import tiny_run
import torch
from torch.nn.functional import scaled_dot_product_attention

from deadtokens.training import attention, fused_attention, kernels, matmul, models

aten = torch.ops.aten
needs_kernel = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))
OURS = {"widened": attention.widened, "fused": fused_attention.attend}
EACH = [
    pytest.param("widened"),
    pytest.param("fused", marks=needs_kernel),
]


def inputs(B=3, H=2, L=37, E=16, S=None):
    """Query, key, value and a gradient, laid out as models have them: (B, H, L, E)."""
    torch.manual_seed(0)
    lengths = (L, S or L, S or L, L)
    return [torch.randn(B, length, H, E).bfloat16().transpose(1, 2) for length in lengths]


def results(attend, query, key, value, grad_out):
    """What it gives, and the gradients of query, key and value."""
    factors = [x.detach().requires_grad_() for x in (query, key, value)]
    out = attend(*factors)
    out.backward(grad_out.to(out.dtype))
    return [out.detach(), *(x.grad for x in factors)]


@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("scale", [None, 0.3, 20.0])
@pytest.mark.parametrize(
    ("way", "L"), [("widened", 37), pytest.param("fused", 128, marks=needs_kernel)]
)
def test_forward_is_that_of_torch(way, L, is_causal, scale):
    factors = [x.requires_grad_() for x in inputs(L=L, E=32)[:3]]
    options = {"is_causal": is_causal, "scale": scale}
    found = attention.attend(OURS[way], scaled_dot_product_attention, *factors, **options)
    theirs = scaled_dot_product_attention(*factors, **options)
    assert found.grad_fn.name() != theirs.grad_fn.name()
    # The kernel has every bit where oneDNN sums as it does (seen on AMD Zen 5); a sum in another
    # order may be rounded to the other side.
    assert (found == theirs).float().mean() >= (1 if way == "widened" else 0.99)


@pytest.mark.parametrize("factor", [1, 30])  # and with most probabilities below the smallest
@pytest.mark.parametrize(
    ("sizes", "is_causal"),
    [
        ({"B": 1, "H": 1, "L": 1, "E": 3}, True),
        ({"L": 37, "E": 16}, False),
        ({"B": 2, "H": 3, "L": 200, "E": 40}, True),
        ({"L": 33, "S": 70, "E": 65}, False),
        ({"L": 70, "S": 33, "E": 7}, True),
    ],
    ids=str,
)
@needs_kernel
def test_any_shape_gives_what_torch_gives_and_errs_no_more(sizes, is_causal, factor):
    query, *others = inputs(**sizes)
    tensors = [query * factor, *others]
    torchs = partial(scaled_dot_product_attention, is_causal=is_causal)
    ours = results(lambda *x: fused_attention.attend(*x, is_causal, None), *tensors)
    theirs = results(torchs, *tensors)
    exact = results(torchs, *(x.double() for x in tensors))
    by_products = results(lambda *x: attention.widened(*x, is_causal, None), *tensors)
    for found, its, truth, close in zip(ours, theirs, exact, by_products, strict=True):
        assert found.dtype == torch.bfloat16
        assert found.shape == its.shape
        error, its_error = ((x.double() - truth).norm() for x in (found, its))
        assert error <= 1.03 * its_error
        # Torch takes the keys that are left over by another exponential, which moves 1e-4 of them.
        assert (found - close).norm() <= 0.002 * close.norm()


@needs_kernel
def test_bits_do_not_depend_on_the_number_of_threads(threads):
    found = []
    for count in (1, 2, 3):
        threads(count)
        tensors = inputs(B=5, L=70)
        found.append(results(lambda *x: fused_attention.attend(*x, True, None), *tensors))
    for others in found[1:]:
        assert all(map(torch.equal, found[0], others))


@needs_kernel
def test_rows_may_lie_anywhere_in_memory():
    tensors = inputs(L=40)
    turned = [x.mT.contiguous().mT for x in tensors]
    found = [
        results(lambda *x: fused_attention.attend(*x, True, 0.2), *x) for x in (tensors, turned)
    ]
    assert all(map(torch.equal, *found))


@pytest.mark.parametrize(
    ("scores_bytes", "masked", "scale"),
    [(2**22, False, None), (1, False, 0.3), (1, True, None), (4 * 2 * 37 * 37 * 2, True, None)],
)
def test_widened_backward_against_float64_and_against_the_kernel(
    monkeypatch, scores_bytes, masked, scale
):
    """Scores are rounded where the kernel rounds them, so most gradients of queries are its own."""
    monkeypatch.setattr(attention, "SCORES_BYTES", scores_bytes)
    L = 37
    query, key, value, grad_out = inputs(B=5, L=L)
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
    "unasked",
    [{"attn_mask": torch.zeros(37, 37).bfloat16()}, {"dropout_p": 0.5}, {"enable_gqa": True}],
    ids=lambda unasked: next(iter(unasked)),
)
def test_what_no_model_asks_for_is_left_to_torch(unasked):
    calls = []
    tensors = [torch.zeros(1, 2, 37, 16).bfloat16()] * 3
    attend = partial(attention.attend, None, lambda *a, **k: calls.append((a, k)))
    attend(*tensors, **unasked)
    attend(*(x.float() for x in tensors))
    assert len(calls) == 2


GPT2 = {"model": "gpt2", "head": "hf", "examples": "windows", "target_offset": 2}


@pytest.mark.parametrize("changes", [{}, GPT2 | tiny_run.THIMBLE], ids=["tinylm", "gpt2"])
@pytest.mark.parametrize(
    ("name", "owner", "function", "passes"),
    [
        ("bfloat16", attention, "flash_backward", 1),
        pytest.param("fused", fused_attention, "_call", 2, marks=needs_kernel),
    ],
)
def test_models_attend_by_ours(monkeypatch, changes, name, owner, function, passes):
    """PyTorch's layers look the function up in more than one way."""
    settings = tiny_run.settings(**changes)
    calls, ours = [], getattr(owner, function)
    monkeypatch.setattr(owner, function, lambda *a, **k: calls.append(a) or ours(*a, **k))
    model = models.build(settings)
    ids = torch.zeros(2, settings.seq_len, dtype=torch.int64)
    with matmul.BACKENDS[name].in_force():
        model(ids).sum().backward()
    assert len(calls) == passes * settings.num_layers
    model(ids).sum().backward()  # and not any more
    assert len(calls) == passes * settings.num_layers
