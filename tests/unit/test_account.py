"""The account against plain logarithms; planted causes, each attributed to itself."""

import numpy as np
import planted_steps
import pytest
import tiny_run
import torch

from deadtokens import lattice
from deadtokens.causes import account, updates
from deadtokens.cohorts import momentum
from deadtokens.errors import UserError
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.update_law import UpdateLaw

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

TOTAL, START = 30, 4
RATE = 1e-4  # slow enough for updates on both sides of half a cell


def accounted(rows, law, start=START, size=7):
    def run():
        return updates.each(planted_steps.each(rows, size), law)

    means = updates.means([(0, rows["W"])], law)
    made = account.Account(law, means, account.base_at(run(), law, means, start))
    for step in run():
        made.add(step)
    return {name: np.array(values) for name, values in made.rows.items()}, made


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Real tiny runs, of either precision of states: their rows and laws."""
    made = {}
    for states in ("bfloat16", "float32"):
        folder = tmp_path_factory.mktemp(states)
        tiny_run.make_inputs(folder)
        settings = tiny_run.settings(total_steps=TOTAL, learning_rate=RATE, state_precision=states)
        tiny_run.train(folder, settings)
        with TrajectoryReader(folder / "trajectory.safetensors") as file:
            rows = {name: file.read(name) for name in ("W", "m", "v", "g")}
        made[states] = rows, UpdateLaw.from_settings(tiny_run.law_settings(settings))
    return made


def plain_counterfactual(rows):
    """v in float32 by torch's own words, (T+1, n, D)."""
    v = torch.from_numpy(rows["v"][0].copy())
    made = [v.clone()]
    for g in torch.from_numpy(rows["g"]):
        v = v * 0.999
        v = torch.addcmul(v, g, g, value=1 - 0.999)
        made.append(v)
    return torch.stack(made).double().numpy()


@pytest.mark.parametrize("states", ["bfloat16", "float32"])
def test_the_terms_add_up_and_are_those_of_plain_logarithms(runs, states):
    rows, law = runs[states]
    table, _ = accounted(rows, law)
    total = sum(table[name] for name in account.TERMS)
    np.testing.assert_allclose(total, table["total"], rtol=0, atol=1e-12)
    cell = table["cell_drift"] + table["cell_relative"]
    np.testing.assert_allclose(cell, table["cell"], rtol=0, atol=1e-12)
    x, v32 = planted_steps.float64(rows), plain_counterfactual(rows)
    cells = lattice.ulp(rows["W"]).astype(float)
    relative = x["W"] - x["W"].mean(axis=1, keepdims=True)
    cells_relative = 2.0 ** (np.floor(np.log2(abs(relative))) - 7)
    for t in (1, START, 17, TOTAL):

        def of(t):
            with np.errstate(divide="ignore"):
                corrected = np.sqrt(x["v"][t]) / np.sqrt(1 - 0.999**t) + 1e-8
                update = RATE * abs(x["m"][t]) / (1 - 0.9**t) / corrected / cells[t - 1]
                return {
                    "total": np.log2(update),
                    "gradient": np.log2(abs(x["g"][t - 1])),
                    "momentum": np.log2(abs(x["m"][t])),
                    "v_float32": -0.5 * np.log2(v32[t]),
                    "root_v": -0.5 * np.log2(x["v"][t]),
                    "cell": -np.log2(cells[t - 1]),
                    "cell_relative": -np.log2(cells_relative[t - 1]),
                }

        now, then = of(t), of(START)
        there = np.logical_and.reduce([np.isfinite(y) for y in (*now.values(), *then.values())])
        row = {name: values[t - 1] for name, values in table.items()}
        row["momentum"] = row["gradient"] + row["lag"]
        row["root_v"] = row["v_float32"] + row["ratchet"]
        for name, values in now.items():
            change = (values - then[name])[there].mean()
            assert row[name] == pytest.approx(change, abs=1e-9), (name, t)
        assert row["left_out"] == pytest.approx(1 - there.mean(), abs=1e-12)


def test_chunks_change_nothing(runs):
    rows, law = runs["bfloat16"]
    for name, values in accounted(rows, law, size=1)[0].items():
        np.testing.assert_array_equal(values, accounted(rows, law, size=100)[0][name])


def test_only_a_run_with_v_in_bfloat16_has_a_ratchet(runs):
    """The counterfactual itself is held to runs that had it in test_second_moment.py."""
    table, _ = accounted(*runs["float32"])
    assert not table["ratchet"].any()
    np.testing.assert_array_equal(table["below_half_cell"], table["below_half_cell_float32_v"])
    assert accounted(*runs["bfloat16"])[0]["ratchet"].any()


def test_what_is_below_half_a_cell_does_not_move(runs):
    rows, law = runs["bfloat16"]
    table, _ = accounted(rows, law)
    assert 0.05 < table["below_half_cell"].mean() < 0.95
    for t in range(1, TOTAL + 1):
        ratio, _, _ = momentum.ratios(rows["W"][t - 1], rows["m"][t], rows["v"][t], t, law)
        assert table["below_half_cell"][t - 1] == 1 - (ratio > 1).mean()
    np.testing.assert_allclose(1 - table["moved"], table["below_half_cell"], atol=2e-3)  # but ties


