"""The figure of the account: what it shows, and that it is drawn whatever was found."""

import numpy as np
import pandas as pd
import pytest

from deadtokens.causes import account as analysis
from deadtokens.causes import draw_account
from deadtokens.figures import style

STEPS = np.arange(1.0, 61)


def drawn(not_judged=None, correlation=0.25, **planted):
    names = (*analysis.TERMS, *analysis.CELL)
    table = {"step": STEPS} | {name: np.zeros(60) for name in names} | planted
    table["cell"] = sum(table[name] for name in analysis.CELL)
    table["total"] = sum(table[name] for name in analysis.TERMS)
    table |= {"below_half_cell": STEPS / 60, "below_half_cell_float32_v": STEPS / 120}
    last = np.array([10, 20, 40, 60])
    tokens = {"last_motion_step": last, "last_motion_step_power_law": last + 0}
    tokens["last_motion_step_exponential"] = last - 5
    freeze = {"not_judged": not_judged, "share_right_about_freezing": 0.75}
    judged = {"freeze": freeze | {"rank_correlation": correlation}}
    summary = {
        **{"steps": 60, "from_step": 5, "forecast_step": 20},
        "change_over_last_window": {"total": table["total"][-1]},
        "causes_over_last_window": {"ratchet": table["ratchet"][-1]},
        "forecast": {"chosen": "power_law", "power_law": judged, "exponential": judged},
    }
    with style.applied():
        figure = draw_account.draw(pd.DataFrame(table), pd.DataFrame(tokens), summary, "Tiny", 180)
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
    causes, below, survival = figure.axes
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
    happened, power_law, exponential = survival.lines[:3]
    np.testing.assert_allclose(happened.get_ydata()[[9, 10, 59]], [1, 0.75, 0.25])
    assert power_law.get_xdata()[0] == exponential.get_xdata()[0] == 20
    np.testing.assert_allclose(exponential.get_ydata()[[15, 16]], [0.5, 0.25])
    assert "75% right about freezing, rank correlation 0.25" in survival.get_title(loc="left")


def test_what_cannot_be_judged_is_said():
    figure = drawn(not_judged="no token froze within the run", rate=np.log2(1 - (STEPS - 1) / 59.5))
    assert "cannot be judged: no token froze" in figure.axes[2].get_title(loc="left")
    assert drawn(correlation=None).axes[2].get_title(loc="left").endswith("right about freezing")
