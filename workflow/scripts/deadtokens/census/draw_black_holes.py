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
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER

HEIGHT_OVER_WIDTH = 0.8
FEW = 4  # arms whose names have room side by side
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
# Of spreads, from narrow to wide; its lightest end is left out, for lines on white.
SPREAD_COLOURS, DARKEST, LIGHTEST = "viridis", 0.0, 0.88
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

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS, text=TEXT), "CSV: a row per arm and step"),
    "summary": (json_of(SUMMARY), "JSON: arms and what it would take"),
}


def draw(table: pd.DataFrame, summary: Mapping, title: str, width_mm: float) -> Figure:
    """a, b: over the spread, and of all other arms, at the last step. Of arms that differ in the
    spread alone c: in time, d: populations by rank.
    """
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
    a.set_ylabel("Vectors")
    b.set_ylabel("Tokens")
    c.set_ylabel("Tokens")
    d.set_ylabel("Tokens that share it")
    b.legend(loc="best")
    _draw_in_time(c, table, summary)
    _draw_populations(d, summary)
    pictures.head(drawing, f"{title}: {_headline(at_last, summary)}")
    return drawing


def _draw_over_spread(panel: Axes, table: pd.DataFrame, name: str, arms: Mapping) -> None:
    along = _along_spread(arms)
    others = [arm for arm in arms if arm not in along]
    order = [*along, *others]
    for i, (source, (label, look)) in enumerate(LOOKS.items()):
        rows = table[table["source"] == source].set_index("arm").loc[order]
        for part, line in ((along, look["linestyle"]), (others, "")):
            if not part:
                continue
            at = np.array([order.index(arm) for arm in part]) + 0.14 * (i - 1.5)
            values = rows.loc[part]
            panel.plot(
                *(at, values[name]),
                **look | {"linestyle": line, "markersize": 3.5, "linewidth": 0.8},
                label=label if part is along else None,
            )
            ends = values[f"{name}_low"], values[f"{name}_high"]
            panel.vlines(at, *ends, color=look["color"], linewidth=0.8)
    if others:
        panel.axvline(len(along) - 0.5, color=style.FAINT, linewidth=0.5)
    panel.set_xticks(range(len(order)), [_name(arm, arms) for arm in order])
    panel.tick_params(axis="x", rotation=90 if len(order) > FEW else 0)
    panel.set_xlabel("Initial spread" + "; beside it other changes" * bool(others))
    panel.set_yscale("symlog", linthresh=1)
    panel.set_ylim(0, 1.5 * max(of["tokens"] for of in arms.values()))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))


def _draw_in_time(panel: Axes, table: pd.DataFrame, summary: Mapping) -> None:
    panel.set_title("c  Tokens in black holes over the steps, in training")
    lines = []
    for arm, colour in _coloured(summary["arms"]).items():
        rows = table[(table["arm"] == arm) & (table["source"] == "training")].sort_values("step")
        ends = rows["black_hole_tokens_low"], rows["black_hole_tokens_high"]
        panel.fill_between(rows["step"], *ends, color=colour, alpha=0.12, linewidth=0)
        at = rows["step"], rows["black_hole_tokens"]
        look = {"color": colour, "marker": "o", "markersize": 2.5}
        lines += panel.plot(*at, **look, label=_name(arm, summary["arms"]))
    panel.set_ylim(bottom=0)
    pictures.root_step_axis(panel, max(1, *summary["steps"]))
    panel.set_xlim(left=0)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    where = {"loc": "outside lower center", "ncols": len(lines)}
    panel.figure.legend(handles=lines, title="Initial spread, in c and d", **where)


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
        f"vectors in training, on {vectors['stepwise']:,.0f} by rounding alone"
    )
