"""Thimble and Wordybird against Hugging Face's own model and Trainer, bit for bit, every field."""

import h5py
import hugging_face
import numpy as np
import pytest
import tiny_run
import torch
from safetensors.torch import load_file


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def trained(folder, settings):
    """Our fields, and the inputs that they were made of."""
    tiny_run.make_inputs(folder)
    tiny_run.train(folder, settings)
    tokens = load_file(folder / "tokens.safetensors")["tokens"].numpy()
    masks = load_file(folder / "masks.safetensors")
    return load_file(folder / "trajectory.safetensors"), tokens, masks


def assert_same_bytes(found, expected):
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape, name
        ours, theirs = (t.contiguous().reshape(-1).view(torch.uint8) for t in (found[name], tensor))
        assert torch.equal(ours, theirs), f"{name} differs"


@pytest.mark.parametrize(
    "changes",
    [{}, {"threads": 2, "hidden_dim": 32, "seq_len": 40}, {"total_steps": 70, "random_seed": 3}],
    ids=["published", "2 threads", "2 epochs"],
)
def test_thimble_equals_the_model_of_hugging_face_to_the_bit(tmp_path, changes):
    settings = tiny_run.settings(**hugging_face.THIMBLE_7 | changes)
    found, tokens, masks = trained(tmp_path, settings)
    assert_same_bytes(found, hugging_face.thimble_by_hand(settings, tokens, masks))


@pytest.mark.parametrize(
    "changes",
    [{}, {"threads": 2, "hidden_dim": 32, "seq_len": 40}, {"total_steps": 70, "random_seed": 3}],
    ids=["published", "2 threads", "2 epochs"],
)
def test_wordybird_equals_the_trainer_of_hugging_face_to_the_bit(tmp_path, changes):
    settings = tiny_run.settings(**hugging_face.WORDYBIRD_1 | changes)
    found, tokens, masks = trained(tmp_path, settings)
    _, expected = hugging_face.wordybird_by_trainer(settings, tokens, masks, tmp_path)
    assert_same_bytes(found, expected)


@pytest.mark.parametrize(
    "changes", [{"schedule": "constant"}, {"clip_norm": None}, {"clip_norm": 0.9}], ids=str
)
def test_the_small_run_would_show_a_mistake(tmp_path, changes):
    """Schedule and clipping leave traces in it: else equality would prove little."""
    settings = tiny_run.settings(**hugging_face.WORDYBIRD_1)
    published, _, _ = trained(tmp_path, settings)
    other, _, _ = trained(tmp_path, tiny_run.settings(**hugging_face.WORDYBIRD_1 | changes))
    assert not torch.equal(other["embeddings"], published["embeddings"])
    assert torch.equal(other["grads"][1], published["grads"][1])  # recorded before clipping


@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_thimble_in_hdf5_holds_the_same_with_the_published_chunks_and_attributes(
    tmp_path, compression
):
    settings = tiny_run.settings(**hugging_face.THIMBLE_7)
    expected, _, masks = trained(tmp_path, settings)
    changes = {"storage": "hdf5", "chunk_rows": 10, "compression": compression}
    settings = tiny_run.settings(**hugging_face.THIMBLE_7 | changes)
    tiny_run.train(tmp_path, settings)
    with h5py.File(tmp_path / "trajectory.h5") as file:
        assert file.keys() == expected.keys()
        for name, tensor in expected.items():
            assert file[name].dtype == tensor.numpy().dtype, name
            assert np.array_equal(file[name][:], tensor.numpy(), equal_nan=name == "losses"), name
        if compression == "none":
            assert file["grad_W"].chunks == (10, 211, 16)
        assert file.attrs["num_steps"] == 24
        assert file.attrs["n_dead"] == masks["dead_mask"].sum()
        assert len(file.attrs) == 15
