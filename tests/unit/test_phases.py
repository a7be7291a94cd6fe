import csv
import itertools
import json
import math
import statistics

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from planted import cooling_weights, measure, peak_bytes, run_script, write_weights

from deadtokens.errors import UserError
from deadtokens.files.trajectory import write_file
from deadtokens.phases import phases
from deadtokens.statistics import density

NAMES = ("Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas")
SCHEME = phases.Scheme(NAMES, (0.1, 10, 100), vanishing_fraction=0.01)
SETTINGS = {
    "phases": list(NAMES),
    "thresholds": [0.1, 10, 100],
    "vanishing_fraction": 0.01,
    "motion_threshold": 0.1,
    "population": "dead",
    "density_bins": {"time": 500, "displacement": 20, "lowest": 1e-4, "highest": 1e6},
}
TENTH = np.float32(0.1)
AWKWARD = [0, TENTH, np.nextafter(TENTH, np.float32(0)), 0.5, 10, 100, 1e30, math.inf, math.nan]
AWKWARD += [np.nextafter(np.float32(value), np.float32(0)) for value in (10, 100)]
displacements = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 5)),
    elements=st.sampled_from([float(np.float32(value)) for value in AWKWARD])
    | st.floats(0, 1000, width=32),
)


def bins_over(steps, time=500):
    return density.Bins.over(steps, time=time, displacement=12, lowest=0.01, highest=1e4)


def classify(values, rows_a_chunk=3):
    chunks = ((i, values[i : i + rows_a_chunk]) for i in range(0, len(values), rows_a_chunk))
    return phases.classify(chunks, SCHEME, bins_over(len(values)))


def plain_phase(value) -> str | None:
    """docs/physics.md: each phase but the coldest begins at its threshold."""
    if math.isnan(value):
        return None
    if value < TENTH:
        return "Fimbulwinter"
    if value < 10:
        return "Thermal Solid"
    return "Quantum Regime" if value < 100 else "Classical Gas"


def plain_first(holds: list[bool]) -> int | None:
    return next((t for t, now in enumerate(holds, start=1) if now), None)


def plain_for_good(holds: list[bool]) -> int | None:
    return next((t for t in range(1, len(holds) + 1) if all(holds[t - 1 :])), None)


@given(displacements)
def test_fractions_against_brute_force(values):
    found = classify(values)
    for row, counts in zip(values.tolist(), found.counts.tolist(), strict=True):
        kinds = [plain_phase(value) for value in row]
        assert counts == [kinds.count(name) for name in NAMES]
    columns = phases.table({"element": found}, SCHEME, np.zeros(len(values)), np.zeros(len(values)))
    shares = [columns[f"element_{n.lower().replace(' ', '_')}"] for n in (*NAMES, "undefined")]
    np.testing.assert_allclose(np.sum(shares, axis=0), 1, rtol=1e-12)


@given(displacements)
def test_transitions_against_brute_force(values):
    n = values.shape[1]
    kinds = [[plain_phase(value) for value in row] for row in values.tolist()]
    found = phases.transitions("element", classify(values), SCHEME)
    for i, name in enumerate(NAMES):
        as_cold = [2 * sum(kind in NAMES[: i + 1] for kind in row) > n for row in kinds]
        assert found[name]["majority"]["first"] == plain_first(as_cold)
        assert found[name]["majority"]["for_good"] == plain_for_good(as_cold)
        present = [row.count(name) / n >= 0.01 for row in kinds]
        gone = [not now and any(present[:t]) for t, now in enumerate(present)]
        assert found[name]["vanished"]["first"] == plain_first(gone)
        assert found[name]["vanished"]["for_good"] == plain_for_good(gone)
        assert found[name]["final_fraction"] == kinds[-1].count(name) / n


