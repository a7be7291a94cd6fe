"""The 2 x 2 of states and weights in real Snakemake at smoke size: eight runs to one figure."""

import csv
import json

import facts_of_results
import numpy as np
from safetensors.numpy import load_file

FIGURE, VERDICTS = "results/onset/onset.png", "results/verdicts.json"
STEPS, WINDOW = 20, 5
PRECISIONS = {
    "published": "",
    "float32_states": ", state_precision: float32",
    "float32_weights": ", weight_precision: float32",
    "float32_both": ", state_precision: float32, weight_precision: float32",
}
RECORDS = "record: [W, v, g]"
RUNS = "\n".join(
    f"  {arm}_{seed}: {{like: crucible2, total_steps: {STEPS}, random_seed: {seed}, "
    f"{RECORDS if arm == 'published' else 'record: [W]'}{changed}}}"
    for arm, changed in PRECISIONS.items()
    for seed in (1, 2)
)
ARMS = "\n".join(f"        {arm}: [{arm}_1, {arm}_2]" for arm in PRECISIONS)
CHANGES = f"""
runs:
{RUNS}
causes:
  onsets:
    onset:
      from_step: 2
      window: {WINDOW}
      bin_steps: 4
      arms:
{ARMS}
report: {{runs: [published_1], kick: [], onsets: [onset]}}
"""


def test_a_small_two_by_two_from_text_to_verdicts(finished):
    finished.run(FIGURE, VERDICTS, changes=CHANGES)
    results = finished.root / "results"
    summary = json.loads((results / "onset/onset.json").read_text())
    facts_of_results.check(results / "onset/onset.json")
    assert list(summary["arms"]) == list(PRECISIONS)
    falls = {}
    for arm in PRECISIONS:
        for seed in (1, 2):
            moved = load_file(results / f"{arm}_{seed}/displacement.safetensors")["l2"]
            moving = (moved >= np.float32(0.1)).mean(axis=1)
            falls[arm, seed] = moving[1 : 1 + WINDOW].mean() - moving[-WINDOW:].mean()
    effects = summary["effects"]["moving"]
    for arm in [*PRECISIONS][1:]:
        lost = [falls["published", seed] - falls[arm, seed] for seed in (1, 2)]
        found = effects["arms"][arm]["goes_away"]
        np.testing.assert_allclose(found["mean"], np.mean(lost), atol=1e-6)
        assert (found["seeds"], found["low"] <= found["mean"]) == (2, True)
    assert effects["interactions"]["float32_both"]["of"] == ["float32_states", "float32_weights"]
    with open(results / "onset/onset.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["step"]) for row in rows] == [4, 8, 12, 16, 20] * len(PRECISIONS)

    # v is recorded in one arm alone; in bfloat16 it never falls.
    of_v = {arm: found["second_moment"] for arm, found in summary["arms"].items()}
    assert of_v["published"]["fell"]["mean"] == 0
    assert [arm for arm, found in of_v.items() if found] == ["published"]

    judged = json.loads((results / "verdicts.json").read_text())["verdicts"]
    reasons = {row["name"]: row["reason"] for row in judged if row["chapter"] == "causes"}
    assert "onset is too short: 20 steps" in reasons["softmax"]
    assert reasons["mixed_precision"].endswith("arms.published.still.mean is zero")
    assert reasons["rate_or_decay"].startswith("the published runs change both together")

    # A window computes again, a look only draws; the figure has a caption in the report.
    assert finished.planned(FIGURE, changes=CHANGES) == set()
    wider = CHANGES.replace(f"window: {WINDOW}", "window: 6")
    assert finished.planned(FIGURE, changes=wider) == {"compute_onset", "draw_onset"}
    bigger = CHANGES + "figures: {dpi: 77}\n"
    assert finished.planned(FIGURE, changes=bigger) == {"draw_onset"}
    finished.run(FIGURE, "--report", "results/report.html", changes=CHANGES)
    page = (finished.root / "results/report.html").read_text("utf-8")
    assert "5 steps from step 2 on" in page
    output = finished.failure("results/onste/onset.json", "--dry-run", changes=CHANGES)
    assert "'onste' is no entry of causes.onsets. Did you mean onset?" in output
