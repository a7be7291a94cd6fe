"""Fields, rows and index conventions of a record; masks that contradict themselves."""

import numpy as np
import pytest
import tiny_run
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

from deadtokens.errors import UserError
from deadtokens.training import recording
from deadtokens.training.recording import Masks, Recorder

DEAD = np.array([False, True, False, True, True])
MASKS = Masks(DEAD, np.flatnonzero(DEAD))
STEPS, V, D = 3, 5, 2
INF, NAN = float("inf"), float("nan")


def small(**changes):
    return tiny_run.settings(total_steps=STEPS, vocab_size=V, hidden_dim=D, **changes)


def states(seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn((STEPS + 1, 4, V, D), generator=generator).bfloat16()
    return draw.unbind(1)


def recorded(path, settings, W, m, v, g):
    last = torch.full((3,), -1, dtype=torch.int32)
    with Recorder(path, settings, MASKS, torch.from_numpy(MASKS.dead_indices), last, False) as r:
        r.begin(0, W[0], m[0], v[0])
        for step in range(1, STEPS + 1):
            r.before_update(step, g[step])
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


def test_last_motion_is_kept_per_token(tmp_path):
    W, m, v, g = states()
    W = W.clone()
    W[:, 1] = W[0, 1]  # never moves
    W[2:, 3] = W[1, 3]  # moves at step 1 alone
    found = recorded(tmp_path / "t.safetensors", small(), W, m, v, g)
    assert found["last_motion_step"].tolist() == [-1, 1, 3]


def test_the_layout_is_that_of_the_notebook():
    layout = recording.layout(tiny_run.settings(total_steps=500, hidden_dim=64), MASKS, 3699)
    assert layout == {
        "W": ("U16", (501, 3699, 64)),
        "m": ("F32", (501, 3699, 64)),
        "v": ("F32", (501, 3699, 64)),
        "g": ("F32", (500, 3699, 64)),
        "delta_W_prime": ("F32", (500, 3699, 64)),
        "loss": ("F32", (501,)),
        "last_motion_step": ("I32", (3699,)),
        "dead_mask": ("BOOL", (5,)),
        "dead_indices": ("I64", (3,)),
    }


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
        (DEAD.astype(np.uint8), [1, 3, 4], "dead_mask is uint8"),
        (np.zeros(5, bool), [], "no dead token"),
    ],
)
def test_masks_that_cannot_be_are_refused(tmp_path, mask, indices, message):
    tensors = {"dead_mask": mask.copy(), "dead_indices": np.array(indices, np.int64)}
    save_file(tensors, tmp_path / "masks.safetensors")
    with pytest.raises(UserError, match=message) as caught:
        recording.load_masks(tmp_path / "masks.safetensors", 5)
    assert "masks.safetensors" in str(caught.value)


def test_masks_without_a_key_are_refused(tmp_path):
    save_file({"dead_mask": DEAD}, tmp_path / "masks.safetensors")
    with pytest.raises(UserError, match="dead_indices"):
        recording.load_masks(tmp_path / "masks.safetensors", 5)
