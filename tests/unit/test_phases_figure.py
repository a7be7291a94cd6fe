import itertools
import json
import struct
import zlib

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from planted import cooling_weights, run_script

from deadtokens import displacement
from deadtokens.figures import style
from deadtokens.files import tables
from deadtokens.files.trajectory import write_file
from deadtokens.phases import draw_phases as phases_figure
from deadtokens.phases import phases
from deadtokens.statistics import density

SCHEME = phases.Scheme(
    ("Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas"), (0.1, 10, 100), 0.01
)
SETTINGS = {"title": "Planted", "width_mm": 120, "dpi": 80}


def classified(l2, vector_ulp, scheme=SCHEME):
    """Table, summary and density of (T, n) displacements on both scales."""
    steps = len(l2)
    bins = density.Bins.over(steps, time=500, displacement=80, lowest=1e-4, highest=1e6)
    scales = {
        "element": phases.classify([(0, l2)], scheme, bins),
        "vector": phases.classify([(0, vector_ulp)], scheme, bins),
    }
    moving = phases.count_moving([(0, l2)], 0.1)
    nonfinite = np.count_nonzero(~np.isfinite(l2), axis=1)
    return (
        phases.table(scales, scheme, moving, nonfinite),
        phases.summary(scales, scheme, moving, 0.1, nonfinite),
        density.fields({scale: table.density for scale, table in scales.items()}, bins),
    )


@pytest.fixture(scope="module")
def planted():
    weights = cooling_weights(steps=60, tokens=40, elements=64)
    norms = [displacement.norms(*pair) for pair in itertools.pairwise(weights)]
    return tuple(np.stack([row[name] for row in norms]) for name in ("l2", "vector_ulp"))


def drawn(values, path, title="Planted", kind="png"):
    with style.applied():
        drawing = phases_figure.draw(*values, title, width_mm=120)
        style.save(drawing, path, kind, dpi=80)
    return drawing


def texts(drawing):
    found = [text.get_text() for axes in drawing.axes for text in axes.texts]
    return found + [axes.get_title(loc="left") for axes in drawing.axes]


def png_chunks(content: bytes) -> list[bytes]:
    kinds, at = [], 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        assert (
            zlib.crc32(content[at + 4 : at + 8 + length])
            == struct.unpack(">I", content[at + 8 + length : at + 12 + length])[0]
        )
        kinds.append(content[at + 4 : at + 8])
        at += 12 + length
    return kinds


def test_transitions_are_marked_and_named(planted, tmp_path):
    values = classified(*planted)
    drawing = drawn(values, tmp_path / "phases.png")
    element = values[1]["scales"]["element"]["phases"]
    marked = [phase["majority"]["first"] for phase in element.values()]
    later = [step for step in marked if step is not None and step > 1]
    assert len(later) == 3
    for step in later:
        assert str(step) in texts(drawing)
    story = f"Element scale\nMost reach Fimbulwinter at step {marked[0]}"
    assert any(text.startswith(story) for text in texts(drawing))
    assert "40 dead tokens" in drawing.get_suptitle()
    for axes in drawing.axes[:6]:
        assert axes.get_xlim() == (1, 60)


@pytest.mark.parametrize(
    ("first", "for_good", "title"),
    [
        (240, 240, "Most reach Fimbulwinter at step 240"),
        (240, 1244, "Most reach Fimbulwinter at step 240 (1,244 for good)"),
        (240, None, "Most reach Fimbulwinter at step 240 (not for good)"),
        (1, 1, "Most are Fimbulwinter or colder from step 1 on"),
        (None, None, "Most tokens are in no phase"),
    ],
)
def test_titles_say_what_is_seen(first, for_good, title):
    majority = {"first": first, "for_good": for_good}
    phase = {"majority": majority}
    summary = {"scales": {"element": {"phases": {"Fimbulwinter": phase}}}}
    assert phases_figure._story(summary, "element") == title


def test_every_phase_has_its_colour_at_its_place(planted, tmp_path):
    values = classified(*planted)
    drawing = drawn(values, tmp_path / "phases.png")
    stacks = drawing.axes[0].collections
    colours = [tuple(stack.get_facecolor()[0][:3]) for stack in stacks]
    assert colours[:4] == [to_rgb(colour) for colour in style.PHASE_COLOURS]
    tops = [stack.get_datalim(drawing.axes[0].transData).y1 for stack in stacks]
    assert tops == sorted(tops)
    fimbulwinter = max(values[0]["element_fimbulwinter"])
    assert tops[0] == pytest.approx(fimbulwinter)