@given(displacements)
def test_spread_against_brute_force(values):
    found = phases.spread(values)
    for t, row in enumerate(values.tolist()):
        finite = [value for value in row if math.isfinite(value)]
        assert found["nonfinite_tokens"][t] == len(row) - len(finite)
        if not finite:
            assert all(np.isnan(found[name][t]) for name in ("mean", "median", "std", "p05", "p95"))
            continue
        assert found["mean"][t] == pytest.approx(statistics.fmean(finite))
        assert found["median"][t] == pytest.approx(statistics.median(finite))
        assert found["std"][t] == pytest.approx(statistics.pstdev(finite), abs=1e-9, rel=1e-6)
        assert min(finite) <= found["p05"][t] <= found["p95"][t] <= max(finite)


@given(displacements, st.sampled_from([0.1, 0.5, 10]))
def test_motion_against_brute_force(values, threshold):
    n_moving = phases.count_moving([(0, values[:2]), (2, values[2:])], threshold)
    moves = [[value >= np.float32(threshold) for value in row] for row in values.tolist()]
    assert n_moving.tolist() == [sum(row) for row in moves]
    last_of_each = [
        max((t for t, row in enumerate(moves, start=1) if row[token]), default=-1)
        for token in range(values.shape[1])
    ]
    found = phases.motion(n_moving)
    assert found["last_motion_step"] == max(last_of_each)
    assert found["tokens_moving_at_last_step"] == last_of_each.count(len(values))
    assert found["fimbulwinter_duration"] == len(values) - max(0, *last_of_each, 0)


@given(displacements, st.integers(1, 9), st.integers(1, 4))
def test_density_against_brute_force(values, time_bins, rows_a_chunk):
    bins = bins_over(len(values), time_bins)
    total = sum(
        density.count(values[i : i + rows_a_chunk], i + 1, bins)
        for i in range(0, len(values), rows_a_chunk)
    )
    named = density.fields({"element": total}, bins)
    steps, edges = named["step_edges"].tolist(), named["displacement_edges"].tolist()
    assert steps[0] == 1
    assert steps[-1] == len(values) + 1
    for i, (first, end) in enumerate(itertools.pairwise(steps)):
        inside = values[first - 1 : end - 1].ravel().tolist()
        counts = [
            sum(low <= value < high for value in inside) for low, high in itertools.pairwise(edges)
        ]
        assert named["element_counts"][i].tolist() == counts
        assert named["element_zero"][i] == inside.count(0)
        assert named["element_below"][i] == sum(0 < value < edges[0] for value in inside)
        assert named["element_above"][i] == sum(value >= edges[-1] for value in inside)
        assert named["element_undefined"][i] == sum(math.isnan(value) for value in inside)
    assert total.sum() == values.size


@pytest.mark.parametrize(("steps", "time"), [(1, 1), (500, 500), (5000, 500), (6000, 7), (3, 2)])
def test_step_bins_are_few_and_cover_every_step_once(steps, time):
    edges = bins_over(steps, time).step_edges
    assert edges[0] == 1
    assert edges[-1] == steps + 1
    assert (np.diff(edges) >= 1).all()
    assert len(edges) - 1 <= time
    if steps <= time:
        assert len(edges) - 1 == steps


