"""The counterfactual second moment against runs that had it; the ratchet against counting."""

import argparse
import csv
import json

import numpy as np
import planted
import planted_steps
import pytest
import tiny_run
import torch

from deadtokens.causes import second_moment
from deadtokens.errors import UserError
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.update_law import UpdateLaw

compute_second_moment = planted.module("compute_second_moment")

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

COOLING = {"learning_rate": 1e-3, "total_steps": 30}
LAW = UpdateLaw(np.full(30, 1e-3), 0.9, 0.999, 1e-8)


def record(folder, **changes):
    folder.mkdir(exist_ok=True)
    tiny_run.make_inputs(folder)
    run = tiny_run.settings(**COOLING | changes)
    tiny_run.train(folder, run)
    with TrajectoryReader(folder / "trajectory.safetensors") as file:
        return {name: file.read(name) for name in ("v", "g")}


def followed(rows, size=1000):
    return second_moment.follow(planted_steps.each(rows, size), LAW)


def counterfactuals(rows, size=7):
    """v after every step, (T, n, D) float32, and the trace."""
    made = []
    for steps in range(1, len(rows["g"]) + 1):
        part = {"v": rows["v"][: steps + 1], "g": rows["g"][:steps]}
        made.append(followed(part).counterfactual)
    trace = followed(rows, size)
    assert torch.equal(trace.counterfactual, made[-1])
    return torch.stack(made).numpy(), trace


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {
        states: record(folder / states, state_precision=states)
        for states in ("bfloat16", "float32")
    }


def test_along_a_run_that_had_it_it_is_that_of_the_run(runs):
    made, trace = counterfactuals(runs["float32"])
    np.testing.assert_array_equal(made, runs["float32"]["v"][1:])
    assert trace.rows["shortening_p05"] == trace.rows["shortening_p95"] == [1.0] * 30


def test_along_the_published_run_it_is_that_of_the_other_as_long_as_both_agree(runs):
    """Both begin at the same weights, so they share gradients until their weights part."""
    ours, theirs = runs["bfloat16"], runs["float32"]
    made, _ = counterfactuals(ours)
    agree = (ours["g"] == theirs["g"]).all(axis=(1, 2))
    until = int(agree.argmin())
    assert 1 <= until < 30
    np.testing.assert_array_equal(made[:until], theirs["v"][1 : until + 1])
    assert (made[until:] != theirs["v"][until + 1 :]).any()


def test_the_ratchet_is_counted_and_in_bfloat16_never_falls(runs):
    for states, rows in runs.items():
        _, trace = counterfactuals(rows)
        change = np.diff(rows["v"].astype(float), axis=0)
        counted = {"rose": change > 0, "fell": change < 0, "stood": change == 0}
        for way, mask in counted.items():
            np.testing.assert_allclose(trace.rows[way], mask.mean(axis=(1, 2)), rtol=1e-12)
        summary = second_moment.summary(trace)
        assert (summary["ratchet"]["fell"] == 0) == (states == "bfloat16")
        assert sum(summary["ratchet"].values()) == pytest.approx(1)


def test_what_a_ratchet_costs():
    """v in bfloat16 stays at its peak; in float32 it decays: steps are shorter by its root."""
    v = np.full((101, 2, 3), 2.0**-20, np.float32)
    rows = {"v": v, "g": np.zeros((100, 2, 3), np.float32)}
    trace = followed(rows)
    for name in ("p05", "median", "p95"):
        assert trace.rows[f"shortening_{name}"][-1] == pytest.approx(0.999**50, rel=1e-4)


def test_the_script_writes_a_row_per_step(runs, tmp_path):
    record(tmp_path)
    paths = {"trajectory": tmp_path / "trajectory.safetensors"}
    paths |= {"masks": tmp_path / "masks.safetensors"}
    paths |= {"table": tmp_path / "table.csv", "summary": tmp_path / "summary.json"}
    settings = tiny_run.law_settings(tiny_run.settings(**COOLING))
    settings |= {"naming": "crucible", "rows": "dead", "clip_norm": None}
    settings |= {"record": ["W", "v", "g"]}
    compute_second_moment.main(argparse.Namespace(settings=settings, **paths))
    _, trace = counterfactuals(runs["bfloat16"])
    with open(paths["table"], newline="") as lines:
        table = [*csv.DictReader(lines)]
    assert [int(row["step"]) for row in table] == [*range(1, 31)]
    assert [float(row["rose"]) for row in table] == trace.rows["rose"]
    summary = json.loads(paths["summary"].read_text())
    assert summary["ratchet"]["fell"] == 0
    assert (summary["adamw"], summary["beta2"]) == ("for-loop", 0.999)
    refused = [({"clip_norm": 1.0}, "tiny has clip_norm: 1.0")]
    refused += [({"record": ["W", "v"]}, "tiny does not record g")]
    for wrong, message in refused:
        with pytest.raises(UserError, match=message):
            compute_second_moment.main(argparse.Namespace(settings=settings | wrong, **paths))
