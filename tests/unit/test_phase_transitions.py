"""What the Thimble 7 notebook measures, against its own lines."""

import csv
import json
import math

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from planted import (
    bits_of,
    cooling_weights,
    measure,
    peak_bytes,
    run_script,
    write_weights,
)

from deadtokens.figures import style
from deadtokens.files.trajectory import write_file
from deadtokens.phases import draw_phase_transitions as figure
from deadtokens.phases import phase_transitions as transitions
from deadtokens.phases import phases
from deadtokens.statistics import density

NAMES = ("Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas")
SCHEME = phases.Scheme(NAMES, (0.1, 10, 100), vanishing_fraction=0)
SETTINGS = {
    "phases": list(NAMES),
    "thresholds": [0.1, 10, 100],
    "population": "dead",
    "density_bins": {"time": 500, "displacement": 40},
}
motions = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 12)),
    elements=st.floats(0, 1000, width=32)
    | st.sampled_from([0, 0, float(np.float32(0.1)), 10, 100, math.inf]),
)


def in_chunks(values, size):
    return ((i, values[i : i + size]) for i in range(0, len(values), size))


def seeds_analysis(W_dead):
    """The notebook's own lines, for (T+1, n, D) float32 weights of dead tokens."""
    delta_W = W_dead[1:] - W_dead[:-1]
    magnitude = torch.norm(delta_W, dim=2)
    W_magnitude = torch.norm(W_dead[:-1], dim=2)
    ulp = W_magnitude * (2.0**-7)
    magnitude_ulp = magnitude / ulp.clamp(min=1e-10)
    frac_frozen = (magnitude_ulp < 0.1).float().mean(dim=1).numpy()
    frac_solid = ((magnitude_ulp >= 0.1) & (magnitude_ulp < 10.0)).float().mean(dim=1).numpy()
    frac_quantum = ((magnitude_ulp >= 10.0) & (magnitude_ulp < 100.0)).float().mean(dim=1).numpy()
    frac_gas = (magnitude_ulp >= 100.0).float().mean(dim=1).numpy()
    timesteps = np.arange(1, len(magnitude_ulp) + 1)

    def find_transition(fraction, threshold=0.5):
        idx = np.where(fraction > threshold)[0]
        return timesteps[idx[0]] if len(idx) > 0 else None

    return {
        "mean_ulp": magnitude_ulp.mean(dim=1).numpy(),
        "std_ulp": magnitude_ulp.std(dim=1).numpy(),
        "fractions": [frac_frozen, frac_solid, frac_quantum, frac_gas],
        "t_quantum": find_transition(frac_frozen + frac_solid + frac_quantum),
        "t_solid": find_transition(frac_frozen + frac_solid),
        "t_frozen": find_transition(frac_frozen),
        "min": magnitude_ulp.min().item(),
        "max": magnitude_ulp.max().item(),
        "median": magnitude_ulp.median().item(),
    }


def planted_weights():
    """From gas to winter, and a row of zeros that jumps: there the notebook clamps its ULP."""
    weights = cooling_weights(steps=80, tokens=33, elements=16)
    first = (weights[0].astype(np.uint32) << 16).view(np.float32)
    weights[0] = bits_of(first + np.random.default_rng(2).normal(0, 0.1, first.shape))
    weights[:40, 5] = 0
    return weights


def scripts(tmp_path, weights, settings=SETTINGS):
    measured = measure(write_weights(tmp_path / "t", weights), tmp_path / "d.safetensors")
    names = {"table": "p.csv", "summary": "p.json", "density": "p.safetensors"}
    files = [word for key, name in names.items() for word in (f"--{key}", tmp_path / name)]
    source = "--settings", settings, "--displacement", measured
    done = run_script("compute_phase_transitions", *source, *files)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "p.csv", newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    table = dict(zip(header, np.array(rows, float).T, strict=True))
    summary = json.loads((tmp_path / "p.json").read_text())
    return table, summary, safetensors.numpy.load_file(tmp_path / "p.safetensors"), files


