"""How many tokens and elements move at each step, against loops; runs that continue others."""

import contextlib
import itertools
from argparse import Namespace

import numpy as np
import pandas as pd
import planted
import pytest
from planted import bits_of, cooling_weights, measure, plain_ulp, plain_value, write_weights

from deadtokens.causes import course
from deadtokens.errors import UserError
from deadtokens.files import tables

compute_course = planted.module("compute_course")
STEPS, TOKENS, ELEMENTS, STILL = 40, 6, 3, 5


def hopping(steps=STEPS, seed=3):
    """Weights that hop by one cell in one element until each token's known last motion."""
    random = np.random.default_rng(seed)
    last = np.array([-1, 1, 10, 30, 39, 40])
    weights = [bits_of(random.uniform(0.1, 0.2, (TOKENS, ELEMENTS)))]
    for step in range(1, steps + 1):
        moving = (random.random(TOKENS) < 0.4) & (step <= last) | (step == last)
        after = weights[-1].copy()
        after[moving, random.integers(0, ELEMENTS)] += 1
        weights.append(after)
    return np.stack(weights)


def computed(folder, parts, still_for=STILL, threshold=0.1):
    """The table of a course of these weights, by the program; each part all that is in its file."""
    paths, first = [], 1
    segments = []
    for i, (weights, steps) in enumerate(parts):
        made = write_weights(folder / f"W{i}.safetensors", weights)
        paths.append((made, measure(made, folder / f"displacement{i}.safetensors")))
        segments.append({"run": f"run{i}", "first_step": first, "last_step": first + steps - 1})
        segments[-1]["naming"] = "crucible"
        first += steps
    settings = {"segments": segments, "motion_threshold": threshold, "still_for": still_for}
    masks = planted.write_masks(folder / "masks.safetensors", parts[0][0].shape[1])
    compute_course.main(
        Namespace(
            settings=settings,
            trajectories=[path for path, _ in paths],
            displacements=[path for _, path in paths],
            masks=masks,
            table=folder / "course.csv",
        )
    )
    return tables.read(folder / "course.csv", course.COLUMNS)


def moves_of(weights):
    """Which tokens and which elements move at each step, by docs/physics.md's definitions."""
    tokens, elements = [], []
    for before, after in itertools.pairwise(weights):
        here, changed = [], []
        for x, y in zip(before.tolist(), after.tolist(), strict=True):
            cells = [
                (plain_value(b) - plain_value(a)) / plain_ulp(a) for a, b in zip(x, y, strict=True)
            ]
            here.append(sum(cell**2 for cell in cells) ** 0.5 >= 0.1)
            changed += [a != b for a, b in zip(x, y, strict=True)]
        tokens.append(here)
        elements.append(changed)
    return {"tokens": np.array(tokens), "elements": np.array(elements)}


def plain_onset(moves, still_for):
    """The first s with no motion in s+1..s+still_for, all steps of the run; None without one."""
    steps = len(moves)
    for s in range(steps - still_for + 1):
        if not any(moves[s : s + still_for]):
            return s
    return None


def plain_counts(moves, still_for):
    """The columns of one unit, token by token and step by step."""
    steps = len(moves)
    onsets = [plain_onset(of, still_for) for of in moves.T.tolist()]
    rows = []
    for t in range(steps + 1):
        lately = moves[t - still_for : t].any(axis=0).sum() if t >= still_for else None
        before = sum(onset is None or onset > t for onset in onsets)
        moving = int(moves[t - 1].sum()) if t else 0
        rows.append((moving, lately, before if t <= steps - still_for else None))
    return [list(column) for column in zip(*rows, strict=True)]


def known(column):
    return [None if np.isnan(value) else value for value in column]


@pytest.mark.parametrize("still_for", [1, 5, 17, 40, 41])
def test_counts_against_loops(tmp_path, still_for):
    weights = hopping()
    found = computed(tmp_path, [(weights, STEPS)], still_for)
    assert found["step"].tolist() == [*range(STEPS + 1)]
    assert (found["tokens"] == TOKENS).all()
    assert (found["elements"] == TOKENS * ELEMENTS).all()
    for unit, moves in moves_of(weights).items():
        for name, expected in zip(course.COUNTS, plain_counts(moves, still_for), strict=True):
            assert known(found[f"{unit}_{name}"]) == expected, (unit, name)


@pytest.mark.parametrize("chunk", [1, 64, 10**6])
def test_chunks_of_any_size_give_the_same(tmp_path, monkeypatch, chunk):
    whole = computed(tmp_path, [(hopping(), STEPS)])
    monkeypatch.setattr(course, "CHUNK_BYTES", chunk)
    made = write_weights(tmp_path / "W.safetensors", hopping())
    measured = measure(made, tmp_path / "displacement.safetensors")
    with planted.TrajectoryReader(made) as file, planted.TrajectoryReader(measured) as motion:
        segment = course.Segment(planted.dead_rows(file), motion, STEPS)
        pieces = course.table([segment], 0.1, STILL)
    pd.testing.assert_frame_equal(pieces.astype(float), whole.astype(float))


