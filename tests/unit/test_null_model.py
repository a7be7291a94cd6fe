"""The null model of black holes: rigid motion and rounding, step by step, against a plain one."""

import itertools

import numpy as np
import pytest
import tiny_run
import torch
from planted import bits_of, plain_value, run_script

from deadtokens.census import common_update, formats, initial_cloud, null_model, rounding
from deadtokens.errors import UserError
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.training import models


def drifting(seed: int = 0, tokens: int = 40, elements: int = 3, steps: int = 12):
    """A cloud in float32 and states of its rows, each token with an update of its own."""
    random = np.random.default_rng(seed)
    cloud = (0.0156 + 3e-5 * random.standard_normal((tokens, elements))).astype(np.float32)
    states = [rounding.rounded(cloud)]
    for _ in range(steps):
        common = 4e-5 * random.standard_normal(elements)
        own = 1e-5 * random.standard_normal((tokens, elements))
        values = formats.values(states[-1], formats.BFLOAT16)
        states.append(rounding.rounded(values + (common + own).astype(np.float32)))
    return cloud, states


def plain_mean(bits) -> np.ndarray:
    return np.array([[plain_value(b) for b in row] for row in bits]).mean(axis=0)


def plain_moved(bits, rise):
    """Each element by itself; what does not rise stays."""
    return [
        [
            plain_rounded(np.float32(plain_value(b)) + r) if r else int(b)
            for b, r in zip(row, rise.astype(np.float32), strict=True)
        ]
        for row in bits
    ]


def plain_rounded(value: float) -> int:
    return int(bits_of(np.float32([value]))[0])


def plain_count(states) -> list[int]:
    return [len({row.tobytes() for row in np.asarray(state, np.uint16)}) for state in states]


def test_all_readings_are_those_of_single_elements():
    cloud, states = drifting()
    model = null_model.NullModel(cloud, 10_000, 5)
    for state in states:
        model.add(state)
    begin = [[plain_rounded(x) for x in row] for row in cloud]
    stepwise, pushed, means = [begin], [begin], [plain_mean(state) for state in states]
    for before, after in itertools.pairwise(states):
        rise = plain_mean(after) - plain_mean(before)
        stepwise.append(plain_moved(stepwise[-1], rise))
        pushed.append(plain_moved(pushed[-1], common_update.of(before, after).update))
    drifts = [(mean - means[0]).astype(np.float32) for mean in means]
    at_once = [[[plain_rounded(x) for x in row + drift] for row in cloud] for drift in drifts]
    table = model.table()
    found = {reading: of["vectors"].tolist() for reading, of in table.groupby("reading")}
    assert found == {
        "stepwise": plain_count(stepwise),
        "pushed": plain_count(pushed),
        "at_once": plain_count(at_once),
    }
    assert len({*map(tuple, found.values())}) == 3
    expected = cloud.mean(axis=0, dtype=np.float64) + np.array(means) - means[0]
    np.testing.assert_allclose(model.centres, expected, rtol=1e-12)
    counts = table[[*null_model.AGREEMENT]]
    assert counts[table["reading"] != "pushed"].isna().all(axis=None)
    assert counts.iloc[0].tolist() == [0, 0, 0]
    some = counts[table["reading"] == "pushed"].sum()
    changed = sum((a != b).any(axis=0).sum() for a, b in itertools.pairwise(states))
    assert some["changed_elements"] == changed
    assert some["agreed_elements"] < changed < some["agreeing_tokens"] < 40 * changed


def test_the_common_update_explains_as_many_tokens_as_any_does():
    cloud, states = drifting(seed=3, steps=6)
    for before, after in itertools.pairwise(states):
        found = common_update.of(before, after)
        for element in range(cloud.shape[1]):
            was = np.array([plain_value(b) for b in before[:, element]])

            def explained(update, was=was, became=after[:, element]):
                return int((bits_of((was + update).astype(np.float32)) == became).sum())

            assert found.agreeing[element] == explained(found.update[element])
            tried = np.linspace(-4e-4, 4e-4, 4001)
            assert max(map(explained, tried[::10])) <= found.agreeing[element]
    same = common_update.of(states[0], states[0])
    assert not same.changed.any()
    assert (same.update.tolist(), same.agreeing.tolist()) == ([0.0] * 3, [40] * 3)


