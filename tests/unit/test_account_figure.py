"""The figure of the account: what it shows, and that it is drawn whatever was found."""

import numpy as np
import pandas as pd
import pytest

from deadtokens.causes import account as analysis
from deadtokens.causes import draw_account
from deadtokens.figures import style

STEPS = np.arange(1.0, 61)


def drawn(**planted):
    names = (*analysis.TERMS, *analysis.CELL)
    table = {"step": STEPS} | {name: np.zeros(60) for name in names} | planted
    table["cell"] = sum(table[name] for name in analysis.CELL)
    table["total"] = sum(table[name] for name in analysis.TERMS)
    table |= {"below_half_cell": STEPS / 60, "below_half_cell_float32_v": STEPS / 120}
    summary = {
        **{"steps": 60, "from_step": 5},
        "change_over_last_window": {"total": table["total"][-1]},
        "causes_over_last_window": {"ratchet": table["ratchet"][-1]},
    }
    with style.applied():
        figure = draw_account.draw(pd.DataFrame(table), summary, "Tiny", 180)
        figure.canvas.draw()
    return figure


def test_every_term_is_drawn_once():
    terms = [term for parts, _ in draw_account.CAUSES.values() for term in parts]
    parts = {*analysis.CELL, *analysis.GRADIENT}
    assert sorted(terms) == sorted(({*analysis.TERMS} - {"cell"}) | parts)


def test_of_a_gradient_that_is_split_the_parts_are_drawn_and_not_the_whole():
    split = {"p_dead": -3 * STEPS / 60, "hidden": STEPS / 60}
    causes = drawn(gradient=-2 * STEPS / 60, **split).axes[0]
    names = [text.get_text() for text in causes.get_legend().get_texts()]
    assert names == [
        *("p of the token smaller: sharper softmax", "gradients over p: hidden states"),
        "update in cells",
    ]
    ends = [collection.get_datalim(causes.transData) for collection in causes.collections]
    assert (min(box.y0 for box in ends), max(box.y1 for box in ends)) == pytest.approx((-3, 1))


def test_the_areas_reach_what_the_terms_add_up_to():
    """Three causes shrink the update by 4.5 octaves in all, two make it grow by 1.5."""
    figure = drawn(
        gradient=-2 * STEPS / 60,
        cell_drift=-1.5 * STEPS / 60,
        cell_relative=STEPS / 120,
        ratchet=-STEPS / 60,
        v_float32=STEPS / 60,
        epsilon=STEPS / 1e5,
    )
    causes, below = figure.axes
    names = [text.get_text() for text in causes.get_legend().get_texts()]
    assert names == [
        *("gradients smaller", "cells: common drift of the rows"),
        *("cells: rows relative to their mean", "ratchet of √v"),
        *("√v̂ as in float32, falls with g", "update in cells"),
    ]  # what never reaches a hundredth of an octave is not there
    ends = [collection.get_datalim(causes.transData) for collection in causes.collections]
    assert min(box.y0 for box in ends) == pytest.approx(-4.5)
    assert max(box.y1 for box in ends) == pytest.approx(1.5)
    assert (
        figure.get_suptitle()
        == "Tiny: updates shrank by 3.0 octaves, 1.0 of them by the ratchet of v"
    )
    assert [line.get_ydata()[-1] for line in below.lines] == [1, 0.5]


def test_where_no_update_is_left_at_the_end_that_is_said():
    figure = drawn(rate=np.log2(1 - (STEPS - 1) / 59.5))
    assert figure.get_suptitle().startswith("Tiny: updates shrank by")
    with style.applied():
        summary = {
            **{"steps": 60, "from_step": 5, "change_over_last_window": {"total": None}},
            "causes_over_last_window": {"ratchet": None},
        }
        table = pd.DataFrame(
            {name: np.zeros(60) for name in (*draw_account.COLUMNS, *analysis.TERMS)}
            | {name: np.zeros(60) for name in analysis.CELL}
        ).assign(step=STEPS)
        figure = draw_account.draw(table, summary, "Tiny", 180)
    assert figure.get_suptitle() == "Tiny: no update at the end"
