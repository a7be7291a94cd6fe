"""The gauge: what the common drift of all rows makes of cells, against plain numpy."""

import argparse
import json
import math

import numpy as np
import planted
import planted_steps
import pytest
import tiny_run
from planted import bits_of
from test_account import accounted

from deadtokens import gauge, lattice
from deadtokens.causes import account, updates
from deadtokens.errors import UserError
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader, write_file
from deadtokens.recorded.rows import TokenRows, read_dead_mask

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")


def plain_cell(x: float) -> float:
    """docs/physics.md, to the letter."""
    return 2.0 ** (max(math.floor(math.log2(abs(x))), -126) - 7) if x else 2.0**-133


def test_cells_of_numbers_are_those_of_their_binade():
    patterns = np.arange(0x7F80, dtype=np.uint16)  # every finite bfloat16 value that is positive
    found = gauge.ulp_of_numbers(lattice.to_float32(patterns))
    np.testing.assert_array_equal(found, lattice.ulp(patterns))
    between = np.random.default_rng(1).normal(0, 1, 500) * 2.0 ** np.arange(-250, 250)
    between[7:10] = 0, 1e-300, -0.0
    assert gauge.ulp_of_numbers(between).tolist() == [plain_cell(x) for x in between.tolist()]
    assert gauge.ulp_of_numbers(np.float32([-1, 1.99])).tolist() == [2**-7, 2**-7]


def test_readings():
    rows = bits_of(np.random.default_rng(2).normal(0, 1, (7, 3)))
    values = lattice.to_float32(rows)
    found = gauge.readings(values, gauge.mean(values))
    assert tuple(found) == gauge.READINGS == ("as_stored", "relative")
    np.testing.assert_array_equal(found["as_stored"], values)
    plain = [[x - math.fsum(of) / 7 for x in of] for of in values.T.tolist()]
    np.testing.assert_allclose(found["relative"].T, plain, atol=1e-15)


STEPS = 40
OF_THREE = np.array([-12, 4, 8]) / 64  # their mean is zero, and so exactly


def drifting(t):
    """The mean of the rows doubles every ten steps; every sum with OF_THREE is bfloat16."""
    return 2.0 ** np.minimum(np.floor(t / 10), 3)


def octaves(weights, start):
    """The mean of log2 of plain cells at every state, less that at a step; weights (T+1, n, D)."""
    logs = [np.mean([math.log2(plain_cell(x)) for x in w.ravel().tolist()]) for w in weights]
    return np.array(logs)[:-1] - logs[start - 1]  # an update leads from W[t-1] on


@pytest.mark.parametrize("start", [1, 10])
def test_a_planted_common_drift_is_all_of_the_cells(start):
    def W(t):
        return drifting(t)[:, None] + OF_THREE

    rows = planted_steps.record(STEPS, W=W)
    exact = W(np.arange(STEPS + 1.0))
    np.testing.assert_array_equal(lattice.to_float32(rows["W"])[..., 0], exact)
    table, made = accounted(rows, planted_steps.law(STEPS), start)
    np.testing.assert_allclose(table["cell"], -octaves(exact, start), atol=1e-12)
    assert table["cell"][-1] < -2
    np.testing.assert_allclose(table["cell_relative"], 0, atol=1e-12)
    np.testing.assert_allclose(table["cell_drift"], table["cell"], atol=1e-12)
    causes = account.summary(made, 10)["causes_over_last_window"]
    assert causes["cell_drift"] == pytest.approx(table["cell"][-10:].mean())
    assert causes["cell_relative"] == pytest.approx(0, abs=1e-12)


def test_rows_that_draw_together_while_all_drift_out_are_told_apart():
    """Cells as stored grow, those relative to the mean shrink by an octave every ten steps."""

    def W(t):
        together = 8 / drifting(t)
        return drifting(t)[:, None] + OF_THREE * together[:, None]

    table, _ = accounted(planted_steps.record(STEPS, W=W), planted_steps.law(STEPS), 1)
    exact = W(np.arange(STEPS + 1.0))
    np.testing.assert_allclose(table["cell"], -octaves(exact, 1), atol=1e-12)
    np.testing.assert_allclose(table["cell_relative"], np.log2(drifting(np.arange(40.0))))
    np.testing.assert_allclose(table["cell_drift"] + table["cell_relative"], table["cell"])
    assert table["cell_drift"][-1] < table["cell"][-1] < -1 < 3 == table["cell_relative"][-1]


