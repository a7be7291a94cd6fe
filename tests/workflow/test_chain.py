"""The main job on a small scale: the whole chain, and the same bytes whatever `--cores`."""

import json

import pytest
from safetensors import safe_open

ARTIFACTS = (
    "results/corpora/flannel/tokenizer_corpus.txt",
    "results/corpora/flannel/model_corpus.txt",
    "results/corpora/flannel/tokenizer.json",
    "results/corpora/flannel/tokens.safetensors",
    "results/corpora/flannel/tokens.json",
    "results/corpora/flannel/masks.safetensors",
    "results/corpora/flannel/masks.json",
    "results/crucible2/trajectory.safetensors",
    "results/crucible2/metadata.json",
    "results/crucible2/displacement.safetensors",
    "results/crucible2/phases.csv",
    "results/crucible2/phases.json",
    "results/crucible2/phases_density.safetensors",
    "results/crucible2/phases.png",
)


def test_every_step_leaves_its_file(finished):
    missing = [name for name in ARTIFACTS if not (finished.root / name).is_file()]
    assert missing == []


def test_nothing_half_made_is_left(finished):
    hidden = [path for path in (finished.root / "results").rglob(".*") if path.is_file()]
    assert [path for path in hidden if path.parent.name != ".provenance"] == []


def test_every_rule_leaves_a_log_and_a_benchmark(finished):
    logs = {path.stem for path in finished.root.rglob("results/*/logs/*.log")}
    logs |= {path.stem for path in finished.root.rglob("results/corpora/*/logs/*.log")}
    benchmarks = {path.stem for path in finished.root.rglob("results/**/benchmarks/*.tsv")}
    expected = {
        "make_corpus",
        "train_tokenizer",
        "encode_corpus",
        "find_dead_tokens",
        "train_run",
        "measure_displacement",
        "classify_phases",
        "draw_phases_png",
    }
    assert logs == benchmarks == expected


def test_trajectory_has_the_published_layout(finished):
    with safe_open(finished.root / "results/crucible2/trajectory.safetensors", "np") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        dtypes = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    metadata = json.loads((finished.root / "results/crucible2/metadata.json").read_text())
    steps, dead, width = 40, metadata["n_dead_tokens"], 16
    assert shapes == {
        "W": [steps + 1, dead, width],
        "m": [steps + 1, dead, width],
        "v": [steps + 1, dead, width],
        "g": [steps, dead, width],
        "delta_W_prime": [steps, dead, width],
        "loss": [steps + 1],
        "last_motion_step": [dead],
        "dead_mask": [800],
        "dead_indices": [dead],
    }
    assert dtypes == {
        "W": "U16",
        "m": "F32",
        "v": "F32",
        "g": "F32",
        "delta_W_prime": "F32",
        "loss": "F32",
        "last_motion_step": "I32",
        "dead_mask": "BOOL",
        "dead_indices": "I64",
    }


@pytest.mark.slow
def test_bytes_do_not_depend_on_cores(finished, fresh):
    """Two compute threads throughout, which `--cores 1` alone would make one."""
    changes = "runs: {crucible2: {threads: 2}}"
    finished.run("results/crucible2/phases.png", cores=2, changes=changes)
    fresh.run("results/crucible2/phases.png", cores=1, changes=changes)
    for name in ARTIFACTS:
        if name.endswith("metadata.json"):
            continue  # holds the date of the run
        assert (fresh.root / name).read_bytes() == (finished.root / name).read_bytes(), name
