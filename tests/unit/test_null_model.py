"""The null model of black holes: rigid motion and rounding, step by step, against a plain one."""

import itertools

import numpy as np
import pytest
import tiny_run
import torch
from planted import bits_of, plain_value, run_script

from deadtokens.census import initial_cloud, null_model
from deadtokens.errors import UserError
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.training import models


def drifting(seed: int = 0, tokens: int = 40, elements: int = 3, steps: int = 12):
    random = np.random.default_rng(seed)
    cloud = (0.0156 + 3e-5 * random.standard_normal((tokens, elements))).astype(np.float32)
    centroids = 0.0156 + np.cumsum(2e-5 * random.standard_normal((steps + 1, elements)), axis=0)
    return cloud, centroids


def plain_rounded(value: float) -> int:
    return int(bits_of(np.float32([value]))[0])


def plain_count(states) -> list[int]:
    return [len({row.tobytes() for row in np.asarray(state, np.uint16)}) for state in states]


def test_both_readings_are_those_of_single_elements():
    cloud, centroids = drifting()
    model = null_model.NullModel(cloud, 10_000, 5)
    for centroid in centroids:
        model.add(centroid)
    stepwise = [[[plain_rounded(x) for x in row] for row in cloud]]
    for before, after in itertools.pairwise(centroids):
        rise = np.float32(after - before)
        stepwise.append(
            [
                [
                    plain_rounded(np.float32(plain_value(b)) + r)
                    for b, r in zip(row, rise, strict=True)
                ]
                for row in stepwise[-1]
            ]
        )
    drifts = (centroids - centroids[0]).astype(np.float32)
    at_once = [[[plain_rounded(x) for x in row + drift] for row in cloud] for drift in drifts]
    found = dict(model.tables())
    assert found["stepwise"]["vectors"].tolist() == plain_count(stepwise)
    assert found["at_once"]["vectors"].tolist() == plain_count(at_once)
    assert plain_count(stepwise) != plain_count(at_once)
    expected = cloud.mean(axis=0, dtype=np.float64) + centroids - centroids[0]
    np.testing.assert_allclose(model.centres, expected, rtol=1e-12)


def test_steps_below_half_a_cell_are_lost_step_by_step_and_not_at_once():
    cloud = np.full((2, 1), 0.0157, np.float32)
    cell = 2.0**-13
    model = null_model.NullModel(cloud, 100, 2)
    for number in range(20):
        model.add(np.array([0.0157 + number * 0.2 * cell]))
    assert (model._bits == null_model.rounded(cloud)).all()
    assert (null_model.rounded(cloud + np.float32(19 * 0.2 * cell)) > model._bits).all()


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
    assert table["reading"].tolist() == ["stepwise"] * 13 + ["at_once"] * 13
    with TrajectoryReader(tmp_path / "trajectory.safetensors") as file:
        weights = file.read("W")
    first = len({row.tobytes() for row in weights[0]})
    assert table.groupby("reading")["vectors"].first().tolist() == [first, first]
    with TrajectoryReader(tmp_path / "c.safetensors") as file:
        centres = file.read("centre")
    values = (weights.astype(np.uint32) << 16).view(np.float32).astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(centres - centres[0], values - values[0], atol=1e-12)
    refused = follow(random_seed=43)
    assert refused.returncode == 1
    assert "trajectory.safetensors: W at step 0 differs in" in refused.stderr
    assert "Traceback" not in refused.stderr
