"""The 2 x 2 of precisions, and a run that continues another, in real Snakemake at smoke size."""

import csv
import json

import facts_of_results
import numpy as np
import pytest
from safetensors.numpy import load_file

FIGURE, VERDICTS = "results/onset/onset.png", "results/verdicts.json"
STEPS, THROUGH, STILL, SEAM = 20, 18, 3, 8
PRECISIONS = {
    "published": f", save_checkpoint_at: [{SEAM}]",
    "float32_states": ", state_precision: float32",
    "float32_weights": ", weight_precision: float32",
    "float32_both": ", state_precision: float32, weight_precision: float32",
}
# One random seed is enough where nothing is asked of its interval.
SEEDS = {"published": (1, 2), "float32_states": (1, 2)}
SEEDS |= dict.fromkeys(("float32_weights", "float32_both", "switch"), (1,))
ALL_PARTS = "[parameters, moments, schedule, data]"
RECORDS = "record: [W, v, g]"
RUNS = "\n".join(
    f"  {arm}_{seed}: {{like: crucible2, total_steps: {STEPS}, random_seed: {seed}, "
    f"{RECORDS if arm == 'published' else 'record: [W]'}{changed}}}"
    for arm, changed in PRECISIONS.items()
    for seed in SEEDS[arm]
)
# Longer than what is compared, and shorter alone than that.
RUNS += (
    f"\n  switch_1: {{like: published_1, record: [W], save_checkpoint_at: [], "
    f"total_steps: {STEPS - SEAM + 3}, second_moment_precision: float32, "
    f"resume_run: published_1, resume_step: {SEAM}, restore: {ALL_PARTS}}}"
)
ALL_ARMS = [*PRECISIONS, "switch"]
ARMS = "\n".join(
    f"        {arm}: [{', '.join(f'{arm}_{seed}' for seed in SEEDS[arm])}]" for arm in ALL_ARMS
)
CHANGES = f"""
runs:
{RUNS}
causes:
  still_for: {STILL}
  onsets:
    onset:
      through_step: {THROUGH}
      from_step: 2
      bin_steps: 4
      arms:
{ARMS}
report: {{runs: [published_1], kick: [], onsets: [onset]}}
"""


def weights_of(results, arm, seed):
    """W of the dead tokens through the step that is looked at."""
    rows = load_file(results / f"{arm}_{seed}/trajectory.safetensors")["W"]
    if arm == "switch":
        before = load_file(results / f"published_{seed}/trajectory.safetensors")["W"]
        np.testing.assert_array_equal(before[SEAM], rows[0])
        rows = np.concatenate([before[:SEAM], rows])
    return rows[: THROUGH + 1]


def plain_mean_onset(moves):
    """The mean of the first s without a motion in s+1..s+STILL, of columns; at most the latest."""
    latest = THROUGH - STILL
    firsts = [
        next((s for s in range(latest + 1) if not any(of[s : s + STILL])), latest)
        for of in moves.T.tolist()
    ]
    return np.mean(firsts)


@pytest.mark.slow
def test_a_small_comparison_from_text_to_verdicts(finished):
    finished.run(FIGURE, VERDICTS, changes=CHANGES, seconds=900)
    results = finished.root / "results"
    summary = json.loads((results / "onset/onset.json").read_text())
    facts_of_results.check(results / "onset/onset.json")
    assert list(summary["arms"]) == ALL_ARMS
    onsets = {}
    for arm in ALL_ARMS:
        for seed in SEEDS[arm]:
            rows = weights_of(results, arm, seed)
            moves = (rows[1:] != rows[:-1]).reshape(THROUGH, -1)
            onsets[arm, seed] = plain_mean_onset(moves)
    of_elements = summary["effects"]["elements"]["onset"]
    for arm in ALL_ARMS[1:]:
        later = [onsets[arm, seed] - onsets["published", seed] for seed in SEEDS[arm]]
        found = of_elements["arms"][arm]
        np.testing.assert_allclose(found["mean"], np.mean(later), atol=1e-9)
        assert found["seeds"] == len(later)
        if len(later) > 1:
            assert found["low"] < found["mean"] < found["high"]
        else:
            assert found["low"] is None
    joined = summary["effects"]["tokens"]["onset"]["interactions"]
    assert joined["float32_both"]["of"] == ["float32_states", "float32_weights"]
    changed = {"second_moment_precision": "float32", "resume_step": SEAM}
    assert summary["arms"]["switch"]["changes"] == changed
    with open(results / "onset/onset.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["step"]) for row in rows] == [4, 8, 12, 16, 18] * len(ALL_ARMS)
    # v is recorded in one arm alone; in bfloat16 it never falls.
    of_v = {arm: found["second_moment"] for arm, found in summary["arms"].items()}
    assert of_v["published"]["fell"]["mean"] == 0
    assert [arm for arm, found in of_v.items() if found] == ["published"]

    judged = json.loads((results / "verdicts.json").read_text())["verdicts"]
    reasons = {row["name"]: row["reason"] for row in judged if row["chapter"] == "causes"}
    for name in ("softmax", "mixed_precision"):
        assert "the run onset is too short: 18 steps" in reasons[name]
    assert reasons["rate_or_decay"].startswith("the published runs change both together")

    # Another last step compares again, another rest counts again, a look only draws.
    assert finished.planned(FIGURE, changes=CHANGES) == set()
    later = CHANGES.replace(f"through_step: {THROUGH}", "through_step: 20")
    assert finished.planned(FIGURE, changes=later) == {"compute_onset", "draw_onset"}
    longer = CHANGES.replace(f"still_for: {STILL}", "still_for: 4")
    assert finished.planned(FIGURE, changes=longer) == {
        "compute_course",
        "compute_onset",
        "draw_onset",
    }
    bigger = CHANGES + "figures: {dpi: 77}\n"
    assert finished.planned(FIGURE, changes=bigger) == {"draw_onset"}
    finished.run(FIGURE, "--report", "results/report.html", changes=CHANGES)
    page = (finished.root / "results/report.html").read_text("utf-8")
    assert "rest of 3 steps" in page
    output = finished.failure("results/onste/onset.json", "--dry-run", changes=CHANGES)
    assert "'onste' is no entry of causes.onsets. Did you mean onset?" in output
