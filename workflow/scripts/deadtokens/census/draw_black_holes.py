"""The figure of a comparison of black holes: training, rounding alone, and the formula.

Draws what `census.black_holes` and `census.published_cloud` have found; computes nothing.
"""

from collections.abc import Mapping
from functools import partial

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER

HEIGHT_OVER_WIDTH = 1.1
FEW = 4  # arms whose names have room side by side
# Okabe and Ito's, for every kind of colour blindness; marks tell the sources apart without colour.
LOOKS = {
    "training": ("training", {"color": style.INK, "marker": "o", "linestyle": "-"}),
    "pushed": (
        "all pushed alike",
        {"color": "#0072b2", "marker": "s", "linestyle": "--"},
    ),
    "stepwise": (
        "moved as their mean, at each step",
        {"color": "#cc79a7", "marker": "D", "linestyle": (0, (5, 1))},
    ),
    "at_once": (
        "moved as their mean, rounded once",
        {"color": "#d55e00", "marker": "^", "linestyle": "-."},
    ),
    "formula": ("formula", {"color": "#009e73", "marker": "x", "linestyle": ":"}),
}
# Of spreads, from narrow to wide; its lightest end is left out, for lines on white.
SPREAD_COLOURS, DARKEST, LIGHTEST = "viridis", 0.0, 0.88
# Shares of a summary's meetings.
MEETINGS = (
    (
        "share_coarser",
        "in an element that became coarser",
        {"color": style.INK, "marker": "o", "markersize": 3.5, "linestyle": ""},
    ),
    (
        "others_coarser",
        "base rate: changes of other vectors",
        {"color": "#d55e00", "marker": "^", "markersize": 3.5, "linestyle": ""},
    ),
)
TEXT = ("arm", "source")
DRAWN = ("vectors", "black_hole_tokens", "at_power_of_two")
COLUMNS = (*TEXT, "step", *(f"{name}{end}" for name in DRAWN for end in ("", "_low", "_high")))
OVER_SEEDS = {"mean": NUMBER, "low": NUMBER, "high": NUMBER}
SUMMARY = {
    "steps": [int],
    "intervals": str,
    "at_power_of_two_by_chance": float,
    "arms": {
        str: {
            **{"spread": float, "along_spread": bool, "seeds": [int], "tokens": int},
            "populations": {str: [OVER_SEEDS]},
            "meetings": {str: {"share_coarser": OVER_SEEDS, "others_coarser": OVER_SEEDS}},
        }
    },
    "published_cloud": {
        "populations": [int],
        "simulated": [{"rank": int, "low": float, "median": float, "high": float}],
    },
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS, text=TEXT), "CSV: a row per arm and step"),
    "summary": (json_of(SUMMARY), "JSON: arms and what it would take"),
}


def draw(table: pd.DataFrame, summary: Mapping, title: str, width_mm: float) -> Figure:
    """a, b: over the spread, and of all other arms, at the last step. f: where vectors met.

    Of arms that differ in the spread alone c, e: in time, d: populations by rank.
    """
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    a, b, c, d, e, f = drawing.subplots(3, 2).flat
    last = max(summary["steps"])
    at_last = table[table["step"] == last]
    for panel, name, text in (
        (a, "vectors", "a  Different vectors"),
        (b, "black_hole_tokens", "b  Tokens in black holes"),
    ):
        panel.set_title(f"{text} at step {last:,}")
        _draw_over_spread(panel, at_last, name, summary["arms"])
    a.set_ylabel("Vectors")
    b.set_ylabel("Tokens")
    c.set_ylabel("Tokens")
    d.set_ylabel("Tokens that share it")
    e.set_ylabel("Share of all elements")
    f.set_ylabel("Share")
    b.legend(loc="best")
    c.set_title("c  Tokens in black holes over the steps, in training")
    lines = _draw_in_time(c, table, "black_hole_tokens", summary)
    c.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    _draw_populations(d, summary)
    e.set_title("e  Elements at a power of two, in training")
    _draw_in_time(e, table, "at_power_of_two", summary)
    e.axhline(summary["at_power_of_two_by_chance"], color=style.FAINT, linewidth=0.8, linestyle=":")
    e.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _draw_meetings(f, summary["arms"])
    where = {"loc": "outside lower center", "ncols": len(lines)}
    drawing.legend(handles=lines, title="Initial spread, in c, d and e", **where)
    pictures.head(drawing, f"{title}: {_headline(at_last, summary)}")
    return drawing


def _draw_over_spread(panel: Axes, table: pd.DataFrame, name: str, arms: Mapping) -> None:
    along, order = _along_spread(arms), _order(arms)
    others = order[len(along) :]
    for i, (source, (label, look)) in enumerate(LOOKS.items()):
        rows = table[table["source"] == source].set_index("arm").loc[order]
        for part, line in ((along, look["linestyle"]), (others, "")):
            if not part:
                continue
            at = np.array([order.index(arm) for arm in part]) + 0.13 * (i - 2)
            values = rows.loc[part]
            panel.plot(
                *(at, values[name]),
                **look | {"linestyle": line, "markersize": 3.5, "linewidth": 0.8},
                label=label if part is along else None,
            )
            ends = values[f"{name}_low"], values[f"{name}_high"]
            panel.vlines(at, *ends, color=look["color"], linewidth=0.8)
    _arm_axis(panel, arms)
    panel.set_yscale("symlog", linthresh=1)
    panel.set_ylim(0, 1.5 * max(of["tokens"] for of in arms.values()))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))


