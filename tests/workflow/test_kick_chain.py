"""The kick at a checkpoint in real Snakemake at smoke size: eleven runs to one figure."""

import csv
import json

import facts_of_results
import numpy as np
import pytest
import torch
from safetensors import safe_open

FIGURE = "results/wordybird/kick.png"
SEAM, STEPS = 8, 16


def rows_of(path, name, *rows):
    with safe_open(path, "pt") as file:
        return file.get_slice(name)[slice(*rows)].contiguous().view(torch.int16).numpy()


@pytest.mark.slow
def test_the_arm_that_restores_everything_is_the_continuous_run_bit_for_bit(fresh):
    fresh.run(FIGURE)
    results = fresh.root / "results"
    arm = results / "wordybird1b_everything/trajectory.safetensors"
    whole = results / "wordybird1b/trajectory.safetensors"
    with safe_open(results / "corpora/wordybird/masks.safetensors", "np") as file:
        untrained = file.get_tensor("untrained_indices")
    found = rows_of(arm, "embeddings", 0, STEPS - SEAM + 1)
    assert found.shape == (STEPS - SEAM + 1, len(untrained), 16)
    continuous = rows_of(whole, "embeddings", SEAM, STEPS + 1)
    assert np.array_equal(found, continuous[:, untrained])
    losses = rows_of(arm, "losses", 1, None), rows_of(whole, "losses", SEAM + 1, None)
    assert np.array_equal(*losses)
    for name in ("weights", "moments_schedule", "moments_data", "schedule_data"):
        other = results / f"wordybird1b_{name}/trajectory.safetensors"
        assert not np.array_equal(rows_of(other, "embeddings", 0, STEPS - SEAM + 1), found), name

    summary = json.loads((results / "wordybird/kick.json").read_text())
    facts_of_results.check(results / "wordybird/kick.json")
    assert (summary["tokens"], summary["seam"]) == (len(untrained), SEAM)
    assert summary["arms"][0]["run"] == "wordybird1b_everything"
    assert summary["arms"][0]["excess_path"] == {"value": 0, "interval_over_tokens": [0, 0]}
    assert summary["arms"][0]["kick_over_continuous"]["interval_over_tokens"] == [1, 1]
    parts = summary["contributions"]["parts"]
    total = summary["contributions"]["total"]["value"]
    assert abs(sum(part["value"] for part in parts) - total) < 1e-9
    assert abs(sum(part["share"] for part in parts) - 1) < 1e-9
    assert np.isclose(np.exp(total), summary["stitched"]["kick_ratio"]["value"])

    with open(results / "wordybird/kick.csv", newline="") as lines:
        table = list(csv.DictReader(lines))
    assert len(table) == 2 * STEPS + 8 * (STEPS - SEAM)
    weights = (continuous[:, untrained].astype(np.uint32) << 16).view(np.float32)
    moved = np.linalg.norm(np.diff(weights.astype(np.float64), axis=0), axis=2).mean(axis=1)
    column = [
        float(row["dw_l2_mean"])
        for row in table
        if row["series"] == "continuous" and int(row["step"]) > SEAM
    ]
    np.testing.assert_allclose(column, moved, rtol=1e-6)

    # A threshold of the analysis trains nothing again, and a look computes nothing.
    band = "kick: {wordybird: {band: 0.1}}"
    after = {"compute_kick", "draw_kick"}
    assert fresh.planned(FIGURE, changes=band) == after
    drawn = {"draw_kick"}
    assert fresh.planned(FIGURE, changes="figures: {dpi: 77}") == drawn


def test_a_wrong_name_of_a_kick_suggests_the_right_one(fresh):
    output = fresh.failure("results/wordybrid/kick.json", "--dry-run")
    assert "'wordybrid' is no entry of kick. Did you mean wordybird?" in output


def test_the_old_name_of_a_file_or_a_key_is_refused_with_the_new_one(fresh):
    for ending in (".png", ".json", "_check.json"):
        output = fresh.failure(f"results/wordybird/checkpoint_artifact{ending}")
        assert f"is called results/wordybird/kick{ending} now" in output
    output = fresh.failure(changes="checkpoint_artifacts: {wordybird: {band: 0.1}}")
    assert "checkpoint_artifacts is called kick now" in output
