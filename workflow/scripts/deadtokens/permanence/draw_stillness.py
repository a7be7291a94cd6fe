"""The figure of stillness: how long the still runs are, and where in time they lie.

Draws what `permanence.stillness` has found; computes nothing.
"""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from deadtokens.figures import pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER, Maybe

HEIGHT_OVER_WIDTH = 0.42
FINAL_COLOUR = style.PHASE_COLOURS[-1]
EARLIER_COLOUR = style.PHASE_COLOURS[1]
NO_RUN = "Something moves at every step"

# What is drawn of stillness.json.
SUMMARY = {
    **{"steps": int, "count": int, "fewest_moving": int, "still_for": int, "stopped": bool},
    "final": Maybe({"start": int, "length": int}),
    "final_over_longest_other": NUMBER,
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=("start", "length")), "CSV: a row per still run"),
    "summary": (json_of(SUMMARY), "JSON: their statistics"),
}


def draw(table: pd.DataFrame, summary: dict, title: str, width_mm: float) -> Figure:
    """Runs at least so long, and every run from its first step to its last, by its length."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    distribution, places = drawing.subplots(1, 2, width_ratios=(1, 1.6))
    starts, lengths = (table[name].to_numpy() for name in ("start", "length"))
    _draw_distribution(distribution, lengths)
    _draw_places(places, starts, lengths, summary)
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_distribution(panel: Axes, lengths: np.ndarray) -> None:
    """How many runs are at least as long, on log axes because lengths span decades."""
    panel.set_title("How long the runs are")
    panel.set_xlabel("Length (steps)")
    panel.set_ylabel("Runs at least as long")
    if len(lengths) == 0:
        pictures.remark(panel, NO_RUN)
        panel.set(xticks=[], yticks=[])
        return
    values, counts = np.unique(lengths, return_counts=True)
    at_least = len(lengths) - np.cumsum(counts) + counts
    panel.step([1, *values], [len(lengths), *at_least], where="pre", color=style.INK)
    panel.plot(values, at_least, **style.DOT)
    panel.set_xscale("log")
    panel.set_yscale("log")
    for axis in (panel.xaxis, panel.yaxis):
        _whole_numbers(axis)
    panel.set_xlim(0.8, values[-1] * 1.25 + 1)
    panel.set_ylim(0.8, len(lengths) * 1.25 + 1)


def _draw_places(panel: Axes, starts: np.ndarray, lengths: np.ndarray, summary: dict) -> None:
    """A bar per run at the height of its length; runs of one length never overlap in time."""
    panel.set_title("When they are")
    panel.set_ylabel("Length (steps)")
    pictures.step_axis(panel, summary["steps"])
    panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if len(lengths) == 0:
        pictures.remark(panel, f"{NO_RUN}: {summary['fewest_moving']:,} tokens at least")
        panel.set_yticks([])
        return
    final = starts + lengths > summary["steps"]
    for chosen, colour, label in (
        (~final, EARLIER_COLOUR, "broken by a motion"),
        (final, FINAL_COLOUR, "unbroken at the last step"),
    ):
        ends = (starts + lengths - 1)[chosen]
        panel.hlines(lengths[chosen], starts[chosen] - 0.5, ends + 0.5, colour, linewidth=2)
        panel.plot(starts[chosen], lengths[chosen], "|", color=colour, markersize=5, label=label)
    panel.set_yscale("log")
    _whole_numbers(panel.yaxis)
    panel.set_ylim(0.8, lengths.max() * 1.6)
    panel.legend(loc="upper left")


def _whole_numbers(axis: Axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_minor_formatter(NullFormatter())


def _headline(summary: dict) -> str:
    runs, steps = summary["count"], summary["steps"]
    if runs == 0:
        return f"not one of {steps:,} steps is still{_whose('for', summary)}"
    sentence = f"{runs:,} still run{'s' if runs > 1 else ''}{_whose('of', summary)}"
    final, times = summary["final"], summary["final_over_longest_other"]
    if final is None:
        return f"{sentence}, none of them lasts to step {steps:,}"
    known = "" if summary["stopped"] else f", too short for a stop ({summary['still_for']:,})"
    if times is None:
        return f"{sentence}, from step {final['start']:,} to the last{known}"
    length = f"the final one of {final['length']:,} steps"
    return f"{sentence}, {length} is {times:.3g} times any other{known}"


def _whose(word: str, summary: dict) -> str:
    """Stillness is of dead tokens unless something else is said."""
    of_dead = summary.get("population", "dead") == "dead"
    return "" if of_dead else f" {word} {pictures.tokens_of(summary)}"