def test_the_density_shows_every_token_at_every_step(planted, tmp_path):
    l2, vector_ulp = planted[0].copy(), planted[1].copy()
    l2[5, 3], vector_ulp[7, 2] = np.inf, 1e-9  # beyond either end of the axis
    drawing = drawn(classified(l2, vector_ulp), tmp_path / "phases.png")
    for axes in drawing.axes[4:6]:
        (mesh,) = axes.collections
        np.testing.assert_allclose(mesh.get_array().filled(0).sum(axis=0), 1)


def test_the_same_input_gives_the_same_bytes(planted, tmp_path):
    values = classified(*planted)
    for kind in ("png", "svg", "pdf"):
        first, second = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
        drawn(values, first, kind=kind)
        drawn(values, second, kind=kind)
        assert first.read_bytes() == second.read_bytes()
    drawn(values, second, title="Another")
    assert first.read_bytes() != second.read_bytes()


def test_a_picture_holds_nothing_but_the_picture(planted, tmp_path):
    drawn(classified(*planted), tmp_path / "phases.png")
    kinds = set(png_chunks((tmp_path / "phases.png").read_bytes()))
    assert kinds <= {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


AWKWARD = {
    "one step, one token": np.ones((1, 1), np.float32),
    "two steps": np.ones((2, 3), np.float32),
    "all still": np.zeros((50, 4), np.float32),
    "all infinite": np.full((50, 4), np.inf, np.float32),
    "all undefined": np.full((50, 4), np.nan, np.float32),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_trajectories_can_be_drawn(values, tmp_path):
    drawing = drawn(classified(values, values), tmp_path / "phases.png")
    stated = any("infinite or NaN" in text for text in texts(drawing))
    assert stated == (not np.isfinite(values).all())


def test_other_schemes_get_as_many_colours(planted, tmp_path):
    scheme = phases.Scheme(("cold", "warm", "hot"), (1.0, 50.0), 0.01)
    drawing = drawn(classified(*planted, scheme=scheme), tmp_path / "phases.png")
    assert len(drawing.legends[0].legend_handles) == 2 * 4
    assert len(set(style.phase_colours(3))) == 3
    assert len(set(style.phase_colours(7))) == 7
    assert len(style.phase_colours(1)) == 1


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
COLOUR_BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def as_seen(colour: str, blindness) -> np.ndarray:
    """CIE L*a*b* of a colour for an eye of this kind."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.asarray(blindness) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ linear / [0.9505, 1, 1.089]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", COLOUR_BLINDNESS.values(), ids=COLOUR_BLINDNESS.keys())
def test_phases_differ_for_every_eye(blindness):
    """Far apart in CIE L*a*b* (a just noticeable difference is about 2); neighbours in grey too."""
    seen = [as_seen(colour, blindness) for colour in style.PHASE_COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 30
    assert min(abs(a[0] - b[0]) for a, b in itertools.pairwise(seen)) > 15


@pytest.fixture
def files(planted, tmp_path):
    table, summary, counted = classified(*planted)
    tables.write(tmp_path / "phases.csv", table)
    (tmp_path / "phases.json").write_text(json.dumps(summary))
    write_file(tmp_path / "density.safetensors", counted)
    return [
        *("--table", tmp_path / "phases.csv"),
        *("--summary", tmp_path / "phases.json"),
        *("--density", tmp_path / "density.safetensors"),
    ]


def test_script_draws_the_same_picture_without_a_display(files, tmp_path, planted, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    picture = tmp_path / "made" / "phases.png"
    done = run_script("draw_phases", "--settings", SETTINGS, *files, "--figure", picture)
    assert done.returncode == 0, done.stderr
    height, width, _ = matplotlib.image.imread(picture).shape
    assert width == pytest.approx(120 / 25.4 * 80, abs=1)
    assert height > width
    drawn(classified(*planted), tmp_path / "by_hand.png")
    assert picture.read_bytes() == (tmp_path / "by_hand.png").read_bytes()


@pytest.mark.parametrize(("kind", "begins"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_extension_says_the_kind(files, tmp_path, kind, begins):
    picture = tmp_path / f"phases.{kind}"
    run_script("draw_phases", "--settings", SETTINGS, *files, "--figure", picture)
    assert picture.read_bytes().startswith(begins)


def test_an_unknown_kind_is_refused(files, tmp_path):
    picture = tmp_path / "phases.bmp"
    done = run_script("draw_phases", "--settings", SETTINGS, *files, "--figure", picture)
    assert done.returncode == 1
    assert "known are .png, .pdf, .svg" in done.stderr
    assert not picture.exists()
