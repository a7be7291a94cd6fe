"""Text that users wrote, in pictures: letter by letter, whatever it holds."""

import itertools
import json
import warnings
import xml.dom.minidom
from argparse import Namespace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from planted import cooling_weights

from deadtokens import displacement
from deadtokens.errors import UserError
from deadtokens.figures import letters, pictures, style
from deadtokens.files import tables
from deadtokens.files.trajectory import write_file
from deadtokens.phases import draw_lifecycle as lifecycle_figure
from deadtokens.phases import draw_phases as phases_figure
from deadtokens.phases import phases
from deadtokens.program import drawing
from deadtokens.statistics import density

FIGURES = Path(letters.__file__).parent
STRANGE = (
    "costs $5 and \\frac $6",
    "_ice\n\tcold --> <b>&amp;</b> ]]>",
    "ไทย 实验 😀👩‍🔬 \x07\x00 \u202eright",
    "$\\undefined{" + "long " * 100,
)


@settings(deadline=None, max_examples=30)
@given(st.text())
def test_whatever_is_written_is_drawn_as_it_stands(text):
    shown = letters.visible(text)
    assert all(map(letters.is_drawn, shown))
    assert not shown.startswith("_")
    if all(map(letters.is_drawn, text)):
        assert shown.strip() == text.strip()
    with style.applied(), warnings.catch_warnings():
        warnings.simplefilter("error")
        panel = Figure().subplots()
        panel.set_title(shown)
        panel.set_xticks([0], [shown])
        panel.plot([0], [0], label=shown or "x")
        handles, _ = panel.get_legend_handles_labels()
        assert len(handles) == 1
        panel.figure.draw_without_rendering()


def test_no_figure_has_markup_of_its_own():
    """What would be taken for mathtext elsewhere stands in the picture as it is."""
    sources = [path for path in FIGURES.glob("*.py") if path.name != "letters.py"]
    assert [path.name for path in sources if "$" in path.read_text("utf-8")] == []
    assert [path.name for path in sources if "suptitle" in path.read_text()] == ["pictures.py"]
    assert style.SETTINGS["text.parse_math"] is False


@pytest.mark.parametrize("scale", ["log", "symlog"])
@pytest.mark.parametrize("limits", [(1e-7, 1e5), (0.6, 3), (1, 20)])
def test_powers_on_axes_are_letters(scale, limits, tmp_path):
    with style.applied():
        figure = style.figure(80, 60)
        panel = figure.subplots()
        panel.set_yscale(scale)
        panel.set_ylim(*limits)
        style.save(figure, tmp_path / "axis.png", "png", 50)
    shown = [text.get_text() for text in panel.get_yticklabels(which="both")]
    assert any(shown)
    assert not any(set("${}\\^") & set(text) for text in shown), shown
    if limits[0] == 1e-7 and scale == "log":
        assert "10⁻⁵" in shown


def test_powers():
    assert letters.power(10, -4.0) == "10⁻⁴"
    assert letters.power(2, 3.5) == "2³·⁵"


def test_names_of_columns_and_phases_stay_together():
    table = {"share_of_a\nb": np.ones(2), "step": np.arange(2)}
    summary = {"phases": {"a\nb": {"column": "share_of_a\nb"}}, "n": [1, None, "\t"]}
    table, summary = letters.literal(table), letters.literal(summary)
    assert table[summary["phases"]["a\\nb"]["column"]].tolist() == [1, 1]
    assert summary["n"] == [1, None, "\\t"]


def test_names_that_look_alike_are_refused():
    with pytest.raises(UserError, match="look alike"):
        letters.literal({"a\n": 1, "a\\n": 2})


def test_long_titles_have_several_lines_and_short_ones_one():
    with style.applied():
        for text, lines in (("Crucible 2", 1), ("word " * 60, 5), ("w" * 300, 5)):
            figure = style.figure(120, 100)
            pictures.head(figure, text)
            shown = figure.get_suptitle()
            assert lines <= len(shown.splitlines()) <= 2 * lines
            assert figure.texts[0].get_window_extent().width <= figure.bbox.width


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Files of phases with strange names, as `classify_phases.py` leaves them."""
    weights = cooling_weights(steps=60, tokens=40, elements=64)
    norms = [displacement.norms(*pair) for pair in itertools.pairwise(weights)]
    l2, ulp = (np.stack([row[name] for row in norms]) for name in ("l2", "vector_ulp"))
    scheme = phases.Scheme(STRANGE, (0.1, 10, 100), 0.01)
    bins = density.Bins.over(60, time=50, displacement=20, lowest=1e-4, highest=1e6)
    scales = {
        "element": phases.classify([(0, l2)], scheme, bins),
        "vector": phases.classify([(0, ulp)], scheme, bins),
    }
    still = np.zeros(60, int)
    folder = tmp_path_factory.mktemp("measured")
    tables.write(folder / "table.csv", phases.table(scales, scheme, still, still))
    summary = phases.summary(scales, scheme, still, 0.1, still)
    (folder / "summary.json").write_text(json.dumps(summary), "utf-8")
    fields = density.fields({scale: found.density for scale, found in scales.items()}, bins)
    write_file(folder / "density.safetensors", fields)
    return folder


INPUTS = phases_figure.INPUTS

KINDS = [*zip(STRANGE, ["png", "svg", "pdf", "png"], strict=True)]


@pytest.mark.parametrize(("title", "kind"), KINDS, ids=["dollars", "breaks", "letters", "long"])
def test_strange_names_are_drawn(measured, tmp_path, title, kind):
    given = {name: next(measured.glob(f"{name}.*")) for name in INPUTS}
    look = {"title": title, "width_mm": 120, "dpi": 60}
    figure = tmp_path / f"figure.{kind}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing.save(phases_figure.draw, INPUTS, Namespace(**given, figure=figure, settings=look))
    if kind == "svg":
        xml.dom.minidom.parse(str(figure))
    if kind == "png":
        assert matplotlib.image.imread(figure).std() > 0.1


def test_every_phase_has_its_place_in_the_key():
    names = letters.literal(list(STRANGE))
    summary = {"phases": names, "undefined": 9, "steps": 1, "tokens": 1, "longest_bin": 1}
    with style.applied():
        figure = style.figure(180, 100)
        lifecycle_figure._key(figure, summary, ["#000000"] * 4, with_undefined=False)
        shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(shown) == len(STRANGE) + 1
    assert shown[0].startswith("costs $5")
