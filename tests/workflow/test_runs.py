"""Every published run through the one loop, on a small scale."""

import h5py
import pytest
from safetensors import safe_open

# The smoke sizes with two compute threads, which `--cores 1` alone would make one.
TWO_THREADS = """
runs:
  crucible1: {threads: 2}
  crucible3: {threads: 2, total_steps: 10}
  thimble7: {threads: 2}
"""
TRAJECTORIES = (
    "results/crucible1/trajectory.safetensors",
    "results/crucible3/trajectory.safetensors",
    "results/thimble7/trajectory.h5",
    "results/wordybird1/trajectory.safetensors",
    "results/wordybird1b/trajectory.safetensors",
    "results/wordybird3/trajectory.safetensors",
)
CHECKPOINTS = (
    "results/wordybird1/checkpoint_8.safetensors",
    "results/wordybird1b/checkpoint_8.safetensors",
)


@pytest.fixture
def published(fresh):
    fresh.run(*TRAJECTORIES, cores=4, changes=TWO_THREADS)
    return fresh


def layout(path) -> dict[str, tuple]:
    with safe_open(path, "np") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        return {name: (s.get_dtype(), *s.get_shape()) for name, s in slices.items()}


@pytest.mark.slow
def test_files_have_the_published_keys_and_bytes_depend_on_neither_cores_nor_order(
    published, tmp_path
):
    root = published.root
    found = layout(root / "results/crucible1/trajectory.safetensors")
    assert found.keys() == {
        *("W", "delta_W_prime", "centroid", "loss", "last_motion_step"),
        *("dead_mask", "dead_indices"),
    }
    assert found["centroid"] == ("F32", 61, 16)
    found = layout(root / "results/crucible3/trajectory.safetensors")
    assert found["W"] == ("U16", 11, 800, 16)
    assert found["h_mean"] == ("F32", 10, 16)
    found = layout(root / "results/wordybird1/trajectory.safetensors")
    for name in ("embeddings", "grads", "momentum", "variance"):
        assert found[name] == ("BF16", 9, 1000, 16)
    assert found["logits"] == ("BF16", 9, 1000)
    with h5py.File(root / "results/thimble7/trajectory.h5") as file:
        assert file["grad_W"].shape == (13, 800, 16)
        assert file["grad_W"].dtype == "uint16"
        assert file.attrs["num_steps"] == 12

    before = {name: (root / name).read_bytes() for name in (*TRAJECTORIES, *CHECKPOINTS)}
    one_by_one = [(name,) for name in reversed(TRAJECTORIES)]
    for cores, calls in ((1, one_by_one), (2, [TRAJECTORIES])):
        for name in before:
            (root / name).unlink()
        for names in calls:
            published.run(*names, cores=cores, changes=TWO_THREADS)
        differing = [name for name in before if (root / name).read_bytes() != before[name]]
        assert differing == []
