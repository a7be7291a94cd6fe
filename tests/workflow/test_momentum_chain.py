"""Momentum and gradients of a run, in real Snakemake at smoke size."""

import json

import facts_of_results
import pytest

FIGURES = ("results/crucible2/momentum.png", "results/crucible2/gradients.png")


@pytest.mark.slow
def test_every_motion_of_a_real_run_is_predicted(finished):
    finished.run(*FIGURES)
    results = finished.root / "results/crucible2"
    momentum = json.loads((results / "momentum.json").read_text())
    facts_of_results.check(results / "momentum.json")
    elements = momentum["elements"]
    assert elements["reproduced"] == elements["all"]
    assert elements["beyond_but_still"] + elements["short_but_moved"] <= elements["at_a_tie"]
    metadata = json.loads((results / "metadata.json").read_text())
    summary = momentum["quick_statistics"]
    assert summary["last_motion"] == metadata["global_last_motion"]
    assert summary["tokens_still_moving"] == metadata["tokens_still_moving"]
    after = finished.planned(*FIGURES, changes="cohorts: {permutations: 50}")
    assert after == {"compute_gradients", "draw_gradients"}
    assert "train_run" not in finished.planned(*FIGURES, changes="figures: {dpi: 77}")


@pytest.mark.slow
def test_gradients_are_held_against_h_of_the_same_training_and_of_no_other(finished):
    finished.run(FIGURES[1])
    summary = json.loads((finished.root / "results/crucible2/gradients.json").read_text())
    facts_of_results.check(finished.root / "results/crucible2/gradients.json")
    assert summary["direction_of_h"] == "h_mean"
    assert summary["mean_over_steps"]["mean_with_h_mean"] > 0.9
    other = "runs: {crucible3: {random_seed: 7}}"
    output = finished.failure(FIGURES[1], "--dry-run", changes=other)
    assert "cohorts.hidden_means.crucible2 is crucible3, whose random_seed is 7" in output
    alone = f"{other}\ncohorts: {{hidden_means: {{crucible2: null}}}}"
    assert "train_run" not in finished.planned(FIGURES[1], changes=alone)
    finished.run(FIGURES[1], changes=alone)
    summary = json.loads((finished.root / "results/crucible2/gradients.json").read_text())
    assert summary["direction_of_h"] == "others"


@pytest.mark.slow
def test_other_series_have_both_too(fresh):
    """Rows of all tokens, moments in bfloat16, a schedule and clipping; one that was resumed."""
    runs = ("thimble7", "wordybird1", "resumed")
    changes = "runs: {resumed: {like: wordybird1b_everything, record: [W, g, m, v]}}"
    made = [f"results/{run}/{name}" for run in runs for name in ("momentum.png", "gradients.png")]
    fresh.run(*made, changes=changes)
    for run in runs:
        results = fresh.root / "results" / run
        elements = json.loads((results / "momentum.json").read_text())["elements"]
        assert elements["reproduced"] == elements["all"] > 0, run
        assert elements["beyond_and_moved"] > 0, run
        summary = json.loads((results / "gradients.json").read_text())
        assert summary["mean_over_steps"]["pairwise_cosine"] > 0.5, run


def test_a_run_without_moments_is_refused_with_its_reason(fresh):
    output = fresh.failure(FIGURES[0].replace("crucible2", "crucible1"), "--dry-run")
    assert "does not record m, v" in output
    output = fresh.failure(FIGURES[1].replace("crucible2", "crucible1"), "--dry-run")
    assert "does not record g" in output
