"""The causal account of a run, in real Snakemake at smoke size."""

import csv
import json

import facts_of_results
import numpy as np
import pytest

from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader

FIGURE = "results/crucible2/account.png"
PARTS = (
    *("rate", "gradient", "lag", "m_correction", "v_float32", "v_correction", "ratchet"),
    *("epsilon", "cell"),
)
CHANGES = """
runs:
  wide: {like: crucible2, weight_precision: float32}
  short: {like: crucible2, total_steps: 9}
  likely: {like: crucible2, record: [W, m, v, g, p_mean]}
"""


def test_the_fall_of_a_real_run_is_accounted_for(fresh):
    fresh.run(FIGURE)
    results = fresh.root / "results/crucible2"
    with open(results / "account.csv", newline="", encoding="utf-8") as lines:
        rows = [{name: float(x) for name, x in row.items()} for row in csv.DictReader(lines)]
    assert [row["step"] for row in rows] == [*range(1, 41)]
    for row in rows:
        assert sum(row[part] for part in PARTS) == pytest.approx(row["total"], abs=1e-12)
        cell = row["cell_drift"] + row["cell_relative"]
        assert cell == pytest.approx(row["cell"], abs=1e-12)
    summary = json.loads((results / "account.json").read_text())
    facts_of_results.check(results / "account.json")
    assert (summary["steps"], summary["from_step"], summary["window"]) == (40, 5, 10)
    assert summary["relative_to_mean_of"] == "dead"  # of rows that alone are recorded
    assert fresh.planned(FIGURE) == set()
    later = fresh.planned(FIGURE, changes="causes: {account: {window: 12}}")
    assert later == {"compute_account", "draw_account"}
    assert fresh.planned(FIGURE, changes="figures: {dpi: 77}") == {"draw_account"}


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ("crucible1", "does not record m, v, g"),
        ("wordybird1", "clip_norm: 1.0"),
        ("wide", "weight_precision: float32"),
        ("short", "short has 9 steps, and causes.account is"),
    ],
)
def test_a_run_without_an_account_is_refused_with_its_reason(fresh, run, reason):
    path = FIGURE.replace("crucible2", run)
    assert reason in fresh.failure(path, "--dry-run", changes=CHANGES)


def test_the_gradients_of_a_run_that_records_probabilities_are_split(fresh):
    fresh.run(FIGURE.replace("crucible2", "likely"), changes=CHANGES)
    results = fresh.root / "results/likely"
    table = tables.read(results / "account.csv")
    np.testing.assert_allclose(table["p_dead"] + table["hidden"], table["gradient"], atol=1e-12)
    with TrajectoryReader(results / "trajectory.safetensors") as file:
        p, g = file.read("p_mean"), file.read("g")
    assert ((p > 1e-5) & (p < 1e-2)).all()  # of 800 entries, hardly trained
    # Hidden states are as long as a layer norm makes them, 4 of 16 elements at first.
    assert np.median(np.linalg.norm(g[0], axis=1) / p[0]) < 4.1
    summary = json.loads((results / "account.json").read_text())
    assert [*summary["gradient_over_last_window"]] == ["p_dead", "hidden"]


@pytest.mark.slow
def test_other_series_have_it_too(fresh):
    changes = "causes: {account: {from_step: 2, window: 4}}"
    fresh.run("results/thimble7/account.json", changes=changes)
    summary = json.loads((fresh.root / "results/thimble7/account.json").read_text())
    assert (summary["steps"], summary["relative_to_mean_of"]) == (12, "all")
    assert summary["largest_share_left_out"] < 0.5
