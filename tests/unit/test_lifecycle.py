import json
import math

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.colors import to_rgb
from planted import peak_bytes, run_script

from deadtokens.figures import style
from deadtokens.files.trajectory import write_file
from deadtokens.freezing import freezing
from deadtokens.phases import draw_lifecycle as lifecycle_figure
from deadtokens.phases import lifecycle, phases
from deadtokens.statistics import density

NAMES = ("Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas")
SCHEME = phases.Scheme(NAMES, (0.1, 10, 100), vanishing_fraction=0)
SETTINGS = {
    "phases": list(NAMES),
    "thresholds": [0.1, 10, 100],
    "motion_threshold": 0.1,
    "time_bins": 500,
    "population": "dead",
}
displacements = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.sampled_from([0, 0.05, 0.1, 5, 10, 99, 100, 1e30, math.inf, math.nan]).map(
        lambda value: float(np.float32(value))
    ),
)


def edges_over(steps, time=500):
    return density.Bins.over(steps, time, 1, lowest=1, highest=2).step_edges


def plain_phase(value) -> int | None:
    if math.isnan(value):
        return None
    return sum(value >= np.float32(threshold) for threshold in (0.1, 10, 100))


@given(displacements, st.integers(1, 12), st.integers(1, 5))
def test_hottest_phase_against_brute_force(values, time, rows):
    edges = edges_over(len(values), time)
    chunks = [(i, values[i : i + rows]) for i in range(0, len(values), rows)]
    found = lifecycle.hottest_phase(chunks, SCHEME, edges)
    assert (found.dtype, found.shape) == (np.uint8, (values.shape[1], len(edges) - 1))
    for token, row in enumerate(found.tolist()):
        for i, phase in enumerate(row):
            inside = values[edges[i] - 1 : edges[i + 1] - 1, token].tolist()
            known = [p for p in map(plain_phase, inside) if p is not None]
            assert phase == max(known, default=lifecycle.UNDEFINED)


def test_tokens_are_sorted_by_last_motion_and_then_by_heat():
    last = np.array([7, -1, 3, 7, 7])
    phase = np.array([[3, 3], [0, 0], [1, 0], [lifecycle.UNDEFINED, 1], [2, 1]], np.uint8)
    assert lifecycle.order(last, phase).tolist() == [1, 2, 3, 4, 0]


def planted():
    """Token i cools by a phase every 5 (i + 1) steps, so that the later ones freeze later."""
    steps = np.arange(60)[:, None] // (5 * np.arange(1, 5))
    return np.array([500, 50, 5, 0, 0], np.float32)[np.minimum(steps, 4)][:, [2, 0, 3, 1]]


def lived(values, time=500):
    """Table and summary of (T, n) displacements, those of the vector scale a tenth as large."""
    edges = edges_over(len(values), time)
    chunks = {"element": [(0, values)], "vector": [(0, values / 10)]}
    by_scale = {
        scale: lifecycle.hottest_phase(part, SCHEME, edges) for scale, part in chunks.items()
    }
    last = freezing.last_motion([(0, values)], 0.1)
    return (
        lifecycle.fields(by_scale, last, edges, np.arange(values.shape[1]) + 10),
        lifecycle.summary(SCHEME, len(values), edges, values.shape[1]),
    )


def test_planted_lives_are_summarized():
    table, summary = lived(planted())
    assert table["row"].tolist() == [1, 3, 0, 2]
    assert table["token_id"].tolist() == [11, 13, 10, 12]
    assert table["last_motion_step"].tolist() == [15, 30, 45, 60]
    for life, width in zip(table["element"].tolist(), (5, 10, 15, 20), strict=True):
        assert life == ([3] * width + [2] * width + [1] * width + [0] * 60)[:60]
    assert (summary["steps"], summary["tokens"], summary["longest_bin"]) == (60, 4, 1)


def test_a_burst_is_not_lost_in_a_long_bin():
    values = np.zeros((5000, 1), np.float32)
    values[4321] = 50
    table, summary = lived(values, time=20)
    assert summary["longest_bin"] > 100
    assert len(table["step_edges"]) <= 21
    assert sorted(table["element"][0].tolist()) == [0] * (len(table["step_edges"]) - 2) + [2]


def drawn(values, path, kind="png"):
    with style.applied():
        drawing = lifecycle_figure.draw(*lived(values), "Planted", width_mm=120)
        style.save(drawing, path, kind, dpi=80)
    return drawing