def test_without_a_drift_cells_are_those_relative_to_the_mean():
    def W(t):
        return OF_THREE * drifting(t)[:, None]

    table, _ = accounted(planted_steps.record(STEPS, W=W), planted_steps.law(STEPS), 1)
    np.testing.assert_allclose(table["cell_drift"], 0, atol=1e-12)
    np.testing.assert_allclose(table["cell"], -np.log2(drifting(np.arange(40.0))))


def test_means_are_taken_where_updates_set_out_in_any_chunks():
    weights = bits_of(np.random.default_rng(3).normal(0, 1, (8, 5, 3)))
    law = planted_steps.law(7, weight_decay=50)
    decayed = [lattice.to_float32(law.decayed(w, t)) for t, w in enumerate(weights[:-1], 1)]
    assert (decayed[0] != lattice.to_float32(weights[0])).any()
    for size in (1, 3, 100):
        chunks = [(start, weights[start : start + size]) for start in range(0, 8, size)]
        found = updates.means(chunks, law)
        np.testing.assert_allclose(found, np.mean(decayed, axis=1, dtype=float), atol=1e-15)


SETTINGS = {
    "optimizer": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}
    | {"elapsed_steps": 0},
    "schedule": {"learning_rate": 1e-3, "schedule": "constant", "schedule_steps": 12}
    | {"elapsed_steps": 0},
    **{"run": "tiny", "total_steps": 12, "clip_norm": None, "naming": "crucible"},
    **{"record": ["W", "m", "v", "g"], "adamw": "for-loop", "state_precision": "bfloat16"},
    **{"second_moment_precision": "bfloat16", "weight_precision": "bfloat16"},
    **{"from_step": 2, "window": 4},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_norm": 1.0}, "tiny has clip_norm: 1.0"),
        ({"weight_precision": "float32"}, "weight_precision: float32"),
        ({"from_step": 13}, "from_step and window must lie within them"),
        ({"window": 13}, "from_step and window must lie within them"),
        ({"record": ["W"]}, "tiny does not record m, v, g"),
    ],
)
def test_what_cannot_be_accounted_for_is_refused(changes, message):
    """Before any file is looked at: there are none."""
    options = argparse.Namespace(settings=SETTINGS | changes)
    with pytest.raises(UserError, match=message):
        planted.module("compute_account").main(options)


def test_the_mean_is_of_all_rows_where_all_are_recorded(tmp_path):
    """The same dead rows alone, and among live ones: the file says which mean was taken out."""
    tiny_run.make_inputs(tmp_path)
    tiny_run.train(tmp_path, tiny_run.settings(learning_rate=1e-3))
    dead = read_dead_mask(tmp_path / "masks.safetensors")
    with TrajectoryReader(tmp_path / "trajectory.safetensors") as file:
        rows = {name: file.read(name) for name in ("W", "m", "v", "g")}
        assert TokenRows(file, "crucible", dead, "dead").recorded == "dead"
    everyone = planted.among_living(rows, dead)
    live = 0.3 + np.arange(13)[:, None, None] / 100 * np.ones(rows["W"].shape[2])
    everyone["W"][:, ~dead] = bits_of(live)
    write_file(tmp_path / "all.safetensors", everyone | {"dead_mask": dead})
    compute = planted.module("compute_account").main
    found = {}
    for name in ("trajectory", "all"):
        paths = {key: tmp_path / f"{name}_{key}" for key in ("table", "summary")}
        given = {"trajectory": tmp_path / f"{name}.safetensors"}
        given["masks"] = tmp_path / "masks.safetensors"
        compute(argparse.Namespace(settings=SETTINGS, **given, **paths))
        summary = json.loads(paths["summary"].read_text("utf-8"))
        found[summary["relative_to_mean_of"]] = tables.read(paths["table"])
    assert [*found] == ["dead", "all"]
    for population, recorded in (("dead", rows["W"]), ("all", everyone["W"])):
        of_all = lattice.to_float32(recorded).astype(float).mean(axis=1, keepdims=True)
        relative = lattice.to_float32(rows["W"]).astype(float) - of_all
        table = found[population]
        there = table["left_out"].to_numpy() == 0
        assert there.sum() > 5
        expected = -octaves(relative, 2)
        np.testing.assert_allclose(table["cell_relative"][there], expected[there], atol=1e-9)
        np.testing.assert_array_equal(table["cell"], found["dead"]["cell"])
    assert np.abs(found["all"]["cell_drift"] - found["dead"]["cell_drift"]).max() > 0.1