def test_all_tokens_agree_on_a_push_that_is_one():
    random = np.random.default_rng(5)
    # The smallest values have the finest cells, and tell the push most exactly.
    before = rounding.rounded(0.06 * random.random((500, 8)))
    push = 3e-4 * random.standard_normal(8)
    found = common_update.of(before, null_model.moved(before, push))
    assert (found.agreeing == 500).all()
    np.testing.assert_allclose(found.update[found.changed], push[found.changed], atol=3e-6)


def test_a_push_that_few_rows_follow_is_lost_in_their_mean():
    """Below a power of two rows move by a push that the cells above it lose, and gather there."""
    below, at = 0.0155, 2.0**-6
    cell = 2.0**-14  # below; above it is twice as wide
    cloud = np.float32([[below], [at + 2**-13], [at + 2**-12]])
    states = [rounding.rounded(cloud)]
    for _ in range(10):
        states.append(null_model.moved(states[-1], np.array([0.8 * cell])))
    model = null_model.NullModel(cloud, 100, 3)
    for state in states:
        model.add(state)
    assert formats.values(states[-1], formats.BFLOAT16)[0, 0] == at
    assert (model._pushed == states[-1]).all()
    assert (model._stepwise == states[0]).all()  # a third of a cell at each step
    last = model.table().groupby("reading")["at_power_of_two"].last()
    assert last["pushed"] == pytest.approx(1 / 3)
    assert last["stepwise"] == 0


def test_the_sign_of_a_zero_is_left_by_an_increment_of_nothing():
    zeros = np.array([[0x8000, 0x0000]], np.uint16)
    assert null_model.moved(zeros, np.zeros(2)).tolist() == zeros.tolist()


@pytest.mark.parametrize("changes", [{}, {"init": "point", "init_spread": 1e-4}])
def test_the_cloud_is_what_the_run_rounds(changes):
    run = tiny_run.settings(**changes)
    state = torch.random.get_rng_state()
    cloud = initial_cloud.drawn(run)
    assert torch.equal(state, torch.random.get_rng_state())
    built = models.build(run).W.detach().view(torch.uint16).numpy()
    initial_cloud.check(cloud, built, "t")
    other = initial_cloud.drawn(tiny_run.settings(random_seed=43, **changes))
    with pytest.raises(UserError, match=r"t: W at step 0 differs in .* of .* elements"):
        initial_cloud.check(other, built, "t")


def test_the_program_follows_a_run_and_refuses_that_of_another_seed(tmp_path):
    tiny_run.make_inputs(tmp_path)
    run = tiny_run.settings(record=["W"], init="point", init_spread=1e-4)
    tiny_run.train(tmp_path, run)
    settings = tiny_run.SETTINGS | {"record": ["W"], "init": "point", "init_spread": 1e-4}

    def follow(**changes):
        given = {"training": settings | changes, "pair_limit": 1000, "ranks": 3}
        return run_script(
            *("compute_null_census_in_time", "--settings", given),
            *("--trajectory", tmp_path / "trajectory.safetensors"),
            *("--masks", tmp_path / "masks.safetensors", "--table", tmp_path / "n.csv"),
            *("--centres", tmp_path / "c.safetensors"),
        )

    done = follow()
    assert done.returncode == 0, done.stderr
    table = tables.read(tmp_path / "n.csv", text=("reading", "populations"))
    assert table["reading"].tolist() == ["pushed"] * 13 + ["stepwise"] * 13 + ["at_once"] * 13
    with TrajectoryReader(tmp_path / "trajectory.safetensors") as file:
        weights = file.read("W")
    first = len({row.tobytes() for row in weights[0]})
    assert table.groupby("reading")["vectors"].first().tolist() == [first] * 3
    with TrajectoryReader(tmp_path / "c.safetensors") as file:
        centres = file.read("centre")
    values = (weights.astype(np.uint32) << 16).view(np.float32).astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(centres - centres[0], values - values[0], atol=1e-12)
    refused = follow(random_seed=43)
    assert refused.returncode == 1
    assert "trajectory.safetensors: W at step 0 differs in" in refused.stderr
    assert "Traceback" not in refused.stderr
