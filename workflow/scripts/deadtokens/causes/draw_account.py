"""The figure of the account: why updates shrink, and what rounding swallows.

Draws what `causes.account` has found.
"""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from deadtokens.figures import pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER

HEIGHT_OVER_WIDTH = 0.8
HEIGHTS = (1.25, 1)  # of the panels
# Okabe and Ito's, for every kind of colour blindness; the terms of `causes.account` in each.
CAUSES = {
    "gradients smaller": (("gradient",), "#0072b2"),
    "p of the token smaller: sharper softmax": (("p_dead",), "#0072b2"),
    "gradients over p: hidden states": (("hidden",), "#999999"),
    "m lags g": (("lag", "m_correction"), "#56b4e9"),
    "cells: common drift of the rows": (("cell_drift",), "#e69f00"),
    "cells: rows relative to their mean": (("cell_relative",), "#f0e442"),
    "ratchet of √v": (("ratchet",), "#d55e00"),
    "√v̂ as in float32, falls with g": (("v_float32", "v_correction"), "#009e73"),
    "learning rate, ε": (("rate", "epsilon"), "#cc79a7"),
}
NEGLIGIBLE = 0.01  # octaves: a cause that never reaches this is not drawn
PUBLISHED = {"color": "#d55e00", "label": "as published"}
WITHOUT = {"color": "#009e73", "label": "v in float32, same gradients"}
TOTAL = {"color": style.INK, "linewidth": 1.0, "label": "update in cells"}

# What is drawn of account.csv, beside the terms that the run allows.
COLUMNS = ("step", "total", "below_half_cell", "below_half_cell_float32_v")
# What is drawn of account.json.
SUMMARY = {
    **{"steps": int, "from_step": int},
    "change_over_last_window": {"total": NUMBER},
    "causes_over_last_window": {"ratchet": NUMBER},
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS), "CSV: a row per step"),
    "summary": (json_of(SUMMARY), "JSON: what was found"),
}


def draw(table: pd.DataFrame, summary: dict, title: str, width_mm: float) -> Figure:
    """a: causes by step. b: updates below half a cell."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    causes, below = drawing.subplots(2, height_ratios=HEIGHTS)
    _draw_causes(causes, table, summary)
    _draw_below(below, table)
    for panel in (causes, below):
        pictures.root_step_axis(panel, summary["steps"])
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_causes(panel: Axes, table: pd.DataFrame, summary: dict) -> None:
    """What shrinks the update is stacked below zero, what makes it grow above; a line adds up."""
    table = {name: column.to_numpy() for name, column in table.items()}
    steps = table["step"]
    bottoms = {-1: np.zeros(len(steps)), 1: np.zeros(len(steps))}
    split = {"gradient"} if "p_dead" in table else {"p_dead", "hidden"}  # not both: they add up
    for name, (terms, colour) in CAUSES.items():
        if split & {*terms}:
            continue
        change = np.nan_to_num(sum(table[term] for term in terms), posinf=0, neginf=0)
        if np.abs(change).max() < NEGLIGIBLE:
            continue
        for sign, bottom in bottoms.items():
            part = np.where(np.sign(change) == sign, change, 0)
            label = name if sign == np.sign(change[-1] or -1) else None
            look = {"color": colour, "linewidth": 0, "label": label}
            panel.fill_between(steps, bottom, bottom + part, **look)
            bottoms[sign] = bottom + part
    panel.plot(steps, table["total"], **TOTAL)
    panel.axhline(0, color=style.FAINT, linewidth=0.6)
    low, high = _range(bottoms, table["total"])
    panel.set_ylim(low, high)
    panel.set_ylabel(f"Change since step {summary['from_step']:,} (octaves)")
    panel.set_title("a  What made the update shrink against the cell: the areas add up to the line")
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)


def _range(bottoms: dict[int, np.ndarray], total: np.ndarray) -> tuple[float, float]:
    lines = np.concatenate([*bottoms.values(), total[np.isfinite(total)], [-1, 1]])
    return lines.min() * 1.05, lines.max() * 1.1


def _draw_below(panel: Axes, table: pd.DataFrame) -> None:
    for name, look in (
        ("below_half_cell", PUBLISHED),
        ("below_half_cell_float32_v", WITHOUT),
    ):
        panel.plot(table["step"], table[name], **look, linewidth=1.0)
    panel.set_ylim(0, 1.02)
    panel.yaxis.set_major_formatter(PercentFormatter(1))
    panel.set_ylabel("Updates below half a cell")
    panel.set_title("b  How many updates rounding swallows")
    panel.legend(loc="lower right")


def _headline(summary: dict) -> str:
    late, causes = summary["change_over_last_window"], summary["causes_over_last_window"]
    fell = late["total"]
    if fell is None:
        return "no update at the end"
    way = "shrank" if fell < 0 else "grew"
    ratchet = causes["ratchet"]
    return f"updates {way} by {abs(fell):.1f} octaves, {abs(ratchet):.1f} of them " + (
        "by the ratchet of v" if ratchet <= 0 else "the other way by v's rounding"
    )
