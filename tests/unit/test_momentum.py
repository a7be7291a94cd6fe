"""Distances, crossings and the plane of moments, on the real optimizer's trajectories."""

import csv
import json
import math

import h5py
import hugging_face
import numpy as np
import planted
import planted_steps
import pytest
import tiny_run
import torch
from planted import run_script
from safetensors.numpy import load_file

from deadtokens import lattice
from deadtokens.cohorts import momentum, plane, quick_statistics
from deadtokens.files import storage
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.freezing import freezing
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.statistics import density
from deadtokens.training.adamw import for_loop
from deadtokens.update_law import UpdateLaw

STEPS, STOP = 60, 35
BINS = density.Bins.over(STEPS, 500, 40, 2.0**-6, 2.0**10)
SETTINGS = {
    "optimizer": {
        **{"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
        **{"weight_decay": 0.0, "elapsed_steps": 0},
    },
    "schedule": {
        **{"learning_rate": 1e-3, "schedule": "constant"},
        **{"schedule_steps": STEPS, "elapsed_steps": 0},
    },
    **{"run": "planted", "total_steps": STEPS, "adamw": "for-loop"},
    **{"state_precision": "bfloat16", "second_moment_precision": None},
    **{"weight_precision": "bfloat16"},
    **{"naming": "crucible", "record": ["W", "m", "v", "g"]},
    "motion_threshold": 0.1,
    "still_for": 1,
    "chosen_steps": [1, 20, 1000],
    "plane_bins": 30,
    "density": {"time": 500, "displacement": 40, "lowest": 2.0**-6, "highest": 2.0**10},
}
LAW = UpdateLaw.from_settings(SETTINGS)


def real(gradient, n=30, width=8, seed=0, start=None):
    """W, m, v, g of the real optimizer under `gradient(step, shape, random)`."""
    random = np.random.default_rng(seed)
    # Away from zero, where cells are so small that elements move for ever.
    size = 0.02 + np.abs(random.normal(0, 0.02, (n, width)))
    w = size * random.choice([-1, 1], size.shape) if start is None else start
    w = torch.from_numpy(np.float32(w)).bfloat16()
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    bits = lambda: w.view(torch.uint16).numpy().copy()  # noqa: E731
    rows = {"W": [bits()], "m": [m.float().numpy()], "v": [v.float().numpy()], "g": []}
    for step in range(1, STEPS + 1):
        g = torch.from_numpy(np.float32(gradient(step, w.shape, random))).bfloat16()
        for_loop(
            *([tensor] for tensor in (w, g, m, v)),
            step=step,
            learning_rate=1e-3,
            beta1=0.9,
            beta2=0.999,
            epsilon=1e-8,
            weight_decay=0.0,
        )
        rows["W"].append(bits())
        for name, tensor in (("m", m), ("v", v), ("g", g)):
            rows[name].append(tensor.float().numpy())
    return {name: np.stack(values) for name, values in rows.items()}


def cooling(step, shape, random):
    return 1e-4 * 0.6**step * random.normal(0, 1, shape)


def hot(step, shape, random):
    return np.full(shape, 1e-4)


def last_motion(w):
    """docs/physics.md, to the letter."""
    with np.errstate(all="ignore"):
        l2 = np.linalg.norm(lattice.displacement(w[:-1], w[1:]), axis=2)
    return freezing.last_motion([(0, l2)], 0.1)


def followed(rows, last=None, size=7):
    run = planted_steps.each(rows, size)
    n = rows["W"].shape[1]
    written = {name: np.full((STEPS, n), np.nan) for name in momentum.DISTANCES}
    last = last_motion(rows["W"]) if last is None else last
    trace = momentum.follow(
        run, last, LAW, BINS, lambda name, row, values: written[name].__setitem__(row, values), 1
    )
    return trace, written


def brute_distances(rows, rate=1e-3):
    """(T, n, D) log2(|update| / half a cell), by the formula of Adam, in plain Python's floats."""
    found = np.full(rows["g"].shape, -np.inf)
    for t in range(1, len(found) + 1):
        w = lattice.to_float32(rows["W"][t - 1]).astype(float)
        m, v = rows["m"][t].astype(float), rows["v"][t].astype(float)
        update = rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        mantissa, exponent = np.frexp(np.abs(w))
        half = np.exp2(exponent - 9.0)  # normal numbers: 2^(E - 127 - 7) / 2
        half[(mantissa == 0.5) & (np.sign(w) == np.sign(m))] /= 2
        with np.errstate(divide="ignore"):
            found[t - 1] = np.log2(np.abs(update) / half)
    return found


@pytest.fixture(scope="module")
def cooled():
    return real(cooling)


def test_distances_against_brute_force(cooled):
    trace, written = followed(cooled)
    brute = brute_distances(cooled)
    np.testing.assert_allclose(written["distance"], brute.max(axis=2), atol=0.02)
    typical = np.log2(np.median(np.exp2(brute), axis=2))
    np.testing.assert_allclose(written["typical_distance"], typical, atol=0.02)
    assert trace.at_end.tolist() == written["distance"][-1].tolist()
    beyond = brute.max(axis=2) > 0
    last = [
        max((t for t in range(1, STEPS + 1) if beyond[t - 1, i]), default=-1) for i in range(30)
    ]
    assert trace.last_crossing["formula"].tolist() == last
    for i, stop in enumerate(trace.last_motion):
        assert trace.largest_after[i] == np.float32(written["distance"][stop:, i].max())
    final = trace.last_motion.max()
    assert trace.final_largest == written["distance"][final:].max()


def test_every_motion_is_predicted(cooled):
    trace, _ = followed(cooled)
    summary = momentum.summary(trace, [], STEPS, 0.1, 1)
    elements = summary["elements"]
    assert elements["all"] == elements["reproduced"] == STEPS * 30 * 8
    moved = lattice.to_float32(cooled["W"][1:]) != lattice.to_float32(cooled["W"][:-1])
    assert elements["beyond_and_moved"] + elements["short_but_moved"] == moved.sum() > 100
    assert elements["beyond_but_still"] + elements["short_but_moved"] <= elements["at_a_tie"]
    agreed = summary["crossing_against_last_motion"]["optimizer"]
    assert agreed["stopped"] == 30
    assert (agreed["share_equal"], agreed["mean_absolute_difference"]) == (1, 0)
    assert agreed["correlation"] == pytest.approx(1)
    assert summary["final"]["largest_distance"] < 0 < summary["final"]["still_steps"]


def test_a_planted_crossing_is_found_at_its_step():
    """An update of 1e-3 is beyond half a cell of 0.2, 4.9e-4, and short of that of 1.5, 3.9e-3.

    Token 0 is pushed like the others until STOP. Then one gradient cancels its momentum, 0.975e-4
    by then, and no other follows: from the next step on its update is next to nothing.
    """

    def push(step, shape, random):
        g = np.full(shape, 1e-4)
        g[0] *= step <= STOP
        g[0] -= 9 * 0.975e-4 * (step == STOP + 1)
        return g

    start = np.full((3, 4), 0.2)
    start[2] = 1.5
    rows = real(push, start=start)
    trace, written = followed(rows)
    crossing = max(t for t in range(1, STEPS + 1) if written["distance"][t - 1, 0] > 0)
    assert crossing == trace.last_crossing["optimizer"][0] == trace.last_motion[0] == STOP
    assert trace.last_motion[1] == trace.last_crossing["optimizer"][1] == STEPS
    assert trace.last_motion[2] == trace.last_crossing["optimizer"][2] == -1
    assert math.isnan(trace.largest_after[1])


def test_common_changes_are_distinguished_from_independent_ones():
    random = np.random.default_rng(5)
    together, alone, half = (momentum.CommonChange() for _ in range(3))
    for _ in range(4000):
        common, own = random.normal(0, 1), random.normal(0, 1, 10)
        together.add(np.full(10, common))
        alone.add(own)
        half.add(np.append(common + own, [np.nan, -np.inf]))
    assert together.share() == pytest.approx(1)
    assert alone.share() == pytest.approx(0.1, abs=0.01)
    assert half.share() == pytest.approx((1 + 0.1) / 2, abs=0.03)
    assert momentum.CommonChange().share() is None


def test_agreement_by_hand():
    crossing, last = np.array([3, 5, 9, -1, 10]), np.array([3, 7, 8, -1, 10])
    found = momentum.agreement(crossing, last, 10, 1)
    assert (found["tokens"], found["equal"], found["stopped"]) == (5, 3, 3)
    assert found["share_equal"] == pytest.approx(1 / 3)
    assert found["mean_absolute_difference"] == pytest.approx(1)
    assert found["mean_difference"] == pytest.approx(-1 / 3)
    assert found["correlation"] == pytest.approx(np.corrcoef([3, 5, 9], [3, 7, 8])[0, 1])
    assert found["censored"] == 1
    # Still for 3 steps: the token that moved last at step 8 of 10 may only have paused.
    found = momentum.agreement(crossing, last, 10, 3)
    assert (found["stopped"], found["censored"], found["stopped_and_equal"]) == (2, 2, 1)
    assert momentum.period_of_freezing(last, 10, 3) == (3, 7)
    assert momentum.period_of_freezing(last, 10, 1) == (3, 8)
    assert momentum.period_of_freezing(last, 10, 9) == (1, 10)


def test_the_plane_against_brute_force(cooled):
    chosen = plane.chosen_steps([1, 20, 1000], STEPS)
    assert chosen == [1, 20, STEPS]
    every = [None, *planted_steps.each(cooled)]
    arrays, per_step = plane.planes(every.__getitem__, chosen, LAW, 30)
    brute = brute_distances(cooled)
    for i, step in enumerate(chosen):
        size, root = np.abs(cooled["m"][step]).ravel(), np.sqrt(cooled["v"][step]).ravel()
        x, y = arrays["deviation_edges"], arrays["momentum_edges"]
        counts = np.zeros((30, 30), int)
        for a, b in zip(size, root, strict=True):
            row, column = np.searchsorted(y, a, "right") - 1, np.searchsorted(x, b, "right") - 1
            if 0 <= row < 30 and 0 <= column < 30:
                counts[row, column] += 1
        np.testing.assert_array_equal(arrays["plane_counts"][i], counts)
        assert counts.sum() + arrays["plane_outside"][i] == size.size
        assert per_step[i]["share_of_elements_beyond"] == pytest.approx(
            (brute[step - 1] > 0).mean()
        )
        # On the line the update is half a cell: the definition, solved for |m|.
        v, m = x[7] ** 2, arrays["line_median"][i, 7]
        update = 1e-3 * (m / (1 - 0.9**step)) / (math.sqrt(v / (1 - 0.999**step)) + 1e-8)
        assert update == pytest.approx(per_step[i]["half_cell"]["median"], rel=1e-6)


def test_quick_statistics_against_the_notebooks_formulas(cooled, tmp_path):
    source, masks, moved = written_files(cooled, tmp_path)
    with TrajectoryReader(source) as file, TrajectoryReader(moved) as displacements:
        rows = TokenRows(file, "crucible", read_dead_mask(masks), "dead")
        found = quick_statistics.figures(rows, displacements, last_motion(cooled["W"]), 1000)
    with np.errstate(all="ignore"):
        l2 = np.linalg.norm(lattice.displacement(cooled["W"][:-1], cooled["W"][1:]), axis=2)
    shown = found["displacement"]
    np.testing.assert_allclose(shown["range"], [l2.min(), l2.max()], rtol=1e-6)
    assert shown["mean_at_first_step"] == pytest.approx(l2[0].mean(), rel=1e-5)
    assert shown["mean_at_last_step"] == pytest.approx(l2[-1].mean(), rel=1e-5)
    norm = np.linalg.norm(cooled["m"][1:], axis=2)
    np.testing.assert_allclose(found["momentum_norm"], [norm.min(), norm.max()], rtol=1e-5)
    mean = cooled["v"][1:].mean(axis=2)
    np.testing.assert_allclose(found["mean_variance"], [mean.min(), mean.max()], rtol=1e-5)
    assert found["last_motion"] == last_motion(cooled["W"]).max()
    assert found["tokens_still_moving"] == 0


def test_infinite_displacements_are_counted_and_kept_apart():
    l2 = np.float32([[1, np.inf], [3, 5]])
    found = quick_statistics.of_displacement([(0, l2[:1]), (1, l2[1:])])
    assert found["range"] == [1, np.inf]
    assert (found["largest_finite"], found["infinite_or_nan"]) == (5, 1)
    assert (found["mean_at_first_step"], found["finite_mean_at_first_step"]) == (np.inf, 1)
    assert found["mean_at_last_step"] == 4


def written_files(rows, folder, naming="crucible", how=None):
    """Trajectory, masks and displacement; every third token is dead, of 3n. Crucible 2 records dead
    tokens alone, the others all."""
    dead = np.arange(3 * rows["W"].shape[1]) % 3 == 0
    recorded = rows if naming == "crucible" else planted.among_living(rows, dead)
    source = planted.write_series(folder / "trajectory", naming, recorded, how)
    moved = planted.measure_dead(source, naming, dead, folder / "displacement.safetensors")
    return source, planted.write_masks(folder / "masks.safetensors", dead), moved


def computed(rows, folder, settings=SETTINGS, how=None):
    files = written_files(rows, folder, settings["naming"], how)
    return made_by_program(*files, folder, settings)


def made_by_program(source, masks, moved, folder, settings):
    made = [
        folder / f"made/{name}" for name in ("a.csv", "a.json", "d.safetensors", "p.safetensors")
    ]
    names = ("--table", "--summary", "--distance", "--density")
    outputs = [word for pair in zip(names, made, strict=True) for word in pair]
    given = "--trajectory", source, "--masks", masks, "--displacement", moved
    return run_script("compute_momentum", "--settings", settings, *given, *outputs), *made


AWKWARD = {
    "cooled": lambda: real(cooling),
    "none frozen": lambda: real(hot),
    "all still": lambda: real(lambda step, shape, random: np.zeros(shape)),
    "one dead token": lambda: real(cooling, n=1),
    "one element": lambda: real(cooling, n=2, width=1),
}


@pytest.mark.parametrize("kind", AWKWARD)
def test_scripts_from_trajectory_to_picture(kind, tmp_path):
    rows = AWKWARD[kind]()
    done, table, summary, distance, dense = computed(rows, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    report = json.loads(summary.read_text())
    trace, written = followed(rows)
    for name, values in load_file(distance).items():
        np.testing.assert_array_equal(values, np.float32(written[name]))
    with table.open(newline="") as lines:
        tokens = list(csv.DictReader(lines))
    assert [int(row["token_id"]) for row in tokens] == [3 * i for i in range(len(tokens))]
    crossed = [int(row["last_crossing_step"]) for row in tokens]
    assert crossed == trace.last_crossing["optimizer"].tolist()
    counts = load_file(dense)
    of_all = sum(counts[f"distance_{name}"].sum() for name in ("counts", "zero", "below", "above"))
    assert of_all == STEPS * len(tokens)
    stopped = report["crossing_against_last_motion"]["optimizer"]["stopped"]
    assert stopped == (0 if kind in ("none frozen", "all still") else len(tokens))
    look = {"title": "Planted", "width_mm": 120, "dpi": 60}
    picture = tmp_path / "a.png"
    files = "--table", table, "--summary", summary, "--density", dense, "--figure", picture
    done = run_script("draw_momentum", "--settings", look, *files)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert picture.stat().st_size > 5000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.pop("m"), "no m in this file"),
        (lambda rows: rows.update(v=rows["v"][:-1]), "give the files of one run"),
        (lambda rows: rows.update(v=rows["v"][:, :2]), "v is F32 (61, 2, 8), expected"),
        (lambda rows: rows.update(m=rows["m"] + np.float32(0.1)), "no bfloat16 values"),
    ],
)
def test_a_trajectory_without_moments_is_refused(change, message, cooled, tmp_path):
    rows = dict(cooled)
    change(rows)
    done, *made = computed(rows, tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert message in done.stderr
    assert not any(path.exists() for path in made)


def test_settings_of_another_run_are_refused(cooled, tmp_path):
    for change, message in (
        ({"total_steps": STEPS - 1}, f"has {STEPS} steps"),
        ({"state_precision": "float32"}, "planted has state_precision: float32"),
        ({"record": ["W", "m"]}, "planted does not record v"),
    ):
        done, *_ = computed(cooled, tmp_path, SETTINGS | change)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert message in done.stderr


OTHERS = {
    "thimble": storage.Storage("hdf5", chunk_rows=7),
    "wordybird": storage.Storage(),
}


@pytest.mark.parametrize("naming", OTHERS)
def test_a_run_has_the_same_momentum_in_every_series(naming, cooled, tmp_path):
    """Names, bfloat16 moments, rows of all tokens and HDF5 change not one byte of what is made."""
    made = {}
    for name, how in (("crucible", None), (naming, OTHERS[naming])):
        (tmp_path / name).mkdir()
        done, *files = computed(cooled, tmp_path / name, SETTINGS | {"naming": name}, how)
        assert done.returncode == 0, done.stderr
        made[name] = [path.read_bytes() for path in files]
    assert made[naming] == made["crucible"]


def test_a_real_run_of_thimbles_series_against_the_plain_definitions(tmp_path):
    """Trained by the loop, with rows of all tokens and moments in bfloat16, in HDF5."""
    _, masks = tiny_run.make_inputs(tmp_path)
    run = tiny_run.settings(**hugging_face.THIMBLE_7, storage="hdf5", learning_rate=1e-3)
    tiny_run.train(tmp_path, run)
    dead, source = read_dead_mask(masks), tmp_path / "trajectory.h5"
    moved = planted.measure_dead(source, "thimble", dead, tmp_path / "d.safetensors")
    settings = SETTINGS | tiny_run.law_settings(run) | {"naming": "thimble", "record": run.record}
    done, table, summary, distance, _ = made_by_program(source, masks, moved, tmp_path, settings)
    assert done.returncode == 0, done.stderr
    with h5py.File(source) as file:
        bits = {name: file[name][:, dead] for name in ("W", "momentum_W", "variance_W", "grad_W")}
    rows = {"W": bits["W"], "g": lattice.to_float32(bits["grad_W"][1:])}
    rows |= {"m": lattice.to_float32(bits["momentum_W"])}
    rows |= {"v": lattice.to_float32(bits["variance_W"])}
    brute = brute_distances(rows, run.learning_rate)
    found = load_file(distance)
    np.testing.assert_allclose(found["distance"], brute.max(axis=2), atol=0.03)
    typical = np.log2(np.median(np.exp2(brute), axis=2))
    np.testing.assert_allclose(found["typical_distance"], typical, atol=0.03)
    report = json.loads(summary.read_text())
    elements = report["elements"]
    assert elements["all"] == elements["reproduced"] == rows["g"].size > 0
    assert elements["beyond_but_still"] + elements["short_but_moved"] <= elements["at_a_tie"]
    norms = np.linalg.norm(rows["g"].astype(float), axis=2)
    quick = report["quick_statistics"]
    np.testing.assert_allclose(quick["gradient_norm"], [norms.min(), norms.max()], rtol=1e-5)
    with table.open(newline="") as lines:
        tokens = [int(row["token_id"]) for row in csv.DictReader(lines)]
    assert tokens == np.flatnonzero(dead).tolist()