def test_sizes_of_steps_against_loops(tmp_path):
    weights = hopping()
    found = computed(tmp_path, [(weights, STEPS)])
    rows = {name: [np.nan] for name in course.SIZES}
    for before, after in itertools.pairwise(weights):
        sizes, vectors = [], []
        for x, y in zip(before, after, strict=True):
            pairs = [*zip(x.tolist(), y.tolist(), strict=True)]
            cells = [(plain_value(b) - plain_value(a)) / plain_ulp(a) for a, b in pairs]
            change = sum((plain_value(b) - plain_value(a)) ** 2 for a, b in pairs) ** 0.5
            length = sum(plain_value(a) ** 2 for a, _ in pairs) ** 0.5
            sizes.append(sum(cell**2 for cell in cells) ** 0.5)
            vectors.append(change / (length * 2**-7))
        rows["displacement"].append(sum(sizes) / TOKENS)
        rows["vector"].append(sum(vectors) / TOKENS)
        steps = np.abs(after.astype(int) - before.astype(int))
        rows["hops"].append(steps.sum() / steps.size)
    for name, expected in rows.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, err_msg=name)


def test_displacements_that_are_not_finite_are_left_out():
    l2 = np.array([[1, np.inf, 3], [np.inf, np.nan, np.inf], [2, 2, 5]], np.float32)
    means = course._by_step([l2], course._finite_mean)
    assert means[[1, 3]].tolist() == [2, 3]
    assert np.isnan(means[[0, 2]]).all()


@pytest.mark.parametrize("seam", [3, 12, 33])
def test_runs_that_continue_others_are_one_course(tmp_path, seam):
    """The source goes its own way after the seam, which the course does not see."""
    (tmp_path / "whole").mkdir()
    weights = hopping()
    source = np.concatenate([weights[: seam + 1], cooling_weights(9, TOKENS, ELEMENTS)])
    whole = computed(tmp_path / "whole", [(weights, STEPS)])
    parts = computed(tmp_path, [(source, seam), (weights[seam:], STEPS - seam)])
    pd.testing.assert_frame_equal(parts, whole)
    middle = (seam + STEPS) // 2
    three = [(source, seam), (weights[seam:], middle - seam), (weights[middle:], STEPS - middle)]
    pd.testing.assert_frame_equal(computed(tmp_path, three), whole)


def test_the_first_steps_of_a_longer_run_are_those_of_a_shorter(tmp_path):
    weights = hopping()
    long, short = (computed(tmp_path, [(weights[: t + 1], t)]) for t in (STEPS, 25))
    for name in course.COLUMNS:
        seen = 25 - STILL if name.endswith("before_onset") else 25
        expected = long[name][: seen + 1].astype(float)
        pd.testing.assert_series_equal(short[name][: seen + 1].astype(float), expected)


def test_files_that_do_not_belong_together_end_with_one_message(tmp_path):
    weights = hopping()
    paths = {}
    for name, rows in {
        "a": weights,
        "b": weights[10:],
        "other": cooling_weights(STEPS, TOKENS, ELEMENTS),
        "wider": cooling_weights(STEPS, TOKENS, ELEMENTS + 1),
        "more": cooling_weights(STEPS, TOKENS + 1, ELEMENTS),
    }.items():
        made = write_weights(tmp_path / f"{name}.safetensors", rows)
        paths[name] = made, measure(made, tmp_path / f"{name}_displacement.safetensors")

    def check(names, steps, displacements=None):
        with contextlib.ExitStack() as files:
            segments = []
            for name, measured, count in zip(names, displacements or names, steps, strict=True):
                file = files.enter_context(planted.TrajectoryReader(paths[name][0]))
                motion = files.enter_context(planted.TrajectoryReader(paths[measured][1]))
                segments.append(course.Segment(planted.dead_rows(file), motion, count))
            course.check(segments)

    check("ab", (10, 30))
    for arguments, message in (
        (("ab", (11, 29)), "b.safetensors does not begin with the weights that .*a.* step 11"),
        ((("a", "other"), (10, 30)), "does not begin with the weights"),
        ((("a", "wider"), (10, 30)), "wider.safetensors is of 6 tokens of 4 elements, .*a.safe"),
        ((("a", "more"), (10, 30)), "more.safetensors is of 7 tokens"),
        (("ab", (10, 31)), "b.safetensors has 30 steps; 31 of them are wanted"),
        (("a", (40,), "b"), "b_displacement.* is of 6 tokens over 30 steps, .*a.* of 6 over 40"),
    ):
        with pytest.raises(UserError, match=message):
            check(*arguments)
