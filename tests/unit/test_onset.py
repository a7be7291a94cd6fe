"""How much is frozen when, against counting; intervals over seeds against known ones."""

import itertools

import numpy as np
import pytest
from planted import bits_of, measure, plain_ulp, plain_value, write_weights

from deadtokens.causes import onset
from deadtokens.errors import UserError
from deadtokens.files.trajectory import TrajectoryReader


def test_frozen_against_counting():
    random = np.random.default_rng(1)
    last = random.choice([-1, 1, 5, 19, 20], 100)
    shares = onset.frozen(last, 20)
    for t in range(1, 21):
        assert shares[t - 1] == np.mean([x <= t and x < 20 for x in last])
    assert 0 < shares[-1] < 1


def test_what_lies_beyond_the_run_is_never():
    assert onset.times(np.array([3, 9, 5, 10]), 10) == {"median_freeze": 5, "last_motion": None}
    assert onset.times(np.array([3, 10, 10]), 10) == {"median_freeze": None, "last_motion": None}
    assert onset.times(np.array([3, -1, 7]), 10) == {"median_freeze": 3, "last_motion": 7}


def test_intervals_over_seeds():
    """Student's own table: mean 2 and deviation 1 of three values, 2 ± 4.303 / sqrt(3)."""
    summary = onset.over_seeds([1.0, 2.0, 3.0])
    assert (summary["mean"], summary["never"], summary["least"]) == (2.0, 0, 1.0)
    assert summary["high"] - 2 == pytest.approx(2.4843, abs=1e-3) == 2 - summary["low"]
    assert onset.over_seeds([5])["low"] is None
    never = onset.over_seeds([1400, None, 1300])
    assert never == {"seeds": 3, "never": 1, "least": 1300, "mean": None, "low": None, "high": None}
    assert onset.over_seeds([None])["least"] is None


def test_an_interval_holds_the_truth_as_often_as_it_says():
    """3 normal seeds, 4,000 times: 95% ± 4.9 standard errors, a false alarm in 10^6."""
    random = np.random.default_rng(7)
    intervals = [onset.over_seeds(random.normal(0, 1, 3).tolist()) for _ in range(4000)]
    share = np.mean([one["low"] <= 0 <= one["high"] for one in intervals])
    assert abs(share - 0.95) < 4.9 * np.sqrt(0.95 * 0.05 / 4000)


STEPS, TOKENS, ELEMENTS = 40, 6, 3


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Weights that hop by one cell in one element until each token's known last motion."""
    folder = tmp_path_factory.mktemp("onset")
    random = np.random.default_rng(3)
    last = np.array([-1, 1, 10, 30, 39, 40])
    weights = [bits_of(random.uniform(0.1, 0.2, (TOKENS, ELEMENTS)))]
    for step in range(1, STEPS + 1):
        moving = (random.random(TOKENS) < 0.5) & (step <= last) | (step == last)
        after = weights[-1].copy()
        after[moving, random.integers(0, ELEMENTS)] += 1
        weights.append(after)
    weights = np.stack(weights)
    measure(write_weights(folder / "W.safetensors", weights), folder / "displacement.safetensors")
    return weights, last, folder / "displacement.safetensors"


def plain_course(weights):
    """Every number of a course by loops over docs/physics.md's definitions."""
    rows = {"moving": [], "displacement": [], "vector": [], "hops": []}
    for before, after in itertools.pairwise(weights):
        sizes, vectors = [], []
        for x, y in zip(before, after, strict=True):
            pairs = [*zip(x.tolist(), y.tolist(), strict=True)]
            cells = [(plain_value(b) - plain_value(a)) / plain_ulp(a) for a, b in pairs]
            change = sum((plain_value(b) - plain_value(a)) ** 2 for a, b in pairs) ** 0.5
            length = sum(plain_value(a) ** 2 for a, _ in pairs) ** 0.5
            sizes.append(sum(cell**2 for cell in cells) ** 0.5)
            vectors.append(change / (length * 2**-7))
        rows["moving"].append(sum(size >= 0.1 for size in sizes) / TOKENS)
        rows["displacement"].append(sum(sizes) / TOKENS)
        rows["vector"].append(sum(vectors) / TOKENS)
        steps = np.abs(after.astype(int) - before.astype(int))
        rows["hops"].append(steps.sum() / steps.size)
    return rows


