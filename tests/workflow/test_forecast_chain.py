"""A forecast in real Snakemake at smoke size: trainings to one figure, held to plain counts."""

import csv
import json

import numpy as np
import pytest
from safetensors.numpy import load_file

FIGURE = "results/forecast/forecast.png"
AT, THROUGH, STILL, THRESHOLD = 20, 60, 5, 30.0
CHANGES = f"""
runs:
  crucible1: {{motion_threshold: {THRESHOLD}}}
  judged: {{like: crucible2, total_steps: 60, random_seed: 43, motion_threshold: {THRESHOLD}}}
causes:
  forecasts:
    forecast:
      state_step: {AT}
      window: 10
      through_step: {THROUGH}
      still_for: {STILL}
      permutations: 100
      simulations: 100
      correlations: [0.4]
      chosen_on: [{{state: crucible2, outcome: crucible1}}]
      judged_on: [{{state: judged, outcome: judged}}]
"""


def onsets(moving):
    """By the definition, token by token; None for a censored one."""
    stretches = range(THROUGH - STILL + 1)
    return [next((s for s in stretches if not c[s : s + STILL].any()), None) for c in moving.T]


def concordance(predicted, order):
    later = order[:, None] < order
    right = (predicted[:, None] < predicted) + (predicted[:, None] == predicted) / 2
    return (right * later).sum() / later.sum()


@pytest.mark.slow
def test_a_small_forecast_from_text_to_figure(finished):
    finished.run(FIGURE, changes=CHANGES)
    results = finished.root / "results"
    found = json.loads((results / "forecast/forecast.json").read_text())
    with open(results / "forecast/forecast.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for role, run in (("chosen_on", "crucible1"), ("judged_on", "judged")):
        l2 = load_file(results / f"{run}/displacement.safetensors")["l2"]
        wanted = onsets(l2 >= np.float32(THRESHOLD))
        here = [row for row in rows if row["role"] == role]
        (about,) = (seed for seed in found["seeds"] if seed["role"] == role)
        known = [onset for onset in wanted if onset is not None and onset + STILL <= AT]
        assert about["known_before"] == len(known)
        assert len(here) + len(known) == len(wanted)
        open_ = [onset for onset in wanted if onset is None or onset + STILL > AT]
        assert [row["censored"] for row in here] == [str(int(o is None)) for o in open_]
        latest = THROUGH - STILL
        assert [int(row["onset"]) for row in here] == [latest if o is None else o for o in open_]
        assert about["stopped"] > 20

    judged = [row for row in rows if row["role"] == "judged_on"]
    order = np.array([int(row["onset"]) + int(row["censored"]) for row in judged])
    for name, method in found["methods"].items():
        predicted = np.array([float(row[f"predicted_{name}"]) for row in judged])
        (one,) = method["seeds"]
        np.testing.assert_allclose(one["index"], concordance(predicted, order), rtol=1e-12)
    assert found["chosen"] == max(
        (name for name in found["methods"] if name != "constant"),
        key=lambda name: found["methods"][name]["cross_validated"],
    )
    test = found["test"]
    assert test["index"]["mean"] == found["methods"][found["chosen"]]["seeds"][0]["index"]
    assert (test["units"], test["p"], test["p_seeds"]) == ("blocks", test["p_blocks"], None)
    assert [row["correlation"] for row in found["power"]] == [0.0, 0.4]
    assert found["power"][1]["found_by_blocks"] > found["power"][0]["found_by_blocks"]

    # A rule of the judgement computes again, a look only draws; nothing trains again.
    assert finished.planned(FIGURE, changes=CHANGES) == set()
    stricter = CHANGES + "      significance: 0.01\n"
    assert finished.planned(FIGURE, changes=stricter) == {"compute_forecast", "draw_forecast"}
    leak = CHANGES.replace(
        "{state: judged, outcome: judged}", "{state: crucible2, outcome: crucible1}"
    )
    output = finished.failure(FIGURE, "--dry-run", changes=leak)
    assert "allowed: a random seed once" in output