def test_every_token_has_its_phases_colour_at_every_step(tmp_path):
    drawing = drawn(planted(), tmp_path / "lifecycle.png")
    mesh = drawing.axes[0].collections[0]
    colours = [to_rgb(colour) for colour in style.PHASE_COLOURS]
    cells = mesh.to_rgba(mesh.get_array())[..., :3]
    for row, life in zip(cells, lived(planted())[0]["element"], strict=True):
        np.testing.assert_allclose(row, [colours[phase] for phase in life], atol=1e-6)
    assert mesh.get_coordinates()[0, :, 0].tolist() == [step + 0.5 for step in range(61)]
    front = drawing.axes[0].lines[0]
    assert front.get_xdata().tolist() == [15, 30, 45, 60]
    assert front.get_ydata().tolist() == [0.5, 1.5, 2.5, 3.5]


def test_of_many_tokens_rows_are_chosen_evenly(tmp_path):
    values = np.zeros((3, 3 * lifecycle_figure.MOST_ROWS), np.float32)
    values[0, ::3] = 500  # a third is hot; sorted, it is the last third
    mesh = drawn(values, tmp_path / "lifecycle.png").axes[0].collections[0]
    assert mesh.get_array().shape == (lifecycle_figure.MOST_ROWS, 3)
    assert (mesh.get_array()[:, 0] == 3).mean() == pytest.approx(1 / 3, abs=1e-3)


AWKWARD = {
    "one step, one token": (np.ones((1, 1), np.float32), False),
    "all still from the start": (np.zeros((50, 4), np.float32), False),
    "none frozen": (np.full((50, 4), 500, np.float32), False),
    "all undefined": (np.full((50, 4), np.nan, np.float32), True),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("values", "undefined"), AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_trajectories_can_be_drawn(values, undefined, tmp_path):
    drawing = drawn(values, tmp_path / "lifecycle.png")
    labels = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert ("undefined" in labels) == undefined


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    for name in ("a", "b"):
        drawn(planted(), tmp_path / name, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_scripts_from_displacement_to_picture(tmp_path):
    values = planted()
    measured = {"l2": values, "vector_ulp": values / np.float32(10)}
    measured["token_ids"] = np.arange(4) + 10
    write_file(tmp_path / "d.safetensors", measured)
    files = "--table", tmp_path / "l.safetensors", "--summary", tmp_path / "l.json"
    source = "--displacement", tmp_path / "d.safetensors"
    done = run_script("compute_lifecycle", "--settings", SETTINGS, *source, *files)
    assert done.returncode == 0, done.stderr
    table, summary = lived(values)
    found = safetensors.numpy.load_file(tmp_path / "l.safetensors")
    assert found.keys() == table.keys()
    for name, expected in table.items():
        np.testing.assert_array_equal(found[name], expected)
    assert json.loads((tmp_path / "l.json").read_text()) == summary
    look = {"title": "Planted", "width_mm": 120, "dpi": 80}
    picture = "--figure", tmp_path / "lifecycle.png"
    done = run_script("draw_lifecycle", "--settings", look, *files, *picture)
    assert done.returncode == 0, done.stderr
    drawn(values, tmp_path / "by_hand.png")
    assert picture[1].read_bytes() == (tmp_path / "by_hand.png").read_bytes()


LIVE = """
import numpy as np
from deadtokens.statistics import density
from deadtokens.freezing import freezing
from deadtokens.phases import lifecycle, phases
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter
steps, path = {steps}, {path!r}
with TrajectoryWriter(path, {{"l2": ("F32", (steps, 4000))}}) as file:
    for t in range(steps):
        file.write_row("l2", t, np.full(4000, t, np.float32))
edges = density.Bins.over(steps, 100, 1, lowest=1, highest=2).step_edges
scheme = phases.Scheme(("cold", "hot"), (1.0,), 0)
with TrajectoryReader(path) as file:
    lifecycle.hottest_phase(file.chunks("l2", 1_000_000), scheme, edges)
    freezing.last_motion(file.chunks("l2", 1_000_000), 0.1)
"""


def test_memory_does_not_grow_with_the_number_of_steps(tmp_path):
    few, many = (
        peak_bytes(LIVE.format(steps=steps, path=str(tmp_path / f"{steps}.safetensors")))
        for steps in (150, 3000)
    )
    assert many - few < 8_000_000