def _draw_in_time(panel: Axes, table: pd.DataFrame, name: str, summary: Mapping) -> list[Line2D]:
    lines = []
    for arm, colour in _coloured(summary["arms"]).items():
        rows = table[(table["arm"] == arm) & (table["source"] == "training")].sort_values("step")
        ends = rows[f"{name}_low"], rows[f"{name}_high"]
        panel.fill_between(rows["step"], *ends, color=colour, alpha=0.12, linewidth=0)
        look = {"color": colour, "marker": "o", "markersize": 2.5}
        lines += panel.plot(rows["step"], rows[name], **look, label=_name(arm, summary["arms"]))
    panel.set_ylim(bottom=0)
    pictures.root_step_axis(panel, max(1, *summary["steps"]))
    panel.set_xlim(left=0)
    return lines


def _draw_meetings(panel: Axes, arms: Mapping) -> None:
    panel.set_title("f  Where vectors met, in training")
    order = _order(arms)
    for number, (name, label, look) in enumerate(MEETINGS):
        found = [arms[arm]["meetings"]["training"][name] for arm in order]
        mean, low, high = ([of[end] for of in found] for end in ("mean", "low", "high"))
        at = np.arange(len(order)) + 0.2 * (number - 0.5)
        panel.plot(at, np.array(mean, float), **look, label=label)
        panel.vlines(at, *(np.array(end, float) for end in (low, high)), color=look["color"])
    if all(arms[arm]["meetings"]["training"]["share_coarser"]["mean"] is None for arm in order):
        pictures.remark(panel, "not at every random seed")
    _arm_axis(panel, arms)
    panel.set_ylim(0, 1.02)
    panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panel.legend(loc="best")


def _draw_populations(panel: Axes, summary: Mapping) -> None:
    panel.set_title("d  Populations by rank at the last step, in training")
    arms = summary["arms"]
    for arm, colour in _coloured(arms).items():
        sizes = [of["mean"] for of in arms[arm]["populations"]["training"]]
        # A cloud on one vector would be a point, which a line does not show.
        panel.plot(
            *(_ranks(sizes), _positive(sizes)),
            **{"color": colour, "marker": "o", "markersize": 2.5},
        )
    published = summary["published_cloud"]
    panel.plot(
        *(_ranks(published["populations"]), published["populations"]),
        **{"color": "#d55e00", "marker": "D", "markersize": 4, "linestyle": ""},
        label="published, Qwen 3 4B",
    )
    drawn = published["simulated"]
    if drawn:
        low, high = ([row[end] for row in drawn] for end in ("low", "high"))
        panel.fill_between(
            *(_ranks(drawn), np.maximum(low, 0.5), np.maximum(high, 0.5)),
            **{"color": "#d55e00", "alpha": 0.2, "linewidth": 0},
            label="formula at its size",
        )
    panel.set_yscale("log")
    panel.set_ylim(bottom=0.8)
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    panel.set_xlabel("Rank of the vector")
    panel.legend(loc="upper right")


def _along_spread(arms: Mapping) -> list[str]:
    """Arms that differ in the spread alone, from narrow to wide; the first of all is one."""
    along = [arm for arm, of in arms.items() if of["along_spread"]]
    return sorted(along, key=lambda arm: arms[arm]["spread"])


def _order(arms: Mapping) -> list[str]:
    along = _along_spread(arms)
    return [*along, *(arm for arm in arms if arm not in along)]


def _arm_axis(panel: Axes, arms: Mapping) -> None:
    """Arms that differ in the spread alone, and behind a line all others."""
    along, order = _along_spread(arms), _order(arms)
    others = len(order) > len(along)
    if others:
        panel.axvline(len(along) - 0.5, color=style.FAINT, linewidth=0.5)
    panel.set_xticks(range(len(order)), [_name(arm, arms) for arm in order])
    panel.tick_params(axis="x", rotation=90 if len(order) > FEW else 0)
    panel.set_xlim(-0.5, len(order) - 0.5)
    panel.set_xlabel("Initial spread" + "; beside it other changes" * others)


def _coloured(arms: Mapping) -> dict[str, object]:
    """Arms that differ in the spread alone, with a colour each."""
    along = _along_spread(arms)
    shades = np.linspace(DARKEST, LIGHTEST, len(along))
    return dict(zip(along, matplotlib.colormaps[SPREAD_COLOURS](shades), strict=True))


def _ranks(values) -> np.ndarray:
    return np.arange(1, len(values) + 1)


def _positive(sizes: list[float | None]) -> list[float]:
    return [size if size else np.nan for size in sizes]


def _name(arm: str, arms: Mapping) -> str:
    """Its spread, if it differs in that alone, or its name."""
    of = arms[arm]
    return _spread(of) if of["along_spread"] else letters.short(arm.replace("_", " "))


def _spread(of: Mapping) -> str:
    """0, 1e-5, 3e-06 as 3e-6: the same words for all sizes."""
    digits, _, power = f"{of['spread']:e}".partition("e")
    return f"{float(digits):g}e{int(power)}" if of["spread"] else "0"


def _headline(at_last: pd.DataFrame, summary: Mapping) -> str:
    """Of the first arm, which the others change: training beside rounding alone."""
    first, of = next(iter(summary["arms"].items()))
    vectors = at_last[at_last["arm"] == first].set_index("source")["vectors"]
    return (
        f"{of['tokens']:,} tokens of spread {_spread(of)} end on {vectors['training']:,.0f} "
        f"vectors in training, on {vectors['pushed']:,.0f} if all are pushed alike"
    )
