"""The figures of the census: what they show, and that they are drawn whatever was found."""

import json

import numpy as np
import pandas as pd
import plain_census as plain
import pytest
from plain_census import BFLOAT16, RULES

from deadtokens.census import counting, draw_census, draw_census_in_time, formats, in_time, tokens
from deadtokens.figures import style
from deadtokens.files import tables
from deadtokens.program import command

SCRIPTS = ("Thai", "Latin")


def files(folder, *matrices, named=True):
    """The files of a census of these matrices, by role, as the program writes them."""
    found = {}
    for role, bits, form in matrices:
        described = tokens.without_tokenizer(range(len(bits)))
        if named:
            described["script"] = np.resize(SCRIPTS, len(bits))
            described.loc[:20, "kind"] = tokens.UNUSED
        matrix = counting.Matrix(role, bits, form, described)
        found[role] = counting.count(matrix, RULES, 0.02, 0.5)
    command.write_json(
        folder / "census.json", {"matrices": {role: of.summary for role, of in found.items()}}
    )
    for name in ("vectors", "tokens"):
        parts = [getattr(of, name) for of in found.values()]
        tables.write(folder / f"{name}.csv", pd.concat(parts))
    names = {"summary": "census.json", "vectors": "vectors.csv", "tokens": "tokens.csv"}
    return [draw_census.INPUTS[key][0](folder / name) for key, name in names.items()]


def drawn(*given):
    with style.applied():
        drawing = draw_census.draw(*given, "mine $x$", 180)
        drawing.draw_without_rendering()
    return drawing


def test_the_planted_holes_are_seen(tmp_path):
    bits, _ = plain.planted()
    drawing = drawn(*files(tmp_path, ("input", bits, BFLOAT16)))
    assert drawing._suptitle.get_text() == "mine $x$: 4 black holes hold 52 of 300 tokens"
    a, b, c, d, e, f = drawing.axes
    assert a.lines[0].get_ydata()[:4].tolist() == [50] * 4
    assert b.lines[0].get_ydata().tolist() == [40, 7, 3, 2]
    core = c.lines[1]
    assert sorted(core.get_ydata()) == [3, 7, 40]
    assert sum(bar.get_height() for bar in d.containers[0]) == 50
    assert sum(bar.get_width() for bar in e.containers[0]) == 50
    assert [text.get_text() for text in f.get_legend().get_texts()][-1] == "the structure (50)"


def test_two_matrices_in_two_readings_are_told_apart_and_the_last_is_looked_at(tmp_path):
    bits, _ = plain.planted()
    wide = formats.values(bits, BFLOAT16).view(np.uint32)
    normal = formats.values(plain.normal(300, 48), BFLOAT16).view(np.uint32)
    form = formats.BY_DTYPE["F32"]
    drawing = drawn(*files(tmp_path, ("input", wide, form), ("output", normal, form)))
    labels = [text.get_text() for text in drawing.axes[0].get_legend().get_texts()]
    assert labels == [f"{m}, {r}" for m in ("input", "output") for r in ("float32", "bfloat16")]
    assert "no two of 300 tokens share a vector (output, float32)" in drawing._suptitle.get_text()


@pytest.mark.parametrize("named", [True, False])
def test_a_matrix_without_any_structure_is_drawn(tmp_path, named):
    bits = plain.normal(50, 600)
    drawing = drawn(*files(tmp_path, ("matrix", bits, BFLOAT16), named=named))
    remarks = [text.get_text() for panel in drawing.axes for text in panel.texts]
    assert "no two tokens share a vector" in remarks
    assert "the centre stands alone" in remarks
    assert ("no tokenizer names them" in remarks) is not named
    one = drawn(*files(tmp_path, ("matrix", bits[:1], BFLOAT16), named=named))
    assert "no two of 1 tokens" in one._suptitle.get_text()
    assert json.loads((tmp_path / "census.json").read_text())


def test_a_census_in_time_is_drawn(tmp_path):
    states = np.stack([plain.normal(30, 4, seed) for seed in range(450)])
    states[100:, :10] = states[100:, :1]
    table = in_time.follow([(0, states)], BFLOAT16, 20)
    table.loc[300:, "components"] = None  # too many pairs
    tables.write(tmp_path / "t.csv", table)
    with style.applied():
        read = draw_census_in_time.INPUTS["table"][0](tmp_path / "t.csv")
        drawing = draw_census_in_time.draw(read, "Crucible", 180)
        drawing.draw_without_rendering()
    assert drawing._suptitle.get_text() == (
        "Crucible: 0 black holes of 0 tokens at step 0, 1 of 10 at step 449"
    )
    a, _, _, d = drawing.axes
    assert a.lines[0].get_ydata()[[99, 100]].tolist() == [0, 10]
    assert "Number in 3 steps" in d.get_ylabel()
    with style.applied():
        drawing = draw_census_in_time.draw(read.iloc[:50], "Crucible", 180)
        drawing.draw_without_rendering()
        draw_census_in_time.draw(read.iloc[:1], "Crucible", 180).draw_without_rendering()
    assert drawing._suptitle.get_text() == "Crucible: no two tokens share a vector at any step"