def test_phases_by_hand():
    """Two tokens; the second cools, warms up again, and both end still."""
    inf, nan = math.inf, math.nan
    values = np.array(
        [[500, inf], [50, 200], [5, 50], [0, 5], [0, 50], [0, 0], [0, nan], [0, 0]], np.float32
    )
    table = classify(values)
    assert table.counts.tolist() == [
        [0, 0, 0, 2],
        [0, 0, 1, 1],
        [0, 1, 1, 0],
        [1, 1, 0, 0],
        [1, 0, 1, 0],
        [2, 0, 0, 0],
        [1, 0, 0, 0],
        [2, 0, 0, 0],
    ]
    found = phases.transitions("element", table, SCHEME)
    # A tie at one half is no majority, and neither is one of two when the other is undefined.
    assert found["Fimbulwinter"]["majority"] == {"first": 6, "for_good": 8}
    assert found["Thermal Solid"]["majority"] == {"first": 4, "for_good": 8}
    assert found["Quantum Regime"]["majority"] == {"first": 3, "for_good": 8}
    assert found["Classical Gas"]["majority"] == {"first": 1, "for_good": 8}
    assert found["Classical Gas"]["vanished"] == {"first": 3, "for_good": 3}
    assert found["Quantum Regime"]["vanished"] == {"first": 4, "for_good": 6}
    assert found["Fimbulwinter"]["vanished"] == {"first": None, "for_good": None}
    assert [found[name]["final_fraction"] for name in NAMES] == [1, 0, 0, 0]
    assert table.spread["mean"].tolist() == [500, 125, 27.5, 2.5, 25, 0, 0, 0]
    assert table.spread["std"].tolist() == [0, 75, 22.5, 2.5, 25, 0, 0, 0]
    assert table.spread["nonfinite_tokens"].tolist() == [1, 0, 0, 0, 0, 0, 1, 0]
    moving = phases.count_moving([(0, values)], 0.1)
    assert moving.tolist() == [2, 2, 2, 1, 1, 0, 0, 0]
    assert phases.motion(moving) == {
        "tokens_moving_at_last_step": 0,
        "last_motion_step": 5,
        "fimbulwinter_duration": 3,
    }


def test_what_is_never_reached_is_none():
    found = phases.transitions("element", classify(np.full((4, 3), 500, np.float32)), SCHEME)
    never = {"first": None, "for_good": None}
    assert [found[name]["majority"] for name in NAMES[:3]] == [never] * 3
    assert [found[name]["vanished"] for name in NAMES] == [never] * 4
    assert phases.motion(np.zeros(4, int))["last_motion_step"] == -1
    assert phases.motion(np.zeros(4, int))["fimbulwinter_duration"] == 4


def test_many_occurrences_are_counted_whole_and_listed_in_part():
    counts = np.zeros(1000, int)
    counts[::2] = 3
    found = phases.occurrences(counts)
    assert (found["total"], found["steps"]) == (1500, 500)
    assert found["first_steps"] == list(range(1, 201, 2))


@pytest.mark.parametrize(
    ("names", "thresholds", "message"),
    [
        (NAMES, (0.1, 10), "4 names need 3 thresholds"),
        (NAMES, (0.1, 10, 10), "ascending"),
        (NAMES, (0, 10, 100), "positive"),
        (("cold", "Cold"), (1,), "too much alike"),
    ],
)
def test_schemes_that_make_no_sense_are_refused(names, thresholds, message):
    with pytest.raises(UserError, match=message):
        phases.Scheme(names, thresholds, 0.01)


def test_a_threshold_belongs_to_the_hotter_phase_in_float32():
    """0.7 has no exact float32; the nearest one lies below it and is meant all the same."""
    scheme = phases.Scheme(("cold", "hot"), (0.7,), 0.01)
    threshold = np.float32(0.7)
    values = np.array([np.nextafter(threshold, np.float32(0)), threshold])
    assert float(threshold) < 0.7
    assert phases.phase_index(values, scheme).tolist() == [0, 1]
    assert phases.phase_counts(values[None], scheme).tolist() == [[1, 1]]


def outputs_of(folder):
    names = {"table": "phases.csv", "summary": "phases.json", "density": "density.safetensors"}
    return {key: folder / name for key, name in names.items()}


def run(measured, outputs, settings=SETTINGS):
    options = [word for key, path in outputs.items() for word in (f"--{key}", path)]
    return run_script(
        "classify_phases", "--settings", settings, "--displacement", measured, *options
    )


@pytest.fixture
def measured(tmp_path):
    trajectory = write_weights(tmp_path / "t.safetensors", cooling_weights(60, 30, 64))
    return measure(trajectory, tmp_path / "d.safetensors")


