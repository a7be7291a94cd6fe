"""The figure of gradients: their alignment at every step, that of cohorts, and its null.

Draws what `cohorts.gradients` has found; computes nothing.
"""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from deadtokens.figures import pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER, Maybe

HEIGHT_OVER_WIDTH = 0.95
OBSERVED = "#d55e00"  # Okabe and Ito's vermilion
NULL = "#bdbdbd"
OTHERS, PAIRS = "#0072b2", style.INK
TESTS = {
    "as_recorded": "cosine",
    "beyond_common": "cosine_beyond_common",
    "beyond_row": "cosine_beyond_row",
    "initial_rows": "cosine_of_initial_rows",
}
NAMES = {
    "as_recorded": "Cohorts, as recorded",
    "beyond_common": "Less the common part",
    "beyond_row": "Less what the row explains",
    "initial_rows": "Null check: rows of W[0]",
}
SMALLEST_ANGLE = 0.02  # degrees: below it float32 gradients distinguish no angles
SMALLEST, LARGEST = 6, 60  # areas of markers, in points squared

TEST = {
    **{"reason": Maybe(str), "excess_over_sd": NUMBER, "p_value": NUMBER},
    **{"null_mean": NUMBER, "excess": NUMBER},
    **{"null_counts": Maybe([int]), "null_edges": Maybe([float])},
}
# What is drawn of gradients.json.
SUMMARY = {
    **{"steps": int, "direction_of_h": str},
    "mean_over_steps": {"pairwise_cosine": NUMBER},
    "cohorts": [
        {"tokens": int, "from": int, "to": int, **dict.fromkeys(TESTS.values(), NUMBER)},
    ],
    "cohort_tests": dict.fromkeys(TESTS, TEST),
    "row_explains": {"mean": NUMBER},
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (tables.read, "CSV: a row per step"),
    "summary": (json_of(SUMMARY), "JSON: what was found"),
}


