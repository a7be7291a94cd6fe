"""Alignment of gradients and of cohorts against brute force, planted truth and a null."""

import csv
import itertools
import json
import shutil

import h5py
import hugging_face
import numpy as np
import pytest
import tiny_run
from planted import measure_dead, run_script, write_masks

from deadtokens import lattice
from deadtokens.cohorts import gradients as alignment
from deadtokens.files.trajectory import write_file
from deadtokens.recorded.rows import read_dead_mask

SETTINGS = {
    **{"run": "planted", "naming": "crucible", "record": ["W", "g"]},
    **{"motion_threshold": 0.1, "still_for": 1, "cohort_window": 5, "alignment_steps": 8},
    **{"permutations": 199, "permutation_seed": 7},
}


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def gradients(n=9, width=6, seed=0):
    return np.random.default_rng(seed).normal(0.5, 1, (n, width)).astype(np.float32)


def test_pairwise_cosine_against_all_pairs():
    g = gradients()
    pairs = [cosine(a, b) for a, b in itertools.combinations(g.astype(float), 2)]
    found = alignment.pairwise_cosine(alignment.directions(g))
    assert found == pytest.approx(np.mean(pairs))
    with_zero = np.concatenate([g, np.zeros((2, 6), np.float32)])
    assert alignment.pairwise_cosine(alignment.directions(with_zero)) == pytest.approx(found)
    assert np.isnan(alignment.pairwise_cosine(alignment.directions(g[:1])))


def test_each_with_the_others_and_with_h_against_brute_force():
    g = gradients().astype(float)
    units = alignment.directions(g)
    for i, found in enumerate(alignment.with_others(units)):
        others = sum(x / np.linalg.norm(x) for j, x in enumerate(g) if j != i)
        assert found == pytest.approx(cosine(g[i], others))
    h = np.arange(6.0)
    for x, found in zip(g, alignment.with_vector(units, h), strict=True):
        assert found == pytest.approx(cosine(x, h))
        assert found == pytest.approx(cosine(-x, -h))  # the descent with -h
    zeros = alignment.with_others(np.zeros((3, 6)))
    assert np.isnan(zeros).all()


def test_gradients_of_dead_rows_point_along_h():
    """Σ over positions of p · h: the mean of the others stands for h where h was not recorded."""
    random = np.random.default_rng(1)
    h = random.normal(0, 1, (50, 6)) + 2
    p = random.lognormal(0, 1, (20, 1)) * random.lognormal(0, 0.1, (20, 50)) * 1e-5
    steps = alignment.Steps()
    steps.add(1, (p @ h).astype(np.float32), h.mean(axis=0))
    assert steps.table()["with_h_mean_p05"][0] > 0.99
    assert steps.table()["with_others_p05"][0] > 0.99
    assert steps.table()["mean_with_h_mean"][0] > 0.99


def test_beyond_common_leaves_what_is_at_right_angles():
    units = alignment.directions(gradients(40))
    mean = units.mean(axis=0)
    left = alignment.beyond_common(units)
    np.testing.assert_allclose(left @ mean, 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(left, axis=1), 1)
    i = units[3] - (units[3] @ mean) * mean / (mean @ mean)
    np.testing.assert_allclose(left[3], i / np.linalg.norm(i))


LAST = np.array([3, 4, 12, 5, -1, 13, 20, 8, 14])  # of 20 steps; cohorts of 5: 1-5, 6-10, 11-15


def test_cohorts_by_hand():
    cohorts = alignment.Cohorts(LAST, 20, 5, 1)
    assert cohorts.tokens.tolist() == [0, 1, 3, 7, 2, 5, 8]
    assert cohorts.sizes.tolist() == [3, 1, 3]
    assert cohorts.steps(3) == [3, 8, 14]
    arrays_of = cohorts.each(cohorts.rows([gradients()], lambda units: units))
    assert [(c["from"], c["to"], c["tokens"]) for c in arrays_of] == [
        (1, 5, 3),
        (6, 10, 1),
        (11, 15, 3),
    ]
    assert arrays_of[1]["cosine"] is None


def test_a_token_that_may_only_have_paused_is_in_no_cohort():
    cohorts = alignment.Cohorts(LAST, 20, 5, 7)  # a last motion at 13 or before
    assert cohorts.tokens.tolist() == [0, 1, 3, 7, 2, 5]
    assert alignment.Cohorts(LAST, 20, 5, 20).tokens.tolist() == []


def test_cosine_within_cohorts_against_all_pairs():
    steps = [gradients(seed=seed) for seed in range(4)]
    cohorts = alignment.Cohorts(LAST, 20, 5, 1)
    rows = cohorts.rows(steps, lambda units: units)
    of = {}
    for members in ((0, 1, 3), (2, 5, 8)):
        pairs = itertools.combinations(members, 2)
        of[members] = [np.mean([cosine(g[a], g[b]) for g in steps]) for a, b in pairs]
    everything = [value for values in of.values() for value in values]
    assert cohorts.within(rows) == pytest.approx(np.mean(everything), abs=1e-6)
    arrays_of = [c["cosine"] for c in cohorts.each(rows) if c["cosine"] is not None]
    np.testing.assert_allclose(arrays_of, [np.mean(values) for values in of.values()], atol=1e-6)


