"""The mean probability of each token against plain float64, and against the gradient it makes."""

import numpy as np
import pytest
import tiny_run
import torch

from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.training import head, probability

B, L, D, V = 3, 7, 8, 40
POSITIONS = 5


@pytest.fixture
def hidden_and_tied():
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn((B, L, D), generator=generator)
    return hidden.bfloat16(), torch.randn((V, D), generator=generator).bfloat16()


def test_it_is_the_mean_of_softmaxes(hidden_and_tied):
    hidden, tied = hidden_and_tied
    # What the product rounds to is the head's affair: products are exact, sums are float32.
    logits = (hidden.float() @ tied.float().T).bfloat16()[:, :POSITIONS].reshape(-1, V)
    wide = np.exp(logits.double().numpy())
    expected = (wide / wide.sum(axis=1, keepdims=True)).mean(axis=0)
    found = probability.mean(hidden, tied, POSITIONS)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-6)  # some ulp of float32 sums
    assert found.sum().item() == pytest.approx(1, abs=1e-6)


def test_chunks_do_not_show(hidden_and_tied, monkeypatch):
    whole = probability.mean(*hidden_and_tied, POSITIONS)
    monkeypatch.setattr(probability, "CHUNK_BYTES", 4 * 4 * V)  # four rows; of 15 three are left
    torch.testing.assert_close(probability.mean(*hidden_and_tied, POSITIONS), whole)


def test_the_gradient_of_a_token_that_is_no_target_is_that_much_of_hidden_states_alike():
    direction = torch.randn(D, generator=torch.Generator().manual_seed(4))
    hidden = direction.expand(B, L, D)
    tied = torch.randn((V, D), generator=torch.Generator().manual_seed(5)).requires_grad_()
    loss, _ = head.HEADS["float32"](hidden, tied, torch.zeros(B, POSITIONS, dtype=torch.int64))
    loss.backward()
    p = probability.mean(hidden, tied, POSITIONS)
    torch.testing.assert_close(tied.grad[1:], p[1:, None] * direction)


def test_that_it_is_recorded_changes_no_other_bit(tmp_path):
    found = []
    for record in (["W", "g"], ["W", "g", "p_mean"]):
        folder = tmp_path / str(len(record))
        folder.mkdir()
        tiny_run.make_inputs(folder)
        tiny_run.train(folder, tiny_run.settings(record=record))
        with TrajectoryReader(folder / "trajectory.safetensors") as file:
            found.append({name: file.read(name) for name in file.fields})
    p = found[1].pop("p_mean")
    assert p.shape == (tiny_run.SETTINGS["total_steps"], len(found[1]["dead_indices"]))
    assert (p > 0).all()
    for name, values in found[0].items():
        np.testing.assert_array_equal(found[1][name], values, err_msg=name)
