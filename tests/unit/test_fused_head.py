"""The fused head: bits of any number of threads, awkward shapes, machines that cannot have it."""

import pytest
import tiny_run
import torch
from torch.nn.functional import scaled_dot_product_attention

from deadtokens.errors import UserError
from deadtokens.training import attention, chunked_head, fused_head, machine, models, products

needs_kernel = pytest.mark.skipif(
    fused_head.missing() is not None, reason=str(fused_head.missing())
)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


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


@pytest.fixture
def anew(monkeypatch, tmp_path):
    """As if the kernel had not been asked for yet, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(machine, "cpu_flags", lambda: ["avx512_bf16"])
    fused_head._kernel.cache_clear()
    yield tmp_path / "fimbulwinter"
    fused_head._kernel.cache_clear()


def test_without_the_instruction_there_is_none(monkeypatch, anew):
    monkeypatch.setattr(machine, "cpu_flags", lambda: ["avx2"])
    assert "needs a processor with avx512_bf16" in fused_head.missing()


@pytest.mark.parametrize(
    ("compiler", "message"),
    [("no-such-c++", "there is no no-such-c++"), ("false", "cannot compile")],
)
def test_without_a_compiler_that_works_auto_does_without(monkeypatch, anew, compiler, message):
    monkeypatch.setenv("CXX", compiler)
    assert message in fused_head.missing()
    assert products.resolved("auto", torch.device("cpu")) == "bfloat16"
    assert not [*anew.glob("*")]
    with pytest.raises(UserError, match=message):
        fused_head.fused["plain"](
            *(torch.zeros(shape).bfloat16() for shape in ((1, 3, 8), (5, 8))),
            torch.zeros(1, 2).long(),
        )


@needs_kernel
def test_the_kernel_is_compiled_once(anew):
    assert fused_head.missing() is None
    (library,) = anew.glob("*")
    written = library.stat().st_mtime_ns
    fused_head._kernel.cache_clear()
    assert fused_head.missing() is None
    assert [*anew.glob("*")] == [library]
    assert library.stat().st_mtime_ns == written


GPT2 = {"model": "gpt2", "head": "hf", "examples": "windows", "target_offset": 2}


@pytest.mark.parametrize("changes", [{}, GPT2 | tiny_run.THIMBLE], ids=["tinylm", "gpt2"])
@pytest.mark.parametrize("name", ["bfloat16", "fused"])
def test_models_attend_by_our_backward_pass(monkeypatch, changes, name):
    """PyTorch's layers look the function up in more than one way."""
    settings = tiny_run.settings(**changes)
    calls, ours = [], attention.flash_backward
    monkeypatch.setattr(
        attention, "flash_backward", lambda *a, **k: calls.append(a[0].dtype) or ours(*a, **k)
    )
    model = models.build(settings)
    ids = torch.zeros(2, settings.seq_len, dtype=torch.int64)
    with products.PRODUCTS[name].in_force():
        model(ids).sum().backward()
    assert calls == [torch.bfloat16] * settings.num_layers
    model(ids).sum().backward()  # and not any more
    assert len(calls) == settings.num_layers


@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention_forward_has_the_bits_of_torch(is_causal, scale):
    torch.manual_seed(0)
    tensors = [torch.randn(3, 2, 37, 16).bfloat16().requires_grad_() for _ in range(3)]
    options = {"is_causal": is_causal, "scale": scale}
    found = attention.attend(scaled_dot_product_attention, *tensors, **options)
    assert "_Attention" in type(found.grad_fn).__name__
    assert torch.equal(found, scaled_dot_product_attention(*tensors, **options))


@pytest.mark.parametrize(
    "unasked",
    [{"attn_mask": torch.zeros(37, 37).bfloat16()}, {"dropout_p": 0.5}, {"enable_gqa": True}],
    ids=lambda unasked: next(iter(unasked)),
)
def test_what_no_model_asks_for_is_left_to_torch(unasked):
    calls = []
    tensors = [torch.zeros(1, 2, 37, 16).bfloat16()] * 3
    attention.attend(lambda *a, **k: calls.append((a, k)), *tensors, **unasked)
    attention.attend(lambda *a, **k: calls.append((a, k)), *(x.float() for x in tensors))
    assert len(calls) == 2