def planted(seed, strength, n=120, steps=40, width=16):
    """A common push, and in each cohort a direction of its own of this strength: (last, g)."""
    random = np.random.default_rng(seed)
    last = random.integers(1, steps, n)
    own = random.normal(0, 1, (steps // 5 + 1, width))[(last - 1) // 5]
    common = random.normal(0, 2, width)
    noise = random.normal(0, 1, (steps, n, width))
    return last, (common + strength * own + noise).astype(np.float32)


@pytest.mark.parametrize("kind", ["as_recorded", "beyond_common"])
def test_a_planted_alignment_is_found(kind):
    last, g = planted(3, strength=0.5)
    found = alignment.compare(alignment.Cohorts(last, 40, 5, 1), list(g), 199, 1)["cohort_tests"][
        kind
    ]
    assert found["p_value"] == 1 / 200
    assert found["excess_over_sd"] > 5
    assert found["excess"] > 0.01


def test_a_null_gives_nothing():
    """p is uniform: of 40 nulls about 2 are below 0.05, and more than 7 once in 10,000 times."""
    small = []
    for seed in range(40):
        last, g = planted(seed, strength=0, n=40, steps=20, width=6)
        tests = alignment.compare(alignment.Cohorts(last, 20, 5, 1), list(g[:4]), 99, seed)
        small.append([test["p_value"] <= 0.05 for test in tests["cohort_tests"].values()])
    assert (np.sum(small, axis=0) <= 7).all()


def test_p_against_all_assignments():
    """Three tokens, a pair and one alone: each of the three pairs is as likely."""
    g = np.float32([[1, 0.1, 0], [1, 0, 0.1], [-1, 0.2, 0.9]])
    cohorts = alignment.Cohorts(np.array([1, 2, 8]), 20, 5, 1)
    rows = cohorts.rows([g], lambda units: units)
    found = cohorts.permutation_test(rows, 5000, 0)
    pairs = [cosine(g[a], g[b]) for a, b in itertools.combinations(range(3), 2)]
    assert found["within"] == pytest.approx(pairs[0], abs=1e-6)
    assert found["p_value"] == pytest.approx(1 / 3, abs=0.03)
    assert found["null_mean"] == pytest.approx(np.mean(pairs), abs=0.03)
    assert sum(found["null_counts"]) == 5000


def test_a_permutation_that_changes_nothing_counts():
    """All gradients alike: every shuffle reaches what was found, so p is 1 with no effect."""
    g = np.tile(np.float32([0.3, 0.7, 0.1]), (12, 1))
    cohorts = alignment.Cohorts(np.arange(1, 13), 20, 5, 1)
    found = cohorts.permutation_test(cohorts.rows([g], lambda units: units), 99, 0)
    assert (found["p_value"], found["excess_over_sd"]) == (1, None)


NOTHING = {
    "not one token froze": [20, 20, -1],
    "no two tokens froze in the same window": [1, 8, 15],
    "in one window": [1, 2, 3],
}


def given_files(folder, **others):
    files = {"trajectory": "t", "masks": "m", "displacement": "d"} | others
    return [
        word
        for name, file in files.items()
        for word in (f"--{name}", folder / f"{file}.safetensors")
    ]


def computed(last, g, folder, h=None, settings=SETTINGS):
    steps, n = len(g), len(last)
    write_masks(folder / "m.safetensors", n)
    l2 = (np.arange(1, steps + 1)[:, None] <= np.array(last)).astype(np.float32)
    rows = {"g": np.float32(g)} | ({} if h is None else {"h_mean": np.float32(h)})
    write_file(folder / "t.safetensors", rows)
    write_file(folder / "d.safetensors", {"l2": l2.reshape(steps, n)})
    table, summary = folder / "made/a.csv", folder / "made/a.json"
    given = given_files(folder)
    made = "--table", table, "--summary", summary
    return run_script("compute_gradients", "--settings", settings, *given, *made), table, summary


def drawn(table, summary, folder):
    look = {"title": "Planted", "width_mm": 120, "dpi": 60}
    files = "--table", table, "--summary", summary, "--figure", folder / "a.png"
    done = run_script("draw_gradients", "--settings", look, *files)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert (folder / "a.png").stat().st_size > 5000


@pytest.mark.parametrize("with_h", [True, False])
def test_scripts_from_gradients_to_picture(with_h, tmp_path):
    last, g = planted(3, strength=0.5)
    h = g.mean(axis=1) if with_h else None
    done, table, summary = computed(last, g, tmp_path, h)
    assert done.returncode == 0, done.stderr
    report = json.loads(summary.read_text())
    assert report["direction_of_h"] == ("h_mean" if with_h else "others")
    cohorts = alignment.Cohorts(last, 40, 5, 1)
    looked_at = cohorts.steps(8)
    assert report["steps_looked_at"] == looked_at
    compared = alignment.compare(cohorts, [g[t - 1] for t in looked_at], 199, 7)
    assert report["cohort_tests"] == compared["cohort_tests"]
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    units = alignment.directions(g[4])
    assert float(rows[4]["pairwise_cosine"]) == pytest.approx(alignment.pairwise_cosine(units))
    mean = [alignment.directions(g[t]).mean(axis=0) for t in (3, 4)]
    assert float(rows[4]["mean_with_step_before"]) == pytest.approx(cosine(*mean))
    drawn(table, summary, tmp_path)


def test_h_of_another_run_of_the_same_training_is_taken_and_of_another_refused(tmp_path):
    last, g = planted(3, strength=0.5)
    loss, h = np.linspace(9, 5, len(g) + 1, dtype=np.float32), g.mean(axis=1)
    expected, own_table, _ = computed(last, g, tmp_path, h)
    assert expected.returncode == 0, expected.stderr
    with_own = own_table.read_text()
    write_file(tmp_path / "t.safetensors", {"g": g, "loss": loss})
    for other, message in ((loss, ""), (loss[::-1].copy(), "that of another training")):
        write_file(tmp_path / "h.safetensors", {"h_mean": h, "loss": other})
        given = given_files(tmp_path, **{"hidden-mean": "h"})
        made = "--table", tmp_path / "b.csv", "--summary", tmp_path / "b.json"
        done = run_script("compute_gradients", "--settings", SETTINGS, *given, *made)
        assert (done.returncode, "Traceback" in done.stderr) == (1 if message else 0, False)
        assert message in done.stderr
    assert (tmp_path / "b.csv").read_text() == with_own


@pytest.mark.parametrize("reason", NOTHING)
def test_nothing_to_test_is_said(reason, tmp_path):
    done, table, summary = computed(NOTHING[reason], np.ones((20, 3, 4)), tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(summary.read_text())["cohort_tests"]["as_recorded"]
    assert reason in report["reason"]
    assert report["p_value"] is None
    drawn(table, summary, tmp_path)


def test_one_dead_token_and_no_gradient(tmp_path):
    done, table, summary = computed([5], np.zeros((20, 1, 4)), tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(summary.read_text())
    assert report["mean_over_steps"]["pairwise_cosine"] is None
    drawn(table, summary, tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [("t", "no g in this file"), ("d", "give the files of one run")]
)
def test_files_of_another_step_or_run_are_refused(name, message, tmp_path):
    last, g = planted(3, strength=0)
    computed(last, g, tmp_path)
    shutil.rmtree(tmp_path / "made")
    (tmp_path / "made").mkdir()
    other = {
        "t": {"W": np.zeros((41, 120, 16), np.uint16)},
        "d": {"l2": np.zeros((40, 3), np.float32)},
    }[name]
    write_file(tmp_path / f"{name}.safetensors", other)
    given = given_files(tmp_path)
    made = "--table", tmp_path / "made/a.csv", "--summary", tmp_path / "made/a.json"
    done = run_script("compute_gradients", "--settings", SETTINGS, *given, *made)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert message in done.stderr
    assert list((tmp_path / "made").iterdir()) == []


def test_a_real_run_of_thimbles_series_against_the_plain_definitions(tmp_path):
    """Its grad_W holds all tokens as bits of bfloat16, with zeros in row 0, and lies in HDF5."""
    _, masks = tiny_run.make_inputs(tmp_path)
    run = tiny_run.settings(**hugging_face.THIMBLE_7, storage="hdf5", learning_rate=1e-3)
    tiny_run.train(tmp_path, run)
    dead, source = read_dead_mask(masks), tmp_path / "trajectory.h5"
    moved = measure_dead(source, "thimble", dead, tmp_path / "d.safetensors")
    table, summary = tmp_path / "a.csv", tmp_path / "a.json"
    settings = SETTINGS | {"naming": "thimble", "record": run.record}
    files = "--trajectory", source, "--masks", masks, "--displacement", moved
    made = "--table", table, "--summary", summary
    done = run_script("compute_gradients", "--settings", settings, *files, *made)
    assert done.returncode == 0, done.stderr
    with h5py.File(source) as file:
        g = lattice.to_float32(file["grad_W"][1:][:, dead]).astype(float)  # (T, n, D)
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["step"]) for row in rows] == [*range(1, run.total_steps + 1)]
    for row, of_step in zip(rows, g, strict=True):
        assert int(row["tokens"]) == dead.sum()
        pairs = [cosine(a, b) for a, b in itertools.combinations(of_step, 2)]
        assert float(row["pairwise_cosine"]) == pytest.approx(np.mean(pairs), abs=1e-9)
        norm = np.median(np.linalg.norm(of_step, axis=1))
        assert float(row["gradient_norm_median"]) == pytest.approx(norm, rel=1e-5)
    assert json.loads(summary.read_text())["steps"] == run.total_steps


def test_a_run_without_gradients_is_refused(tmp_path):
    last, g = planted(3, strength=0)
    done, *_ = computed(last, g, tmp_path, settings=SETTINGS | {"record": ["W"]})
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "planted does not record g" in done.stderr
