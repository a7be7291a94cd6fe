"""Drift of a run of all rows, in real Snakemake at smoke size."""

import csv
import json

import facts_of_results
import numpy as np
from safetensors.numpy import load_file

from deadtokens import lattice

FIGURE = "results/crucible3/drift.png"
ARTIFACTS = tuple(
    f"results/crucible3/{name}"
    for name in (
        *("drift.csv", "drift_autocorrelation.csv", "drift_tokens.csv"),
        *("drift.json", "drift.png"),
    )
)


def test_drift_agrees_with_the_trajectory(finished):
    finished.run(FIGURE)
    assert [name for name in ARTIFACTS if not (finished.root / name).is_file()] == []
    results = finished.root / "results/crucible3"
    recorded = load_file(results / "trajectory.safetensors")
    summary = json.loads((results / "drift.json").read_text())
    facts_of_results.check(results / "drift.json")
    metadata = json.loads((results / "metadata.json").read_text())
    for key, name in (
        *(("steps", "total_steps"), ("dead_tokens", "n_dead_tokens")),
        *(("live_tokens", "n_live_tokens"), ("final_loss", "final_loss")),
    ):
        assert summary[key] == metadata[name], key
    dead, weights = recorded["dead_mask"], lattice.to_float32(recorded["W"])
    apart = weights[:, dead].mean(axis=1) - weights[:, ~dead].mean(axis=1)
    with open(results / "drift.csv", newline="", encoding="utf-8") as lines:
        separation = [float(row["separation"]) for row in csv.DictReader(lines)]
    np.testing.assert_allclose(separation, np.linalg.norm(apart, axis=1), rtol=1e-4)
    # A dead row is pushed by p·h alone, so its gradient is along h from the first step on.
    assert summary["clouds"]["dead"]["as_stored"]["centroid_step_cosine_with_h"]["mean"] < -0.5
    # The relative reading is that of logits less their mean over the vocabulary: of the softmax.
    relative = weights - weights.mean(axis=1, keepdims=True)
    live = relative[:, ~dead].mean(axis=1)
    along = (live[-1] - live[0]) @ recorded["h_mean"].mean(axis=0)
    along /= np.linalg.norm(live[-1] - live[0]) * np.linalg.norm(recorded["h_mean"].mean(axis=0))
    found = summary["clouds"]["live"]["relative"]["centroid_displacement_cosine_with_mean_h"]
    np.testing.assert_allclose(found, along, rtol=1e-4)
    with open(results / "drift_tokens.csv", newline="", encoding="utf-8") as lines:
        listed = list(csv.DictReader(lines))
    first = max(listed, key=lambda row: (row["step"] == "39", float(row["logit_as_stored"])))
    logits = weights[39] @ recorded["h_mean"][39]
    assert int(first["token_id"]) == logits.argmax()
    assert (first["cloud"] == "dead") == dead[logits.argmax()]

    assert finished.planned(FIGURE) == set()
    assert finished.planned(FIGURE, changes="figures: {dpi: 77}") == {"draw_drift"}
    after = finished.planned(FIGURE, changes="drift: {lags: [1, 3]}")
    assert after == {"compute_drift", "draw_drift"}


def test_a_run_without_all_rows_and_a_wrong_key_are_refused_before_any_job(fresh):
    output = fresh.failure(FIGURE.replace("crucible3", "crucible2"), "--dry-run")
    assert "Drift is of runs with rows: all, naming: crucible and both W and h_mean" in output
    output = fresh.failure(FIGURE, "--dry-run", changes="drift: {lags: [0]}")
    assert "drift.lags.0 is 0; allowed: integer, at least 1" in output
