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

RATES = (
    *("exposure", "resumed", "rate", "lower_bound", "upper_bound"),
    *("upper_bound_as_seen", "poisson_lower_bound", "poisson_upper_bound"),
)
COLUMNS = ("still_from", "still_to", *RATES, *(f"element_{name}" for name in RATES))
BESIDE = 1.12  # elements beside tokens, a factor on the axis of steps
ELEMENT = {"marker": "s", "color": style.PHASE_COLOURS[1], "markersize": 3, "linestyle": ""}
LOOKS = {"token": (style.INK, style.DOT), "element": (style.PHASE_COLOURS[1], ELEMENT)}
NONE_MOVED = {"marker": "v", "markersize": 4, "linestyle": ""}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS), "CSV: a row per octave"),
    "summary": (json_of(SUMMARY), "JSON: rates and bounds"),
}


def draw(table: pd.DataFrame, summary: dict, title: str, width_mm: float) -> Figure:
    """Rate of moving again by how long still, with bounds, and how many were watched."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    rates, watched = drawing.subplots(1, 2, width_ratios=(1.6, 1))
    for panel in (rates, watched):
        _steps_axis(panel)
    _draw_rates(rates, table, summary["confidence"])
    _draw_watched(watched, table)
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_rates(panel: Axes, table: pd.DataFrame, confidence: float) -> None:
    panel.set_title("How often what was still moves again")
    panel.set_ylabel("Rate (per step, of one)")
    if len(table) == 0:
        _nothing(panel)
        return
    panel.set_yscale("log")
    shown, level = [], f"{confidence:.0%}"
    for (name, (colour, look)), place in zip(LOOKS.items(), (1, BESIDE), strict=True):
        rows = _of(table, name)
        x, some, bound = _middles(rows) * place, rows["resumed"] > 0, rows["upper_bound"]
        ends = rows["lower_bound"][some], bound[some]
        as_seen = rows["lower_bound"][some], rows["upper_bound_as_seen"][some]
        panel.vlines(x[some], *ends, colour, linewidth=0.8)
        panel.vlines(x[some], *as_seen, colour, linewidth=2.2)
        panel.plot(x[some], rows["rate"][some], label=f"{name}s, bounds at {level}", **look)
        mark = NONE_MOVED | {"color": colour}
        panel.plot(x[~some], bound[~some], label=f"{name}s, none moved: upper bound", **mark)
        shown += [rows["rate"][some], rows["upper_bound"]]
    shown = np.concatenate(shown)
    panel.set_ylim(shown.min() / ROOM, min(shown.max() * ROOM, 4))
    panel.legend(loc="lower left")


def _draw_watched(panel: Axes, table: pd.DataFrame) -> None:
    panel.set_title("How many were watched")
    panel.set_ylabel("Token-steps, element-steps")
    if len(table) == 0:
        _nothing(panel)
        return
    panel.set_yscale("log")
    most = 0
    for name, (colour, look) in LOOKS.items():
        rows = _of(table, name)
        x, some = _middles(rows), rows["resumed"] > 0
        panel.plot(x, rows["exposure"], color=colour, label=f"{name}s still so long")
        panel.plot(x[some], rows["resumed"][some], label=f"{name}s: moved again", **look)
        most = max(most, rows["exposure"].max() if len(rows) else 0)
    panel.set_ylim(0.7, most * ROOM)
    panel.legend(loc="lower left")


def _of(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows and rates of tokens or of elements that were still so long at all."""
    before = "" if name == "token" else f"{name}_"
    of = table[["still_from", "still_to", *(before + rate for rate in RATES)]]
    rows = of.rename(columns={before + rate: rate for rate in RATES})
    return rows[rows["exposure"] > 0].reset_index(drop=True)


def _steps_axis(panel: Axes) -> None:
    panel.set_xscale("log")
    panel.set_xlabel("Still for (steps, in octaves)")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _middles(table: pd.DataFrame) -> np.ndarray:
    return np.sqrt(table["still_from"] * (table["still_to"] + 1.0))


def _nothing(panel: Axes) -> None:
    pictures.remark(panel, "Nothing was still after a motion")
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
