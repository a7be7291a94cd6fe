"""The figure of a census in time: black holes, components, extent, coalescences and evaporations.

Draws what `census.in_time` has found; computes nothing.
"""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deadtokens.figures import pictures, style
from deadtokens.files import tables

HEIGHT_OVER_WIDTH = 0.62
# Okabe and Ito's, for every kind of colour blindness.
TOKENS, LARGEST, HOLES, VECTORS = "#222222", "#d55e00", "#0072b2", "#009e73"
COLUMNS = (
    *("step", "black_holes", "black_hole_tokens", "largest_population", "vectors", "components"),
    *("largest_component_vectors", "largest_component_tokens", "width", "coalescences"),
    "evaporations",
)
MOST_BARS = 200  # steps are drawn together where there are more

TEXT = ("populations",)  # in the file, and not drawn

# By the option of the program: how a file is read, and what it holds.
INPUTS = {"table": (partial(tables.read, columns=COLUMNS, text=TEXT), "CSV: a row per state")}


def draw(table: pd.DataFrame, title: str, width_mm: float) -> Figure:
    """a: black holes. b: vectors and components. c: extent. d: coalescences and evaporations."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    a, b, c, d = drawing.subplots(2, 2).flat
    a.set_title("a  Black holes")
    holes = table.assign(
        largest_population=table["largest_population"].where(table["black_holes"] > 0, 0)
    )
    _lines(
        a,
        holes,
        {
            "black_hole_tokens": (TOKENS, "tokens in black holes"),
            "largest_population": (LARGEST, "tokens in the largest"),
            "black_holes": (HOLES, "black holes"),
        },
    )
    b.set_title("b  Vectors and components of neighbours")
    _lines(
        b,
        table,
        {
            "vectors": (TOKENS, "vectors"),
            "components": (HOLES, "components"),
            "largest_component_vectors": (LARGEST, "vectors of the largest component"),
        },
    )
    c.set_title("c  Extent: longest side of the box around all tokens")
    c.plot(table["step"], table["width"], color=VECTORS)
    c.set_ylabel("Width (as W is stored)")
    c.set_ylim(bottom=0)
    _draw_meetings(d, table)
    for panel in (a, b, c, d):
        pictures.root_step_axis(panel, int(table["step"].max()))
    pictures.head(drawing, f"{title}: {_headline(table)}")
    return drawing


def _lines(panel: Axes, table: pd.DataFrame, columns: dict[str, tuple[str, str]]) -> None:
    for name, (colour, label) in columns.items():
        width = 2.4 if colour == TOKENS else 1.1  # one line may lie upon another
        panel.plot(table["step"], table[name], color=colour, label=label, linewidth=width)
    panel.set_yscale("symlog", linthresh=1)
    panel.set_ylim(bottom=0)
    if table[list(columns)].fillna(0).eq(0).all(axis=None):
        panel.set_ylim(top=1)
        pictures.remark(panel, "none at any step")
    panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    panel.set_ylabel("Number")
    # Lines that fall from the first step to the last leave no place free of them.
    panel.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")


def _draw_meetings(panel: Axes, table: pd.DataFrame) -> None:
    panel.set_title("d  Vectors that meet, and that part")
    after = table[table["step"] > 0]
    size = max(1, -(-len(after) // MOST_BARS))
    of = after.groupby(np.arange(len(after)) // size)
    steps = of["step"].mean()
    for name, colour, sign in (("coalescences", LARGEST, 1), ("evaporations", HOLES, -1)):
        panel.fill_between(
            *(steps, sign * of[name].sum()),
            **{"color": colour, "step": "mid", "linewidth": 0, "alpha": 0.85},
            label=name,
        )
    panel.axhline(0, color=style.FAINT, linewidth=0.6)
    if not after[["coalescences", "evaporations"]].any(axis=None):
        panel.set_ylim(-1, 1.4)  # the words are above the line
        pictures.remark(panel, "none at any step")
    panel.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{abs(number):,.0f}"))
    together = "at each step" if size == 1 else f"in {size:,} steps"
    panel.set_ylabel(f"Number {together}")
    panel.legend(loc="best")


def _headline(table: pd.DataFrame) -> str:
    if not table["black_holes"].fillna(0).any():
        return "no two tokens share a vector at any step"
    first, last = table.iloc[0], table.iloc[-1]
    return (
        f"{first['black_holes']:,.0f} black holes of {first['black_hole_tokens']:,.0f} tokens at "
        f"step 0, {last['black_holes']:,.0f} of {last['black_hole_tokens']:,.0f} at step "
        f"{last['step']:,.0f}"
    )
