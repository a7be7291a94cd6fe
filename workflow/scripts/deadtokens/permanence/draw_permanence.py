"""The figure of permanence: how often a token that has been still moves again.

Draws what `permanence.permanence` has found; computes nothing.
"""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from deadtokens.figures import pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER

HEIGHT_OVER_WIDTH = 0.42
ROOM = 2.0  # beside the outermost marks, a factor

# What is drawn of permanence.json.
SUMMARY = {
    "confidence": float,
    "final_silence": {"steps": int},
    "fell_by_at_least": {"per_step": NUMBER},
}

COLUMNS = ("still_from", "still_to", "exposure", "resumed", "rate", "lower_bound", "upper_bound")

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS), "CSV: a row per octave"),
    "summary": (json_of(SUMMARY), "JSON: rates and bounds"),
}


def draw(table: pd.DataFrame, summary: dict, title: str, width_mm: float) -> Figure:
    """Rate of moving again by how long still, with upper bounds, and how many were watched."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    rates, watched = drawing.subplots(1, 2, width_ratios=(1.6, 1))
    for panel in (rates, watched):
        _steps_axis(panel)
    _draw_rates(rates, table, summary["confidence"])
    _draw_watched(watched, table)
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_rates(panel: Axes, table: pd.DataFrame, confidence: float) -> None:
    panel.set_title("How often a still token moves again")
    panel.set_ylabel("Rate (per token and step)")
    if len(table["rate"]) == 0:
        _nothing(panel)
        return
    x = _middles(table)
    some = table["resumed"] > 0
    panel.set_yscale("log")
    bound = table["upper_bound"]
    level = f"{confidence:.0%}"
    ends = table["lower_bound"][some], bound[some]
    panel.vlines(x[some], *ends, style.FAINT, label=f"lower and upper bound, {level} each")
    panel.plot(x[some], table["rate"][some], label="rate", **style.DOT)
    mark = {"marker": "v", "color": style.PHASE_COLOURS[-1], "markersize": 4, "linestyle": ""}
    panel.plot(x[~some], bound[~some], label=f"upper bound at {level}, where none moved", **mark)
    shown = np.concatenate([table["rate"][some], table["upper_bound"]])
    panel.set_ylim(shown.min() / ROOM, min(shown.max() * ROOM, 4))
    panel.legend(loc="lower left")


def _draw_watched(panel: Axes, table: pd.DataFrame) -> None:
    panel.set_title("How many were watched")
    panel.set_ylabel("Token-steps")
    if len(table["rate"]) == 0:
        _nothing(panel)
        return
    panel.set_yscale("log")
    x = _middles(table)
    panel.plot(x, table["exposure"], color=style.INK, label="still so long")
    some = table["resumed"] > 0
    panel.plot(x[some], table["resumed"][some], label="moved again", **style.DOT)
    panel.set_ylim(0.7, table["exposure"].max() * ROOM)
    panel.legend(loc="lower left")


def _steps_axis(panel: Axes) -> None:
    panel.set_xscale("log")
    panel.set_xlabel("Still for (steps, in octaves)")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _middles(table: pd.DataFrame) -> np.ndarray:
    return np.sqrt(table["still_from"] * (table["still_to"] + 1.0))


def _nothing(panel: Axes) -> None:
    pictures.remark(panel, "No token was still after a motion")
    panel.set(xticks=[], yticks=[])


def _headline(summary: dict) -> str:
    silence = summary["final_silence"]
    if silence["steps"] == 0:
        return "something moves at the last step"
    fell = summary["fell_by_at_least"]["per_step"]
    sentence = f"nothing moves in the last {silence['steps']:,} steps"
    return sentence if fell is None else f"{sentence}, motion fell {_rounded(fell)}-fold at least"


def _rounded(value: float) -> str:
    """To two digits, without an exponent."""
    return f"{float(f'{value:.2g}'):,g}"
