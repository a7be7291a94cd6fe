"""The figure of a comparison of black holes: training, rounding alone, and the formula.

Draws what `census.black_holes` and `census.published_cloud` have found; computes nothing.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER

HEIGHT_OVER_WIDTH = 0.72
# Okabe and Ito's, for every kind of colour blindness; marks tell the sources apart without colour.
LOOKS = {
    "training": ("training", {"color": style.INK, "marker": "o", "linestyle": "-"}),
    "stepwise": (
        "no training, rounded at each step",
        {"color": "#0072b2", "marker": "s", "linestyle": "--"},
    ),
    "at_once": (
        "no training, rounded once",
        {"color": "#d55e00", "marker": "^", "linestyle": "-."},
    ),
    "formula": ("formula", {"color": "#009e73", "marker": "x", "linestyle": ":"}),
}
COLOURS = ("#222222", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
TEXT = ("arm", "source")
DRAWN = ("vectors", "black_hole_tokens")
COLUMNS = (*TEXT, "step", *(f"{name}{end}" for name in DRAWN for end in ("", "_low", "_high")))
OVER_SEEDS = {"mean": NUMBER, "low": NUMBER, "high": NUMBER}
SUMMARY = {
    "steps": [int],
    "intervals": str,
    "arms": {
        str: {
            **{"spread": float, "along_spread": bool, "seeds": [int], "tokens": int},
            "populations": {str: [OVER_SEEDS]},
        }
    },
    "published_cloud": {
        "populations": [int],
        "simulated": [{"rank": int, "low": float, "median": float, "high": float}],
    },
}
SHOWN = 7  # arms whose populations are drawn, those with most tokens in black holes

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS, text=TEXT), "CSV: a row per arm and step"),
    "summary": (json_of(SUMMARY), "JSON: arms and what it would take"),
}


def draw(table: pd.DataFrame, summary: Mapping, title: str, width_mm: float) -> Figure:
    """a, b: over the spread at the last step. c: in time. d: populations by rank."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    a, b, c, d = drawing.subplots(2, 2).flat
    last = max(summary["steps"])
    at_last = table[table["step"] == last]
    for panel, name, text in (
        (a, "vectors", "a  Different vectors"),
        (b, "black_hole_tokens", "b  Tokens in black holes"),
    ):
        panel.set_title(f"{text} at step {last:,}")
        _draw_over_spread(panel, at_last, name, summary["arms"])
    a.legend(loc="best")
    _draw_in_time(c, table, summary)
    _draw_populations(d, summary)
    pictures.head(drawing, f"{title}: {_headline(at_last, summary)}")
    return drawing


def _draw_over_spread(panel: Axes, table: pd.DataFrame, name: str, arms: Mapping) -> None:
    along = [arm for arm, of in arms.items() if of["along_spread"]]
    along.sort(key=lambda arm: arms[arm]["spread"])
    others = [arm for arm in arms if arm not in along]
    order = [*along, *others]
    for i, (source, (label, look)) in enumerate(LOOKS.items()):
        rows = table[table["source"] == source].set_index("arm").loc[order]
        for part, style_of_line in ((along, look["linestyle"]), (others, "")):
            if not part:
                continue
            at = np.array([order.index(arm) for arm in part]) + 0.12 * (i - 1.5)
            values = rows.loc[part]
            panel.plot(
                *(at, values[name]),
                **look | {"linestyle": style_of_line, "markersize": 4, "linewidth": 1},
                label=label if part is along or not along else None,
            )
            ends = values[f"{name}_low"], values[f"{name}_high"]
            panel.vlines(at, *ends, color=look["color"], linewidth=0.8)
    names = [f"{arms[arm]['spread']:g}" for arm in along] + [_name(arm) for arm in others]
    panel.set_xticks(range(len(order)), names, rotation=45, ha="right")
    panel.set_xlabel("Initial spread of the rows (standard deviation)")
    panel.set_yscale("symlog", linthresh=1)
    panel.set_ylim(0, 1.5 * max(of["tokens"] for of in arms.values()))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    panel.set_ylabel("Number")


def _draw_in_time(panel: Axes, table: pd.DataFrame, summary: Mapping) -> None:
    panel.set_title("c  Tokens in black holes over the steps, in training")
    for arm, colour in _shown(summary).items():
        rows = table[(table["arm"] == arm) & (table["source"] == "training")].sort_values("step")
        ends = rows["black_hole_tokens_low"], rows["black_hole_tokens_high"]
        panel.fill_between(rows["step"], *ends, color=colour, alpha=0.15, linewidth=0)
        at = rows["step"], rows["black_hole_tokens"]
        panel.plot(*at, color=colour, marker="o", markersize=3, label=_name(arm))
    panel.set_ylim(bottom=0)
    panel.set_xlim(0, max(1, *summary["steps"]))
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    panel.set_xlabel("Training step")
    panel.set_ylabel("Tokens")


def _draw_populations(panel: Axes, summary: Mapping) -> None:
    panel.set_title("d  Populations by rank at the last step")
    for arm, colour in _shown(summary).items():
        sizes = [of["mean"] for of in summary["arms"][arm]["populations"]["training"]]
        panel.plot(_ranks(sizes), _positive(sizes), color=colour, label=_name(arm))
    published = summary["published_cloud"]
    panel.plot(
        *(_ranks(published["populations"]), published["populations"]),
        **{"color": style.INK, "marker": "D", "markersize": 4, "linestyle": ""},
        label="published, Qwen 3 4B",
    )
    drawn = published["simulated"]
    if drawn:
        low, high = ([row[end] for row in drawn] for end in ("low", "high"))
        panel.fill_between(
            *(_ranks(drawn), np.maximum(low, 0.5), np.maximum(high, 0.5)),
            **{"color": "#009e73", "alpha": 0.2, "linewidth": 0},
            label="formula at the published size",
        )
    panel.set_yscale("log")
    panel.set_ylim(bottom=0.8)
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    panel.set_xlabel("Rank of the vector")
    panel.set_ylabel("Tokens that share it")
    panel.legend(loc="best")


def _shown(summary: Mapping) -> dict[str, str]:
    """Arms with a colour each: those whose largest vector holds most, in their own order."""
    arms = summary["arms"]

    def largest(arm: str) -> float:
        return arms[arm]["populations"]["training"][0]["mean"] or 0

    chosen = sorted(arms, key=largest, reverse=True)[:SHOWN]
    return dict(zip([arm for arm in arms if arm in chosen], COLOURS, strict=False))


def _ranks(values) -> np.ndarray:
    return np.arange(1, len(values) + 1)


def _positive(sizes: list[float | None]) -> list[float]:
    return [size if size else np.nan for size in sizes]


def _name(arm: str) -> str:
    return letters.short(arm.replace("_", " "))


def _headline(at_last: pd.DataFrame, summary: Mapping) -> str:
    seen = at_last[at_last["source"] == "training"].set_index("arm")["black_hole_tokens"]
    most = seen.idxmax()
    return (
        f"{seen[most]:,.0f} of {summary['arms'][most]['tokens']:,} tokens are in black holes "
        f"after {max(summary['steps']):,} steps of {_name(most)}"
    )