def test_script_writes_table_summary_and_density(tmp_path, measured):
    outputs = outputs_of(tmp_path)
    done = run(measured, outputs)
    assert done.returncode == 0, done.stderr
    with open(outputs["table"], newline="") as lines:
        rows = list(csv.DictReader(lines))
    norms = safetensors.numpy.load_file(measured)
    assert [int(row["step"]) for row in rows] == list(range(1, 61))
    for scale, field in (("element", "l2"), ("vector", "vector_ulp")):
        for row, values in zip(rows, norms[field], strict=True):
            kinds = [plain_phase(value) for value in values.tolist()]
            assert float(row[f"{scale}_thermal_solid"]) == kinds.count("Thermal Solid") / 30
            assert float(row[f"{scale}_median"]) == np.median(values.astype(float))
    moving = (norms["l2"] >= np.float32(0.1)).mean(axis=1)
    assert [float(row["moving"]) for row in rows] == moving.tolist()

    summary = json.loads(outputs["summary"].read_text())
    assert (summary["steps"], summary["tokens"]) == (60, 30)
    element = summary["scales"]["element"]["phases"]
    assert list(element) == list(NAMES)
    assert element["Classical Gas"]["majority"]["first"] == 1
    assert 1 < element["Quantum Regime"]["majority"]["first"] < 60
    assert element["Fimbulwinter"]["column"] in rows[0]

    counted = safetensors.numpy.load_file(outputs["density"])
    for scale in ("element", "vector"):
        beside = sum(counted[f"{scale}_{x}"].sum() for x in ("zero", "below", "above", "undefined"))
        assert counted[f"{scale}_counts"].sum() + beside == 60 * 30


def test_script_reports_what_is_not_finite(tmp_path, measured):
    norms = safetensors.numpy.load_file(measured)
    norms["l2"][[4, 9], 0] = np.inf, np.nan
    norms["nonfinite"][[4, 9]] = 2, 3
    write_file(measured, norms)
    outputs = outputs_of(tmp_path)
    assert run(measured, outputs).returncode == 0
    summary = json.loads(outputs["summary"].read_text())
    assert summary["nonfinite_elements"] == {"total": 5, "steps": 2, "first_steps": [5, 10]}
    found = summary["scales"]["element"]["nonfinite_tokens"]
    assert found == {"total": 2, "steps": 2, "first_steps": [5, 10]}
    assert summary["scales"]["vector"]["nonfinite_tokens"]["total"] == 0


def test_script_reports_bad_input_and_leaves_nothing(tmp_path, measured):
    outputs = outputs_of(tmp_path / "made")
    done = run(measured, outputs, {**SETTINGS, "thresholds": [10, 0.1, 100]})
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "thresholds" in done.stderr
    measured.write_bytes(measured.read_bytes()[:-1])
    done = run(measured, outputs)
    assert done.returncode == 1
    assert f"{measured}: truncated" in done.stderr
    assert not (tmp_path / "made").exists()


CLASSIFY = """
import numpy as np
from deadtokens.statistics import density
from deadtokens.phases import phases
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter
steps, path = {steps}, {path!r}
with TrajectoryWriter(path, {{"l2": ("F32", (steps, 4000))}}) as file:
    for t in range(steps):
        file.write_row("l2", t, np.full(4000, t, np.float32))
scheme = phases.Scheme(("cold", "hot"), (1.0,), 0.01)
bins = density.Bins.over(steps, time=100, displacement=50, lowest=1e-3, highest=1e5)
with TrajectoryReader(path) as file:
    phases.classify(file.chunks("l2", 1_000_000), scheme, bins)
"""


def test_memory_does_not_grow_with_the_number_of_steps(tmp_path):
    """16 kB a step: 6.4 MB, then 64 MB."""
    path = tmp_path / "d"
    few = peak_bytes(CLASSIFY.format(steps=400, path=str(path)))
    many = peak_bytes(CLASSIFY.format(steps=4000, path=str(path)))
    assert path.stat().st_size > 63_000_000
    assert many - few < 6_000_000
