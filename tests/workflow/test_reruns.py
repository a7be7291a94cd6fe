"""A job runs again when, and only when, what it depends on changed."""

import os
import time

import pytest

CORPUS = {"make_corpus", "train_tokenizer", "encode_corpus", "find_dead_tokens"}
ANALYSES = {"measure_displacement", "classify_phases", "draw_phases"}
AFTER_TRAINING = {"train_run"} | ANALYSES
EVERYTHING = CORPUS | AFTER_TRAINING

LIBRARY = "workflow/scripts/deadtokens"


def edit(project, name: str, old: str, new: str) -> None:
    path = project.root / name
    text = path.read_text("utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {name}"
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_nothing_changed(finished):
    assert finished.planned() == set()


CHANGES = [
    (
        "phases: {published: {thresholds: [0.2, 10, 100]}}",
        {"classify_phases", "draw_phases"},
    ),
    ("figures: {dpi: 100}", {"draw_phases"}),
    ("runs: {crucible2: {learning_rate: 2.0e-3}}", AFTER_TRAINING),
    ("runs: {crucible2: {threads: 2}}", AFTER_TRAINING),
    ("corpora: {flannel: {seed: 7}}", EVERYTHING),
    ("corpora: {flannel: {min_frequency: 3}}", EVERYTHING - {"make_corpus"}),
    (
        "corpora: {flannel: {max_lost_share: 0.5}}",
        EVERYTHING - {"make_corpus", "train_tokenizer"},
    ),
    # Two values swapped: the set of values is the same, the configuration is not.
    ("runs: {crucible2: {seq_len: 8, batch_size: 16}}", AFTER_TRAINING),
    ("runs: {crucible2: {beta1: 0.999, beta2: 0.9}}", AFTER_TRAINING),
    # Not what the finished run depends on.
    ("runs: {another: {like: crucible2, total_steps: 3}}", set()),
    ("runs: {crucible2: {checkpoint_seconds: 5}}", set()),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[change for change, _ in CHANGES])
def test_configuration(finished, change, expected):
    assert finished.planned(changes=change) == expected


def test_behaviour_of_a_library_module_reruns_its_importers_direct_or_not(finished):
    path = finished.root / LIBRARY / "lattice.py"
    path.write_text(path.read_text("utf-8") + "\n\nANOTHER_CONSTANT = 1\n", "utf-8")
    # Training imports it through recording, displacement directly; the others only follow.
    rerun = finished.planned("results/crucible2/displacement.safetensors")
    assert rerun == {"train_run", "measure_displacement"}
    assert finished.planned("results/corpora/flannel/masks.json") == set()


def test_behaviour_of_what_draws_reruns_its_figure_alone(finished):
    path = "workflow/scripts/deadtokens/phases/draw_phases.py"
    edit(finished, path, "import numpy as np", "import math\nimport numpy as np")
    assert finished.planned() == {"draw_phases"}


def test_comments_docstrings_and_layout_rerun_nothing(finished):
    path = finished.root / LIBRARY / "lattice.py"
    text = path.read_text("utf-8")
    path.write_text(text.replace('"""', '"""Said differently. ', 1) + "\n\n# A remark.\n", "utf-8")
    assert finished.planned() == set()


def test_touch_and_fresh_checkout_rerun_nothing(finished):
    later = time.time() + 60
    for folder in ("workflow", "config", "profiles"):
        for path in (finished.root / folder).rglob("*"):
            os.utime(path, (later, later))
    os.utime(finished.root / "Snakefile", (later, later))
    assert finished.planned() == set()


def test_pinned_version_reruns_the_steps_of_that_environment(finished):
    edit(finished, "workflow/envs/figures.yaml", "matplotlib==", "matplotlib==0.")
    assert finished.planned() == {"draw_phases"}


def test_comment_in_an_environment_reruns_nothing(finished):
    edit(finished, "workflow/envs/training.yaml", "# ", "# Remark: ")
    assert finished.planned() == set()
