"""The figure of the onset: shares frozen, motion over time, and what makes the freeze go away.

Draws what `causes.onset_arms` and `causes.onset_effects` have found; computes nothing.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER

TOP_MM, ROW_MM = 78, 6.5  # of both curves with their key; of an arm in the panel of effects
KEY_COLUMNS = 4
# Okabe and Ito's, for every kind of colour blindness; dashes distinguish more arms than colours do.
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)))
REFERENCE = {"color": style.INK, "linewidth": 1.6}
BAND = {"alpha": 0.18, "linewidth": 0}
MEASURES = {
    "moving": ("share of tokens that move", {"marker": "o", "markerfacecolor": "white"}),
    "log_displacement": ("logarithm of the mean displacement", {"marker": "s"}),
}
INTERVAL = {"linewidth": 1.1, "solid_capstyle": "butt"}
# Shares are drawn within this: beyond it an interval says no more than that it says nothing.
WIDEST = (-1.5, 2.5)

TEXT = ("arm",)  # among the columns of onset.csv
COLUMNS = (
    *TEXT,
    "step",
    *(f"{name}{end}" for name in ("frozen", "displacement") for end in ("", "_low", "_high")),
)
OVER_SEEDS = {"mean": NUMBER, "low": NUMBER, "high": NUMBER}
EFFECT = {
    "arms": {str: {"share": OVER_SEEDS}},
    "interactions": {str: {"of": [str], "share": OVER_SEEDS}},
}
# What is drawn of onset.json.
SUMMARY = {
    **{"steps": int, "tokens": int, "window": int, "from_step": int, "bin_steps": int},
    "reference": str,
    "arms": {str: {"seeds": [int], "still": OVER_SEEDS}},
    "effects": dict.fromkeys(MEASURES, EFFECT),
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS, text=TEXT), "CSV: a row per arm and bin"),
    "summary": (json_of(SUMMARY), "JSON: the effects"),
}


def draw(table: pd.DataFrame, summary: Mapping, title: str, width_mm: float) -> Figure:
    """Both curves side by side, the effects below."""
    effects = _rows_of_effects(summary)
    below = 20 + ROW_MM * max(1, len(effects))
    drawing = style.figure(width_mm, TOP_MM + below)
    top, bottom = drawing.subfigures(2, 1, height_ratios=(TOP_MM, below))
    frozen, motion = top.subplots(1, 2)
    looks = _looks(summary)
    steps = summary["steps"]
    frozen.set_title("a  Tokens that have moved for the last time")
    frozen.set_ylabel("Share of dead tokens")
    frozen.set_ylim(0, 1.02)
    frozen.yaxis.set_major_formatter(PercentFormatter(1))
    motion.set_title(f"b  Motion per step, means over {summary['bin_steps']:,} steps")
    motion.set_ylabel("Mean |ΔW′|₂ (lattice cells)")
    motion.set_yscale("log")
    arms = table["arm"].map(letters.visible)  # as the summary has them here
    for panel, name in ((frozen, "frozen"), (motion, "displacement")):
        for arm, look in looks.items():
            _draw_curve(panel, table[arms == arm], name, look)
        pictures.step_axis(panel, steps)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    motion.set_ylim(*_limits(table["displacement"]))
    for first in (summary["from_step"], steps - summary["window"] + 1):
        last = first + summary["window"] - 1
        motion.axvspan(first, last, color=style.FAINT, alpha=0.12, linewidth=0)
    handles = [Line2D([], [], **look, label=_label(arm, summary)) for arm, look in looks.items()]
    top.legend(handles=handles, loc="outside lower center", ncols=KEY_COLUMNS)
    _draw_effects(bottom.subplots(), effects, summary, looks)
    bottom.legend(handles=_key(), loc="outside lower center", ncols=2)
    pictures.head(top, f"{title}: {_headline(summary)}")
    return drawing


def _looks(summary: Mapping) -> dict[str, dict]:
    """How each arm is drawn, the reference in ink."""
    others = [arm for arm in summary["arms"] if arm != summary["reference"]]
    looks = {summary["reference"]: REFERENCE}
    for i, arm in enumerate(others):
        dash = DASHES[i // len(COLOURS) % len(DASHES)]
        looks[arm] = {"color": COLOURS[i % len(COLOURS)], "linestyle": dash, "linewidth": 1.2}
    return looks


def _draw_curve(panel: Axes, table: pd.DataFrame, name: str, look: Mapping) -> None:
    """Mean over seeds and, where there is one, the interval."""
    step, low, high = (table[key] for key in ("step", f"{name}_low", f"{name}_high"))
    panel.fill_between(step, low, high, color=look["color"], **BAND)
    panel.plot(step, table[name], **look)


def _limits(means: pd.Series) -> tuple[float, float]:
    """Those of the means with some room: intervals of few seeds reach over many decades."""
    return (means.min() / 2, means.max() * 2) if means.notna().any() else (0.05, 2)


def _rows_of_effects(summary: Mapping) -> list[tuple[str, dict[str, Mapping], str | None]]:
    """Label, share of the fall that goes away by measure, arm whose colour it has."""
    effects = summary["effects"]
    first = effects["moving"]
    rows = [
        (_name(arm), {name: effects[name]["arms"][arm]["share"] for name in MEASURES}, arm)
        for arm in first["arms"]
    ]
    for arm, effect in first["interactions"].items():
        shares = {name: effects[name]["interactions"][arm]["share"] for name in MEASURES}
        rows.append(
            (f"interaction of {_name(effect['of'][0])}\nand {_name(effect['of'][1])}", shares, None)
        )
    return rows


def _draw_effects(panel: Axes, rows: Sequence, summary: Mapping, looks: Mapping) -> None:
    panel.set_title(
        f"c  How much of the fall of motion goes away, against {_name(summary['reference'])}"
    )
    panel.set_xlabel("Share of the fall of the reference (0%: as the reference, 100%: no fall)")
    for mark in (0, 1):
        panel.axvline(mark, color=style.FAINT, linewidth=0.7, linestyle=(0, (3, 2)))
    ends = [0.0, 1.0]
    for place, (_, shares, arm) in enumerate(rows):
        colour = looks[arm]["color"] if arm else style.FAINT
        for offset, (name, (_, marker)) in zip((-0.17, 0.17), MEASURES.items(), strict=True):
            share = shares[name]
            if share["mean"] is None:
                panel.text(0.02, place + offset, "not defined", color=style.FAINT, va="center")
                continue
            value = float(np.clip(share["mean"], *WIDEST))
            ends.append(value)
            if share["low"] is not None:
                interval = np.clip([share["low"], share["high"]], *WIDEST)
                ends.extend(interval)
                panel.plot(interval, [place + offset] * 2, color=colour, **INTERVAL)
            panel.plot(value, place + offset, color=colour, markersize=4.5, linestyle="", **marker)
    room = 0.05 * (max(ends) - min(ends))
    panel.set_xlim(min(ends) - room, max(ends) + room)
    panel.xaxis.set_major_formatter(PercentFormatter(1))
    panel.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    panel.set_ylim(max(len(rows), 1) - 0.45, -0.55)


def _key() -> list[Line2D]:
    return [
        Line2D([], [], color=style.INK, linestyle="", markersize=4.5, **marker, label=label)
        for label, marker in MEASURES.values()
    ]


def _name(arm: str) -> str:
    return letters.short(arm.replace("_", " "))


def _label(arm: str, summary: Mapping) -> str:
    seeds = len(summary["arms"][arm]["seeds"])
    return f"{_name(arm)} ({seeds} seed{'s' if seeds > 1 else ''})"


def _headline(summary: Mapping) -> str:
    arm = summary["arms"][summary["reference"]]
    still, steps = arm["still"]["mean"], summary["steps"]
    return (
        f"of {summary['tokens']:,} dead tokens {still:.0%} are still in the last "
        f"{summary['window']:,} of {steps:,} steps ({_name(summary['reference'])})"
    )