def draw(table: pd.DataFrame, summary: dict, title: str, width_mm: float) -> Figure:
    """Alignment by step on the left; beside it each test, cohorts and null side by side."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    grid = drawing.add_gridspec(len(TESTS), 3, width_ratios=(1.5, 1, 1))
    _draw_steps(drawing.add_subplot(grid[:, 0]), table, summary)
    for row, (name, column) in enumerate(TESTS.items()):
        test = summary["cohort_tests"][name]
        cohorts, null = (drawing.add_subplot(grid[row, i]) for i in (1, 2))
        _draw_cohorts(cohorts, summary, test, column)
        cohorts.set_title(_name(name, summary))
        _draw_null(null, test)
        null.set_title(_verdict(test))
    _key(drawing, summary)
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_steps(panel: Axes, table: pd.DataFrame, summary: dict) -> None:
    """Each gradient with the hidden state, or what stands for it, and all with one another."""
    table = {name: column.to_numpy() for name, column in table.items()}
    step = table["step"]
    reference = {"h_mean": "with_h_mean", "others": "with_others"}[summary["direction_of_h"]]
    # The largest angles belong to the smallest cosines.
    low, middle, high = (_angle(table[f"{reference}_{key}"]) for key in ("p05", "median", "p95"))
    pairs, before = _angle(table["pairwise_cosine"]), _angle(table["mean_with_step_before"])
    panel.fill_between(step, high, low, color=OTHERS, alpha=0.25, linewidth=0)
    panel.plot(step, middle, color=OTHERS)
    panel.plot(step, pairs, color=PAIRS, linewidth=1.0)
    panel.plot(step, before, color=OBSERVED, linewidth=0.8)
    panel.axhline(90, color=style.FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    panel.text(step[-1], 95, "at right angles", ha="right", va="bottom", color=style.FAINT)
    panel.set_yscale("log")
    panel.set_ylim(_lowest(middle, pairs, before), 180)
    panel.yaxis.set_major_locator(FixedLocator([0.01, 0.1, 1, 10, 90, 180]))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda angle, _: f"{angle:g}°"))
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.set_ylabel("Angle between gradients")
    panel.set_title("Dead tokens' gradients, by step")
    pictures.step_axis(panel, summary["steps"])
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _angle(cosine: np.ndarray) -> np.ndarray:
    """In degrees; a cosine a hair above 1 by rounding is 1."""
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _lowest(*angles: np.ndarray) -> float:
    """A little below the smallest angle, on a log axis."""
    known = np.concatenate(angles)
    return max(SMALLEST_ANGLE, np.min(known[known > 0], initial=10) / 2)


def _draw_cohorts(panel: Axes, summary: dict, test: dict, column: str) -> None:
    """A mark per cohort with a pair, its area growing with the number of tokens."""
    cohorts = [cohort for cohort in summary["cohorts"] if cohort[column] is not None]
    panel.set_xlabel("Last motion (step)")
    panel.set_ylabel("Mean cosine of pairs")
    if not cohorts:
        pictures.remark(panel, fill(test["reason"] or "No cohort of two", 24))
        panel.set(xticks=[], yticks=[])
        return
    tokens = np.array([cohort["tokens"] for cohort in cohorts])
    panel.scatter(
        [(cohort["from"] + cohort["to"]) / 2 for cohort in cohorts],
        [cohort[column] for cohort in cohorts],
        s=SMALLEST + (LARGEST - SMALLEST) * tokens / tokens.max(),
        facecolor="white",
        edgecolor=style.INK,
        linewidth=0.8,
    )
    if test["null_mean"] is not None:
        panel.axhline(test["null_mean"], color=style.FAINT, linewidth=0.8)
    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    panel.yaxis.set_major_locator(MaxNLocator(4))
    panel.margins(0.12, 0.2)


def _draw_null(panel: Axes, test: dict) -> None:
    """What shuffled cohorts give more than their mean, and what was found."""
    panel.set_xlabel("Excess over shuffles")
    panel.set_ylabel("Shuffles")
    if test["reason"] is not None or not test["null_counts"]:
        remark = test["reason"] or "every shuffle gives the same"
        pictures.remark(panel, fill(remark, 24))
        panel.set(xticks=[], yticks=[])
        return
    panel.stairs(test["null_counts"], test["null_edges"], fill=True, color=NULL)
    panel.axvline(test["excess"], color=OBSERVED, linewidth=1.4)
    panel.xaxis.set_major_locator(MaxNLocator(2))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda excess, _: f"{excess:.2g}"))


def _name(test: str, summary: dict) -> str:
    share = summary["row_explains"]["mean"]
    known = f" ({100 * share:.1f}%)" if test == "beyond_row" and share is not None else ""
    return NAMES[test] + known


def _key(drawing: Figure, summary: dict) -> None:
    names = {"h_mean": "with h", "others": "with the mean of all others"}
    name = names[summary["direction_of_h"]]
    largest = max((cohort["tokens"] for cohort in summary["cohorts"]), default=0)
    mark = {
        "marker": "o",
        "linestyle": "",
        "markerfacecolor": "white",
        "markeredgecolor": style.INK,
    }
    handles = [
        Line2D([], [], color=OTHERS, label=f"{name} (median, 5% to 95%)"),
        Line2D([], [], color=PAIRS, linewidth=1.0, label="all pairs (mean cosine)"),
        Line2D([], [], color=OBSERVED, linewidth=0.8, label="mean with that of the step before"),
        Line2D([], [], **mark, label=f"a cohort, of up to {largest:,} tokens"),
        Line2D([], [], color=style.FAINT, linewidth=0.8, label="mean of shuffled cohorts"),
        Patch(color=NULL, label="shuffled cohorts"),
        Line2D([], [], color=OBSERVED, linewidth=1.4, label="found"),
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=3)


def _verdict(test: dict) -> str:
    if test["reason"] is not None:
        return "Nothing to test"
    sds = test["excess_over_sd"]
    effect = "" if sds is None else f" ({sds:+.1f} sd)".replace("-", "−")
    return f"p = {test['p_value']:.3g}{effect}"


def _headline(summary: dict) -> str:
    mean = summary["mean_over_steps"]["pairwise_cosine"]
    if mean is None:
        return "no two dead tokens have a gradient"
    return f"two dead tokens' gradients have a cosine of {mean:.4f} on average".replace("-", "−")