def test_from_weights_to_picture_as_published(tmp_path):
    weights = planted_weights()
    expected = seeds_analysis(torch.from_numpy((weights.astype(np.uint32) << 16).view(np.float32)))
    table, summary, traces, files = scripts(tmp_path, weights)
    assert table["step"].tolist() == list(range(1, 81))
    for name in ("mean_ulp", "std_ulp"):
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-5, err_msg=name)
    of_phases = summary["phases"]
    for phase, fraction in zip(NAMES, expected["fractions"], strict=True):
        np.testing.assert_allclose(table[of_phases[phase]["column"]], fraction, rtol=1e-6)
        assert of_phases[phase]["final_fraction"] == pytest.approx(fraction[-1])
        extremes = [fraction.min(), fraction.max()]
        np.testing.assert_allclose(of_phases[phase]["fraction_range"], extremes, rtol=1e-6)
    assert of_phases["Quantum Regime"]["transition"]["first"] == expected["t_quantum"]
    assert of_phases["Thermal Solid"]["transition"]["first"] == expected["t_solid"]
    assert of_phases["Fimbulwinter"]["transition"]["first"] == expected["t_frozen"]
    assert 1 < expected["t_solid"] < expected["t_frozen"]
    found = [*summary["ulp_range"], summary["ulp_median"]]
    np.testing.assert_allclose(found, [expected[x] for x in ("min", "max", "median")], rtol=1e-6)
    assert traces["vector_counts"].sum() + traces["vector_zero"].sum() == 80 * 33
    look = {"title": "Planted", "width_mm": 120, "dpi": 80}
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        picture = tmp_path / f"p.{kind}"
        words = "--settings", look, *files, "--figure", picture
        done = run_script("draw_phase_transitions", *words)
        assert done.returncode == 0, done.stderr
        assert picture.read_bytes().startswith(start)


def test_by_hand():
    """Two tokens, three steps: 3 and 5 ULP, then 0 and 0.05, then 200 and 0."""
    values = np.array([[3, 5], [0, 0.05], [200, 0]], np.float32)
    found = transitions.measure(in_chunks(values, 2), SCHEME)
    table = transitions.table(found, SCHEME)
    np.testing.assert_allclose(table["mean_ulp"], [4, 0.025, 100], rtol=1e-6)
    np.testing.assert_allclose(table["std_ulp"], np.array([2, 0.05, 200]) / 2**0.5, rtol=1e-6)
    assert table["fraction_thermal_solid"].tolist() == [1, 0, 0]
    assert table["fraction_fimbulwinter"].tolist() == [0, 1, 0.5]
    assert table["fraction_classical_gas"].tolist() == [0, 0, 0.5]
    middle = transitions.median(in_chunks(values, 2), found.high_halves)
    assert middle == np.float32(0.05)  # the lower of the two in the middle
    summary = transitions.summary(found, SCHEME, middle, "dead")
    # More than half, as in the notebook: a half at step 3 is none.
    assert summary["phases"]["Fimbulwinter"]["transition"] == {"first": 2, "for_good": None}
    assert summary["phases"]["Thermal Solid"]["transition"] == {"first": 1, "for_good": None}
    assert summary["phases"]["Classical Gas"]["transition"] == {"first": 1, "for_good": 1}


@given(motions, st.integers(1, 4))
def test_median_and_extremes_against_brute_force(values, size):
    found = transitions.measure(in_chunks(values, size), SCHEME)
    assert transitions.median(in_chunks(values, size), found.high_halves) == pytest.approx(
        torch.from_numpy(values).median().item(), rel=0, abs=0
    )
    assert found.range == (values.min(), values.max())
    shown = values[(values > 0) & np.isfinite(values)]
    assert found.range_shown == ((shown.min(), shown.max()) if shown.size else None)


@given(motions, st.integers(1, 4), st.integers(1, 7))
def test_no_token_is_lost_in_the_density(values, size, time):
    found = transitions.measure(in_chunks(values, size), SCHEME)
    bins = transitions.bins(found, time, 5)
    counted = density.fields({"vector": transitions.traces(in_chunks(values, size), bins)}, bins)
    assert counted["vector_zero"].sum() == (values == 0).sum()
    assert counted["vector_above"].sum() == np.isinf(values).sum()
    assert counted["vector_below"].sum() == counted["vector_undefined"].sum() == 0
    assert counted["vector_counts"].sum() == (np.isfinite(values) & (values > 0)).sum()
    steps = counted["step_edges"]
    assert (steps[0], steps[-1]) == (1, len(values) + 1)
    assert len(steps) - 1 == min(time, len(values))
    assert np.ptp(np.diff(steps)) <= 1  # even