def only(table, **planted):
    """Nothing but these terms changes; bias corrections and v of float32 go their known ways."""
    known = {"m_correction", "v_correction", "v_float32"}
    for name in account.TERMS:
        if name in planted:
            np.testing.assert_allclose(table[name], planted[name], atol=1e-4, err_msg=name)
        elif name not in known:
            np.testing.assert_allclose(table[name], 0, atol=1e-4, err_msg=name)


STEPS = np.arange(1.0, 41)


@pytest.mark.parametrize("start", [1, 10])
def test_each_planted_cause_is_attributed_to_itself(start):
    law, since = planted_steps.law(40), STEPS - start

    def table(**planted):
        rows = planted_steps.record(40, **planted)
        return accounted(rows, law, start)[0]

    only(table())
    only(table(v=lambda t: 1e-12 * 4 ** (t / 8)), ratchet=-since / 8)
    only(table(m=lambda t: 1e-6 * 2 ** (-t / 5)), lag=-since / 5)
    # An update leads from W[t-1] on; weights stay within a binade until they double.
    grown = np.floor((STEPS - 1) / 10) - np.floor((start - 1) / 10)
    only(table(W=lambda t: 1.5 * 2.0 ** np.floor(t / 10)), cell=-grown)
    halved = table(m=lambda t: 1e-6 * 2 ** (-t / 5), g=lambda t: 1e-6 * 2 ** (-t / 5))
    # v in float32 falls with the gradients, and this v stays where it was: that is the ratchet.
    only(halved, gradient=-since / 5, ratchet=-halved["v_float32"])
    assert halved["ratchet"][-1] < -0.01


def test_gradients_are_split_where_probabilities_were_recorded():
    """A probability that falls by an octave in 4 steps, hidden states that grow by one in 8."""
    g = {"g": lambda t: 1e-6 * 2 ** (-t / 8), "p_mean": lambda t: 1e-3 * 2 ** (-t / 4)}
    rows = planted_steps.record(40, **g)
    rows["p_mean"][:, 1] *= 7  # tokens are followed each by itself
    law, since = planted_steps.law(40), STEPS - 10
    table, made = accounted(rows, law, 10)
    np.testing.assert_allclose(table["p_dead"], -since / 4, atol=1e-4)
    np.testing.assert_allclose(table["hidden"], since / 8, atol=1e-4)
    np.testing.assert_allclose(table["p_dead"] + table["hidden"], table["gradient"], atol=1e-12)
    summary = account.summary(made, 10)
    assert summary["gradient_over_last_window"]["p_dead"] == pytest.approx(-25.5 / 4, abs=1e-4)
    assert sum(summary["shares_over_last_window"].values()) == pytest.approx(1)
    assert {*summary["terms"]} == {*account.TERMS, *account.CELL, *account.GRADIENT}
    without = {name: x for name, x in rows.items() if name != "p_mean"}
    table, made = accounted(without, law, 10)
    assert not {*account.GRADIENT} & {*table}
    assert account.summary(made, 10)["gradient_over_last_window"] == {}


def test_schedule_and_epsilon_have_terms_of_their_own():
    law = planted_steps.law(40, schedule="linear", epsilon=1e-6)
    table, _ = accounted(planted_steps.record(40), law, 10)
    rates = law.learning_rates
    np.testing.assert_allclose(table["rate"], np.log2(rates / rates[9]))
    correction = np.sqrt(1 - 0.999**STEPS)
    expected = -np.log2(1 + correction)
    np.testing.assert_allclose(table["epsilon"], expected - expected[9], atol=1e-4)


def test_zeros_are_left_out_and_counted():
    rows = planted_steps.record(20, m=lambda t: 1e-6 * 2**-t)
    rows["m"][8:, 0] = 0  # a token of three
    rows["g"][11, 1, 0] = 0  # one element at step 12
    rows["m"][5, 2, 3] = 0  # one at t0, and so at every step
    table, _ = accounted(rows, planted_steps.law(20), 5)
    assert table["left_out"][6] == pytest.approx(1 / 12)
    assert table["left_out"][8] == pytest.approx(5 / 12)
    assert table["left_out"][11] == pytest.approx(6 / 12)
    np.testing.assert_allclose(table["lag"], 5 - np.arange(1.0, 21), atol=1e-6)


def test_the_summary_names_causes_that_add_up(runs):
    rows, law = runs["bfloat16"]
    table, made = accounted(rows, law)
    summary = account.summary(made, 10)
    assert summary["change_over_last_window"]["cell"] == pytest.approx(table["cell"][-10:].mean())
    total = summary["change_over_last_window"]["total"]
    assert sum(summary["causes_over_last_window"].values()) == pytest.approx(total)
    assert sum(summary["shares_over_last_window"].values()) == pytest.approx(1)
    assert summary["change_at_last_step"]["ratchet"] == table["ratchet"][-1]


def test_a_start_beyond_the_run_is_refused():
    with pytest.raises(UserError, match="from_step: 50 is beyond"):
        accounted(planted_steps.record(20), planted_steps.law(20), 50)


def test_a_trajectory_of_another_number_of_steps_is_refused():
    shapes = {name: x.shape for name, x in planted_steps.record(20).items()}
    updates.check(shapes, 20)
    updates.check(shapes | {"g": (21, 3, 4)}, 20)  # with a row of zeros, as some series have it
    with pytest.raises(UserError, match="a run of 19 steps"):
        updates.check(shapes, 19)
