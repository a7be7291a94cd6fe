"""Fields, rows and index conventions of a record; masks that contradict themselves."""

import numpy as np
import pytest
import tiny_run
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

from deadtokens.errors import UserError
from deadtokens.training import probability, recording
from deadtokens.training.masks import Masks, load_masks
from deadtokens.training.recording import Recorder

DEAD = np.array([False, True, False, True, True])
MASKS = Masks(DEAD, np.flatnonzero(DEAD))
STEPS, V, D = 3, 5, 2
INF, NAN = float("inf"), float("nan")
H = torch.randn((STEPS + 1, 3, 4, D), generator=torch.Generator().manual_seed(1)).bfloat16()
TARGETS = torch.zeros(3, 2, dtype=torch.int64)  # so that two positions of four predict something
L = torch.randn((STEPS + 1, V), generator=torch.Generator().manual_seed(2)).bfloat16()


def small(**changes):
    return tiny_run.settings(total_steps=STEPS, vocab_size=V, hidden_dim=D, **changes)


def states(seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn((STEPS + 1, 4, V, D), generator=generator).bfloat16()
    return draw.unbind(1)


def recorded(path, settings, W, m, v, g):
    last = torch.full((3 if settings.rows == "dead" else V,), -1, dtype=torch.int32)
    with Recorder(path, settings, MASKS, last, False) as r:
        r.begin(0, W[0], m[0], v[0])
        for step in range(1, STEPS + 1):
            before = W[step - 1].clone()
            before.grad = g[step]
            r.before_update(step, before, H[step], TARGETS, L[step])
            r.after_update(step, step / 2, W[step], m[step], v[step])
    return load_file(path)


def test_rows_stand_where_the_notebook_has_them(tmp_path):
    W, m, v, g = states()
    found = recorded(tmp_path / "t.safetensors", small(), W, m, v, g)
    assert torch.equal(found["W"].view(torch.bfloat16), W[:, DEAD])
    assert torch.equal(found["m"], m[:, DEAD].float())
    assert torch.equal(found["v"], v[:, DEAD].float())
    assert torch.equal(found["g"], g[1:, DEAD].float())
    steps = W[1:, DEAD].float() - W[:-1, DEAD].float()
    ulp = torch.stack([tiny_run.published_ulp(row) for row in W[:-1, DEAD]])
    assert torch.equal(found["delta_W_prime"], steps / ulp)
    assert torch.isnan(found["loss"][0])
    assert found["loss"][1:].tolist() == [0.5, 1.0, 1.5]
    assert found["last_motion_step"].tolist() == [3, 3, 3]
    assert found["dead_indices"].tolist() == [1, 3, 4]


def test_probabilities_are_of_the_recorded_rows_by_the_weights_before_the_step(tmp_path):
    W, m, v, g = states()
    settings = small(record=["W", "p_mean"])
    found = recorded(tmp_path / "t.safetensors", settings, W, m, v, g)["p_mean"]
    assert found.shape == (STEPS, DEAD.sum())
    for step in range(1, STEPS + 1):
        expected = probability.mean(H[step], W[step - 1], positions=2)[DEAD]
        assert torch.equal(found[step - 1], expected)


def test_last_motion_is_kept_per_token(tmp_path):
    W, m, v, g = states()
    W = W.clone()
    W[:, 1] = W[0, 1]  # never moves
    W[2:, 3] = W[1, 3]  # moves at step 1 alone
    found = recorded(tmp_path / "t.safetensors", small(), W, m, v, g)
    assert found["last_motion_step"].tolist() == [-1, 1, 3]


def published(n_live, n_dead, **changes):
    """The layout of a run on that many tokens."""
    V = n_live + n_dead
    mask = np.arange(V) >= n_live
    settings = tiny_run.settings(**{"hidden_dim": 64, "vocab_size": V} | changes)
    return recording.layout(settings, Masks(mask, np.flatnonzero(mask)))


def test_the_layout_of_crucible_1():
    assert published(6301, 3699, total_steps=5000, **tiny_run.CRUCIBLE_1) == {
        "W": ("U16", (5001, 3699, 64)),
        "delta_W_prime": ("F32", (5000, 3699, 64)),
        "centroid": ("F32", (5001, 64)),
        "loss": ("F32", (5001,)),
        "last_motion_step": ("I32", (3699,)),
        "dead_mask": ("BOOL", (10000,)),
        "dead_indices": ("I64", (3699,)),
    }


def test_the_layout_of_crucible_2():
    assert published(6301, 3699, total_steps=500) == {
        "W": ("U16", (501, 3699, 64)),
        "m": ("F32", (501, 3699, 64)),
        "v": ("F32", (501, 3699, 64)),
        "g": ("F32", (500, 3699, 64)),
        "delta_W_prime": ("F32", (500, 3699, 64)),
        "loss": ("F32", (501,)),
        "last_motion_step": ("I32", (3699,)),
        "dead_mask": ("BOOL", (10000,)),
        "dead_indices": ("I64", (3699,)),
    }


def test_the_layout_of_crucible_3():
    assert published(6301, 3699, total_steps=500, **tiny_run.CRUCIBLE_3) == {
        "W": ("U16", (501, 10000, 64)),
        "h_mean": ("F32", (500, 64)),
        "loss": ("F32", (501,)),
        "dead_mask": ("BOOL", (10000,)),
        "dead_indices": ("I64", (3699,)),
    }


def test_the_layout_of_thimble_7():
    assert published(6301, 3699, total_steps=6000, **tiny_run.THIMBLE) == {
        "W": ("U16", (6001, 10000, 64)),
        "grad_W": ("U16", (6001, 10000, 64)),
        "momentum_W": ("U16", (6001, 10000, 64)),
        "variance_W": ("U16", (6001, 10000, 64)),
        "losses": ("F32", (6001,)),
        "live_mask": ("BOOL", (10000,)),
        "dead_mask": ("BOOL", (10000,)),
        "live_ids": ("I64", (6301,)),
        "dead_ids": ("I64", (3699,)),
    }


def test_the_layout_of_wordybird():
    assert published(30590, 19667, total_steps=200, **tiny_run.WORDYBIRD) == {
        "recorded_steps": ("I64", (201,)),
        "embeddings": ("BF16", (201, 50257, 64)),
        "grads": ("BF16", (201, 50257, 64)),
        "momentum": ("BF16", (201, 50257, 64)),
        "variance": ("BF16", (201, 50257, 64)),
        "logits": ("BF16", (201, 50257)),
        "losses": ("BF16", (201,)),
        "init_scale": ("F32", ()),
        "learning_rate": ("F32", ()),
        "weight_decay": ("F32", ()),
        "adam_beta1": ("F32", ()),
        "adam_beta2": ("F32", ()),
        "n_trained": ("I64", ()),
        "n_untrained": ("I64", ()),
    }


def test_centroid_and_h_mean_are_those_of_the_notebooks(tmp_path):
    W, m, v, g = states()
    settings = small(record=["centroid", "h_mean"])
    found = recorded(tmp_path / "t.safetensors", settings, W, m, v, g)
    assert torch.equal(found["centroid"], torch.stack([w[DEAD].float().mean(dim=0) for w in W]))
    assert torch.equal(found["h_mean"], torch.stack([h.mean(dim=(0, 1)).float() for h in H[1:]]))


def test_thimble_has_zeros_where_nothing_was_yet_and_attributes(tmp_path):
    W, m, v, g = states()
    m[0], v[0] = 0, 0
    settings = small(**tiny_run.THIMBLE)
    found = recorded(tmp_path / "t.safetensors", settings, W, m, v, g)
    for name, expected in (("W", W), ("momentum_W", m), ("variance_W", v), ("grad_W", g)):
        assert torch.equal(found[name][1:].view(torch.bfloat16), expected[1:]), name
    assert torch.equal(found["W"][0].view(torch.bfloat16), W[0])
    assert not any(found[n][0].any() for n in ("grad_W", "momentum_W", "variance_W"))
    assert torch.isnan(found["losses"][0])
    assert found["live_mask"].tolist() == (~DEAD).tolist()
    assert found["live_ids"].tolist() == [0, 2]
    assert found["dead_ids"].tolist() == [1, 3, 4]
    attributes = recording.attributes(settings, MASKS)
    assert attributes == {
        **{"vocab_size": V, "hidden_dim": D, "n_layers": 2, "n_heads": 2, "num_steps": STEPS},
        **{"batch_size": 4, "learning_rate": 0.01, "weight_decay": 0.0, "adam_beta1": 0.9},
        **{"adam_beta2": 0.999, "adam_epsilon": 1e-8, "init_scale": 0.02, "seed": 42},
        **{"n_live": 2, "n_dead": 3},
    }


def test_wordybird_rounds_everything_to_bfloat16(tmp_path):
    W, m, v, g = states()
    found = recorded(tmp_path / "t.safetensors", small(**tiny_run.WORDYBIRD), W, m, v, g)
    for name, expected in (("embeddings", W), ("grads", g), ("logits", L)):
        assert found[name].dtype == torch.bfloat16
        assert torch.equal(found[name][1:], expected[1:]), name
    assert torch.equal(found["embeddings"][0], W[0])
    assert not any(found[name][0].any() for name in ("grads", "logits"))
    assert torch.isnan(found["losses"][0])
    assert found["losses"][1:].tolist() == [0.5, 1.0, 1.5]
    assert found["recorded_steps"].tolist() == [0, 1, 2, 3]
    assert found["adam_beta2"].item() == np.float32(0.999)
    assert (found["n_trained"].item(), found["n_untrained"].item()) == (2, 3)


@pytest.mark.parametrize(
    ("row", "moves"),
    [
        ([0.0, 0.0], False),
        ([0.1, 0.0], True),  # float32(0.1) lies above 0.1
        ([np.nextafter(np.float32(0.1), np.float32(0)), 0.0], False),
        ([0.08, 0.08], True),
        ([-0.07, 0.07], False),
        ([INF, 0.0], True),
        ([-INF, 1.0], True),
        ([3e38, 3e38], True),  # the square overflows
        ([NAN, 0.0], False),
        ([NAN, INF], False),
    ],
)
def test_motion_at_the_threshold_and_beyond_all_bounds(row, moves):
    displacement = np.array([row], np.float32)
    assert recording.moved(displacement, 0.1).tolist() == [moves]
    assert (torch.norm(torch.tensor(displacement), dim=1) >= 0.1).tolist() == [moves]


@pytest.mark.parametrize(
    ("mask", "indices", "message"),
    [
        (DEAD[:4], [1, 3], "the run's vocab_size is 5"),
        (DEAD, [1, 3], "dead_indices .2. are not the ascending places"),
        (DEAD, [3, 1, 4], "not the ascending places"),
        (DEAD, [1, 2, 4], "not the ascending places"),
        (DEAD.astype(np.uint8), [1, 3, 4], "dead_mask is U8"),
        (np.zeros(5, bool), [], "marks none of its 5 entries"),
    ],
)
def test_masks_that_cannot_be_are_refused(tmp_path, mask, indices, message):
    tensors = {"dead_mask": mask.copy(), "dead_indices": np.array(indices, np.int64)}
    save_file(tensors, tmp_path / "masks.safetensors")
    with pytest.raises(UserError, match=message) as caught:
        load_masks(tmp_path / "masks.safetensors", 5)
    assert "masks.safetensors" in str(caught.value)


def test_masks_without_a_key_are_refused(tmp_path):
    save_file({"dead_mask": DEAD}, tmp_path / "masks.safetensors")
    with pytest.raises(UserError, match="dead_indices"):
        load_masks(tmp_path / "masks.safetensors", 5)


def test_the_mask_file_of_wordybird_is_read_too(tmp_path):
    tensors = {"untrained_mask": DEAD, "untrained_indices": np.flatnonzero(DEAD)}
    save_file(tensors, tmp_path / "masks.safetensors")
    masks = load_masks(tmp_path / "masks.safetensors", 5)
    assert masks.dead_indices.tolist() == [1, 3, 4]
    assert masks.live_indices.tolist() == [0, 2]
    tensors["untrained_indices"] = np.array([1, 2, 3])
    save_file(tensors, tmp_path / "masks.safetensors")
    with pytest.raises(UserError, match=r"untrained_indices .3. are not the ascending places"):
        load_masks(tmp_path / "masks.safetensors", 5)