def drawn(values, path, kind="png", population="dead"):
    found = transitions.measure([(0, values)], SCHEME)
    bins = transitions.bins(found, 500, 40)
    traces = density.fields({"vector": transitions.traces([(0, values)], bins)}, bins)
    middle = transitions.median([(0, values)], found.high_halves)
    summary = transitions.summary(found, SCHEME, middle, population)
    with style.applied():
        table = transitions.table(found, SCHEME)
        drawing = figure.draw(table, summary, traces, "Planted", width_mm=120)
        style.save(drawing, path, kind, dpi=80)
    return drawing, summary


AWKWARD = {
    "one step, one token": np.full((1, 1), 3, np.float32),
    "one dead token": np.linspace(20, 0, 30, dtype=np.float32)[:, None],
    "all still from the start": np.zeros((20, 3), np.float32),
    "not one frozen": np.full((20, 3), 500, np.float32),
    "all infinite": np.full((20, 3), np.inf, np.float32),
    "all undefined": np.full((20, 3), np.nan, np.float32),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_runs_are_summarized_and_drawn(kind, tmp_path):
    drawing, summary = drawn(AWKWARD[kind], tmp_path / "p.png")
    first = {name: phase["transition"]["first"] for name, phase in summary["phases"].items()}
    headline = drawing.get_suptitle()
    if kind == "all still from the start":
        assert set(first.values()) == {1}
        assert "100% of 3 dead tokens are in Fimbulwinter at step 20" in headline
    elif kind == "not one frozen":
        assert (first["Fimbulwinter"], first["Classical Gas"]) == (None, 1)
        assert "0% of 3 dead tokens" in headline
    elif kind == "all undefined":
        assert set(first.values()) == {None}
        assert summary["ulp_median"] is None
        assert drawing.axes[2].get_title(loc="left") == "No phase holds a half"
    elif kind == "one dead token":
        assert 1 < first["Thermal Solid"] < first["Fimbulwinter"] == 30
        assert summary["std_ulp_range"] == [None, None]


def test_titles_say_what_is_seen(tmp_path):
    values = np.r_[np.full((4, 3), 50), np.full((3, 3), 5), np.zeros((3, 3))].astype(np.float32)
    drawing, _ = drawn(values, tmp_path / "p.png", population="live")
    assert drawing.axes[2].get_title(loc="left") == (
        "More than half are first as cold as Quantum Regime at step 1, Thermal Solid at step 5, "
        "Fimbulwinter at step 8"
    )
    assert "live tokens" in drawing.get_suptitle()
    assert drawing.axes[2].get_ylabel() == "Share of live tokens"
    (mesh,) = drawing.axes[1].collections
    np.testing.assert_allclose(mesh.get_array().filled(0).sum(axis=0), 1)
    assert mesh.get_array().filled(0)[0].tolist() == [0] * 7 + [1] * 3  # still


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    values = np.geomspace(30, 0.01, 60, dtype=np.float32).reshape(20, 3)
    for name in ("a", "b"):
        drawn(values, tmp_path / name, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_of_another_step_is_refused(tmp_path):
    write_file(tmp_path / "d.safetensors", {"l2": np.zeros((3, 2), np.float32)})
    outputs = [
        w for n in ("table", "summary", "density") for w in (f"--{n}", tmp_path / "made" / n)
    ]
    source = "--displacement", tmp_path / "d.safetensors"
    done = run_script("compute_phase_transitions", "--settings", SETTINGS, *source, *outputs)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "no vector_ulp, dw_l2 in this file" in done.stderr
    assert not (tmp_path / "made").exists()


MEASURE = """
import numpy as np
from deadtokens.phases import phase_transitions as transitions, phases
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter
steps, path = {steps}, {path!r}
with TrajectoryWriter(path, {{"x": ("F32", (steps, 4000))}}) as file:
    for t in range(steps):
        file.write_row("x", t, np.full(4000, t, np.float32))
scheme = phases.Scheme(("cold", "hot"), (1.0,), 0)
with TrajectoryReader(path) as file:
    found = transitions.measure(file.chunks("x", 1_000_000), scheme)
    transitions.median(file.chunks("x", 1_000_000), found.high_halves)
    transitions.traces(file.chunks("x", 1_000_000), transitions.bins(found, 100, 50))
"""


def test_memory_does_not_grow_with_the_number_of_steps(tmp_path):
    """16 kB a step: 6.4 MB, then 64 MB."""
    few, many = (
        peak_bytes(MEASURE.format(steps=steps, path=str(tmp_path / f"{steps}")))
        for steps in (400, 4000)
    )
    assert many - few < 6_000_000
