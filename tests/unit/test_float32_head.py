"""The head that rounds nothing: plain and cut into chunks, against float64."""

import pytest
import tiny_run
import torch

from deadtokens.training import chunked_head, head, matmul

SHAPE = (4, 24, 32, 900)  # B, L, D, V
LIVE = 600


def inputs():
    generator = torch.Generator().manual_seed(3)
    b, length, d, vocab = SHAPE
    hidden = torch.randn(b, length, d, generator=generator).bfloat16()
    tied = (torch.randn(vocab, d, generator=generator) * 0.02).bfloat16()
    targets = torch.randint(LIVE, (b, length - 1), generator=generator)
    return hidden, tied, targets


def gradients(of, dtype=torch.bfloat16):
    hidden, tied, targets = inputs()
    hidden, tied = (x.to(dtype).requires_grad_() for x in (hidden, tied))
    loss, logits = of(hidden, tied, targets)
    loss.backward()
    return loss.double().item(), hidden.grad.double(), tied.grad.double(), logits


def exact(hidden, tied, targets):
    logits = hidden @ tied.T
    used = logits[:, : targets.shape[1]].reshape(-1, len(tied))
    return torch.nn.functional.cross_entropy(used, targets.reshape(-1)), logits[0, -1]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunked_head, "CHUNK_BYTES", 4 * SHAPE[3] * 7)


@pytest.mark.parametrize(
    "of", [head.float32, chunked_head.unrounded["float32"]], ids=["plain", "cut"]
)
def test_only_the_last_rounding_is_left(small_chunks, of):
    """Each element of a gradient is the exact one rounded to bfloat16, by 2^-8 of it at most."""
    loss, *grads, logits = gradients(of)
    true_loss, *true_grads, true_logits = gradients(exact, torch.float64)
    assert loss == pytest.approx(true_loss, rel=1e-6)
    for found, true in zip(grads, true_grads, strict=True):
        assert ((found - true).abs() <= 1.01 * 2.0**-8 * true.abs() + 1e-6 * true.abs().max()).all()
    torch.testing.assert_close(logits.double(), true_logits.double(), rtol=2.0**-8, atol=1e-6)


def test_the_published_rounding_points_are_what_it_does_away_with():
    """docs/numerics.md, 6, of the rows that are never a target."""
    _, _, true, _ = gradients(exact, torch.float64)
    errors = {}
    for name in ("plain", "float32"):
        _, _, found, _ = gradients(head.HEADS[name])
        dead = slice(LIVE, None)
        errors[name] = ((found - true)[dead].norm() / true[dead].norm()).item()
    assert errors["float32"] < 2.0**-9
    assert errors["plain"] > 2 * errors["float32"]


@pytest.mark.parametrize("name", matmul.BACKENDS)
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_run_has_it_with_all_products(tmp_path, name):
    tiny_run.make_inputs(tmp_path)
    outcome = tiny_run.train(tmp_path, tiny_run.settings(head="float32", matmul_backend=name))
    published = tiny_run.train(tmp_path, tiny_run.settings(matmul_backend=name))
    assert outcome.final_loss == pytest.approx(published.final_loss, rel=0.02)
    assert outcome.final_loss != published.final_loss