@pytest.mark.parametrize("chunk", [1, 64, 10**6])
def test_a_course_against_loops(planted, chunk):
    weights, last, path = planted
    with TrajectoryReader(path) as file:
        found = onset.course(lambda name: file.chunks(name, chunk), ELEMENTS, 0.1)
    assert found.last.tolist() == last.tolist()
    for name, values in plain_course(weights).items():
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-5, err_msg=name)


def course_of(last, displacement, moving=0.5):
    """A course that is flat but for these."""
    flat = np.ones(len(displacement))
    size = np.asarray(displacement, float)
    return onset.Course(np.asarray(last), moving * flat, size, size, flat)


def test_numbers_of_a_run_whose_freeze_is_known():
    displacement = [100.0] * 10 + [8.0] * 5 + [4.0] * 10 + [0.5] * 5
    summary = onset.numbers(course_of([-1, 20, 25, 26, 30], displacement), from_step=11, window=5)
    assert (summary["median_freeze"], summary["last_motion"]) == (25, None)
    assert summary["mean_freeze"] == (0 + 20 + 25 + 26 + 30) / 5
    assert summary["frozen_at_end"] == 4 / 5  # all but the one that moves at the last step
    assert summary["still"] == 3 / 5  # no motion at steps 26 to 30
    assert (summary["displacement_at_start"], summary["displacement_at_end"]) == (8, 0.5)
    assert summary["hops_at_end"] == 5


def test_displacements_that_are_not_finite_are_left_out():
    l2 = np.array([[1, np.inf, 3], [np.inf, np.nan, np.inf], [2, 2, 5]], np.float32)
    found = onset.course(lambda name: iter([(0, l2)]), 1, 0.1)
    assert found.displacement.tolist()[::2] == [2, 3]
    assert np.isnan(found.displacement[1])
    assert onset.windows(found.displacement, 1, 2) == (2, 3)
    assert np.isnan(onset.windows(found.displacement, 2, 1)[0])


def test_displacements_of_other_tokens_or_lengths_are_distinguished():
    ids = {"a": np.arange(3), "b": np.arange(3)}
    onset.check(ids, {"a": 5, "b": 5})
    for tokens, steps in (
        (ids, {"a": 5, "b": 6}),
        (ids | {"b": np.arange(1, 4)}, {"a": 5, "b": 5}),
    ):
        with pytest.raises(UserError, match=r"b is of 3 tokens over . steps, a of 3 over 5: give"):
            onset.check(tokens, steps)


# Two-sided 95% points of Student's t by degrees of freedom (Fisher & Yates, table III).
FISHER_YATES = {1: 12.706, 2: 4.303, 5: 2.571, 9: 2.262, 10: 2.228, 20: 2.086, 30: 2.042, 60: 2.0}


@pytest.mark.parametrize("freedom", FISHER_YATES)
def test_an_interval_of_any_number_of_seeds(freedom):
    values = np.random.default_rng(freedom).normal(5, 2, freedom + 1).tolist()
    summary = onset.over_seeds(values)
    half = FISHER_YATES[freedom] * np.std(values, ddof=1) / np.sqrt(freedom + 1)
    assert summary["seeds"] == freedom + 1
    assert summary["high"] - summary["mean"] == pytest.approx(half, rel=3e-4)
    assert summary["mean"] - summary["low"] == pytest.approx(half, rel=3e-4)


def test_a_thousand_seeds_come_to_the_normal_distribution():
    summary = onset.over_seeds([0.0, 1.0] * 500)
    assert summary["high"] - 0.5 == pytest.approx(1.9623 * 0.50025 / np.sqrt(1000), rel=1e-4)
