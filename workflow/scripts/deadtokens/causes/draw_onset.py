"""The figure of the onset: who is not yet at rest, motion over time, and what changes the freeze.

Draws what `causes.onset_arms` and `causes.onset_effects` have found; computes nothing.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER

TOP_MM, ROW_MM = 112, 7  # of the four curves; of an arm, or of its line in the key
KEY_COLUMNS = 4
# Okabe and Ito's, for every kind of colour blindness; dashes distinguish more arms than colours do.
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)))
REFERENCE = {"color": style.INK, "linewidth": 1.6}
FEW = 4  # arms whose bands can be distinguished where they lie upon each other
BAND = {"linewidth": 0}
UNITS = {
    "tokens": ("dead tokens", {"marker": "s"}),
    "elements": ("their elements", {"marker": "o", "markerfacecolor": "white"}),
}
MEASURES = {
    "onset": (
        "Mean onset, difference in steps",
        FuncFormatter(lambda v, _: f"{v:+,.0f}" if v else "0"),
    ),
    "still": ("Share at rest at the end, difference", PercentFormatter(1)),
}
INTERVAL = {"linewidth": 1.1, "solid_capstyle": "butt"}

TEXT = ("arm",)  # among the columns of onset.csv
DRAWN = ("tokens_before_onset", "elements_before_onset", "displacement", "elements_moving")
COLUMNS = (*TEXT, "step", *(f"{name}{end}" for name in DRAWN for end in ("", "_low", "_high")))
OVER_SEEDS = {"mean": NUMBER, "low": NUMBER, "high": NUMBER}
EFFECT = {"arms": {str: OVER_SEEDS}, "interactions": {str: {"of": [str], **OVER_SEEDS}}}
# What is drawn of onset.json.
SUMMARY = {
    **{"through_step": int, "still_for": int, "latest_onset": int, "bin_steps": int},
    **{"tokens": int, "reference": str, "intervals": str},
    "arms": {str: {"seeds": [int], "tokens": {"still": OVER_SEEDS}}},
    "effects": {unit: dict.fromkeys(MEASURES, EFFECT) for unit in UNITS},
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS, text=TEXT), "CSV: a row per arm and bin"),
    "summary": (json_of(SUMMARY), "JSON: the effects"),
}


def draw(table: pd.DataFrame, summary: Mapping, title: str, width_mm: float) -> Figure:
    """Curves of tokens and elements side by side, the effects below."""
    effects = _rows_of_effects(summary)
    looks = _looks(summary)
    above = TOP_MM + ROW_MM * (-(-len(looks) // KEY_COLUMNS))
    below = 24 + ROW_MM * max(2, sum(label.count("\n") + 1 for label, _, _ in effects))
    drawing = style.figure(width_mm, above + below)
    top, bottom = drawing.subfigures(2, 1, height_ratios=(above, below))
    table = table.assign(arm=table["arm"].map(letters.visible))  # as the summary has them here
    _draw_curves(top, table, summary, looks)
    handles = [Line2D([], [], **look, label=_label(arm, summary)) for arm, look in looks.items()]
    top.legend(handles=handles, loc="outside lower center", ncols=KEY_COLUMNS)
    panels = dict(zip(MEASURES, bottom.subplots(1, len(MEASURES), sharey=True), strict=True))
    for letter, (measure, panel) in zip("ef", panels.items(), strict=True):
        panel.set_title(f"{letter}  {MEASURES[measure][0]}")
        _draw_effects(panel, measure, effects, looks)
    against = f"Against {_name(summary['reference'])}; intervals: {summary['intervals']}"
    bottom.legend(handles=_key(), title=against, loc="outside lower center", ncols=2)
    pictures.head(top, f"{title}: {_headline(summary)}")
    return drawing


def _draw_curves(top: Figure, table: pd.DataFrame, summary: Mapping, looks: Mapping) -> None:
    grid = top.subplots(2, 2, sharex=True)
    panels = dict(zip(DRAWN, grid.flat, strict=True))
    titles = (
        f"a  Tokens before their first rest of {summary['still_for']:,} steps",
        "b  Elements before theirs",
        "c  Mean |ΔW′|₂ of tokens at a step, in lattice cells",
        "d  Elements that change at a step",
    )
    for (name, panel), text in zip(panels.items(), titles, strict=True):
        panel.set_title(text)
        for arm, look in looks.items():
            alpha = 0.2 if len(looks) <= FEW else 0.1
            _draw_curve(panel, table[table["arm"] == arm], name, look, alpha)
        pictures.step_axis(panel, summary["through_step"])
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        if name in ("displacement", "elements_moving"):
            panel.set_yscale("log", nonpositive="mask")
            panel.set_ylim(*_limits(table[name]))
        else:
            panel.set_ylim(0, 1.02)
            panel.yaxis.set_major_formatter(PercentFormatter(1))
            # Later onsets cannot be seen.
            latest, last = summary["latest_onset"], summary["through_step"]
            panel.axvspan(latest, last, color=style.FAINT, alpha=0.12, linewidth=0)
    for above, below in grid.T:
        above.set_xlabel("")
        below.set_xlabel(f"Training step (means over {summary['bin_steps']:,})")
    panels["elements_moving"].yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")


def _looks(summary: Mapping) -> dict[str, dict]:
    """How each arm is drawn, the reference in ink."""
    others = [arm for arm in summary["arms"] if arm != summary["reference"]]
    looks = {summary["reference"]: REFERENCE}
    for i, arm in enumerate(others):
        dash = DASHES[i // len(COLOURS) % len(DASHES)]
        looks[arm] = {"color": COLOURS[i % len(COLOURS)], "linestyle": dash, "linewidth": 1.2}
    return looks


def _draw_curve(panel: Axes, table: pd.DataFrame, name: str, look: Mapping, alpha: float) -> None:
    """Mean over seeds and, where there is one, the interval."""
    step, low, high = (table[key] for key in ("step", f"{name}_low", f"{name}_high"))
    panel.fill_between(step, low, high, color=look["color"], alpha=alpha, **BAND)
    panel.plot(step, table[name], **look)


def _limits(means: pd.Series) -> tuple[float, float]:
    """Those of the means with some room: intervals of few seeds reach over many decades."""
    known = means[means > 0]
    return (known.min() / 2, known.max() * 2) if len(known) else (0.05, 2)


def _rows_of_effects(summary: Mapping) -> list[tuple[str, dict, str | None]]:
    """Label, differences by measure and unit, arm whose colour it has; interactions last."""
    effects = summary["effects"]
    some = effects["tokens"]["onset"]

    def differences(kind: str, arm: str) -> dict:
        return {
            (measure, unit): effects[unit][measure][kind][arm]
            for measure in MEASURES
            for unit in UNITS
        }

    rows = [(_name(arm), differences("arms", arm), arm) for arm in some["arms"]]
    for arm, effect in some["interactions"].items():
        label = f"interaction of {_name(effect['of'][0])}\nand {_name(effect['of'][1])}"
        rows.append((label, differences("interactions", arm), None))
    return rows


def _draw_effects(panel: Axes, measure: str, rows: Sequence, looks: Mapping) -> None:
    panel.axvline(0, color=style.FAINT, linewidth=0.7, linestyle=(0, (3, 2)))
    ends = [0.0]
    for place, (_, differences, arm) in enumerate(rows):
        colour = looks[arm]["color"] if arm else style.FAINT
        for offset, (unit, (_, marker)) in zip((-0.17, 0.17), UNITS.items(), strict=True):
            found = differences[measure, unit]
            if found["low"] is not None:
                interval = [found["low"], found["high"]]
                ends.extend(interval)
                panel.plot(interval, [place + offset] * 2, color=colour, **INTERVAL)
            ends.append(found["mean"])
            where = found["mean"], place + offset
            panel.plot(*where, color=colour, markersize=4.5, linestyle="", **marker)
    room = 0.05 * (max(ends) - min(ends)) or 1
    panel.set_xlim(min(ends) - room, max(ends) + room)
    panel.xaxis.set_major_formatter(MEASURES[measure][1])
    panel.xaxis.set_major_locator(MaxNLocator(5))
    panel.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    panel.set_ylim(max(len(rows), 1) - 0.45, -0.55)


def _key() -> list[Line2D]:
    return [
        Line2D([], [], color=style.INK, linestyle="", markersize=4.5, **marker, label=label)
        for label, marker in UNITS.values()
    ]


def _name(arm: str) -> str:
    return letters.short(arm.replace("_", " "))


def _label(arm: str, summary: Mapping) -> str:
    seeds = len(summary["arms"][arm]["seeds"])
    return f"{_name(arm)} ({seeds} seed{'s' if seeds > 1 else ''})"


def _headline(summary: Mapping) -> str:
    still = summary["arms"][summary["reference"]]["tokens"]["still"]["mean"]
    return (
        f"of {summary['tokens']:,} dead tokens {still:.0%} are still in the last "
        f"{summary['still_for']:,} of {summary['through_step']:,} steps "
        f"({_name(summary['reference'])})"
    )
