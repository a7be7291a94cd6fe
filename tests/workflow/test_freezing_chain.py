"""Stillness, freezing, permanence and lifecycle of a run, in real Snakemake at smoke size."""

import csv
import json

import numpy as np
import pytest
from safetensors.numpy import load_file

NAMES = ("stillness", "freezing", "permanence", "lifecycle")
FIGURES = tuple(f"results/crucible2/{name}.png" for name in NAMES)
ARTIFACTS = (
    *FIGURES,
    "results/crucible2/stillness.csv",
    "results/crucible2/stillness.json",
    "results/crucible2/freezing.csv",
    "results/crucible2/freezing_survival.csv",
    "results/crucible2/freezing.json",
    "results/crucible2/permanence.csv",
    "results/crucible2/permanence.json",
    "results/crucible2/lifecycle.safetensors",
    "results/crucible2/lifecycle.json",
)


def test_the_three_tables_agree_with_what_training_recorded(finished):
    finished.run(*FIGURES)
    assert [name for name in ARTIFACTS if not (finished.root / name).is_file()] == []
    results = finished.root / "results/crucible2"
    recorded = load_file(results / "trajectory.safetensors")
    with open(results / "freezing.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["token_id"]) for row in rows] == recorded["dead_indices"].tolist()
    last = recorded["last_motion_step"]
    assert [int(row["last_motion_step"]) for row in rows] == last.tolist()
    corpus = json.loads((results.parent / "corpora/flannel/masks.json").read_text())
    thai = sum(row["script"] == "Thai" for row in rows)
    assert thai == corpus["by_script"]["Thai"]["dead"] > 0

    metadata = json.loads((results / "metadata.json").read_text())
    freezing = json.loads((results / "freezing.json").read_text())
    assert freezing["global_last_motion"] == metadata["global_last_motion"]
    # A run of 40 steps shows no stop of 100, and says so; of elements as of tokens.
    assert (freezing["stopped"], freezing["censored"]) == (0, len(rows))
    assert "freezing.still_for" in freezing["too_short"]
    assert {row["censored"] for row in rows} == {"1"}
    changed = recorded["W"][1:] != recorded["W"][:-1]
    assert freezing["elements"]["never_moved"] == (~changed.any(axis=0)).sum()
    of_elements = json.loads((results / "permanence.json").read_text())["elements"]
    assert of_elements["elements"] == changed[0].size
    silent = np.argmax(changed[::-1].any(axis=(1, 2)))
    assert of_elements["final_silence"]["steps"] == silent

    still = json.loads((results / "stillness.json").read_text())
    final = still["final"]["length"] if still["final"] else 0
    assert freezing["fimbulwinter_duration"] == final

    lives = load_file(results / "lifecycle.safetensors")
    assert lives["element"].shape == (len(rows), 40)
    assert lives["last_motion_step"].tolist() == sorted(last.tolist())
    phases = (results / "phases.csv").read_text().splitlines()
    column = phases[0].split(",").index("element_classical_gas")
    shares = [float(line.split(",")[column]) for line in phases[1:]]
    np.testing.assert_allclose((lives["element"] == 3).mean(axis=0), shares, atol=1e-12)


@pytest.mark.slow
def test_a_threshold_of_motion_runs_what_uses_it_and_a_colour_only_draws(finished):
    finished.run(*FIGURES)
    computing = {f"compute_{name}" for name in NAMES}
    drawing = {f"draw_{name}" for name in NAMES}
    assert finished.planned(*FIGURES) == set()
    # The threshold belongs to training too, which follows last motions; here only analyses matter.
    after = finished.planned(*FIGURES, changes="phases: {published: {density_time: 20}}")
    assert after == {"compute_lifecycle", "draw_lifecycle"}
    assert finished.planned(*FIGURES, changes="figures: {dpi: 77}") == drawing
    after = finished.planned(*FIGURES, changes="freezing: {still_for: 7}")
    assert after == {f"{verb}_{name}" for verb in ("compute", "draw") for name in NAMES[:2]}
    after = finished.planned(*FIGURES, changes="permanence: {block_steps: 7}")
    assert after == {"compute_permanence", "draw_permanence"}
    after = finished.planned(*FIGURES, changes="runs: {crucible2: {motion_threshold: 0.2}}")
    assert after >= computing | drawing
