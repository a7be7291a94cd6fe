"""The figure of the forecast: predicted and happened, every method, the power, and the cloud.

Draws what `causes.forecast_summary` has found; computes nothing.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER, Maybe

HEIGHT_OVER_WIDTH = 0.95
BINS = 60  # of the density, along either axis
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
CHOSEN, OTHER = "#d55e00", style.FAINT
SEED = {"linestyle": "", "markersize": 3.6, "markerfacecolor": "white", "markeredgewidth": 0.8}
BELOW = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17)}
CHANCE = {"color": style.FAINT, "linewidth": 0.8, "linestyle": (0, (3, 2))}
UNITS = {
    "blocks": ("#0072b2", "tokens of one onset kept together"),
    "seeds": ("#e69f00", "random seeds as units"),
}

TEXT = ("role", "script")  # among the columns of forecast.csv
COLUMNS = (*TEXT, "random_seed", "onset", "censored")
OVER_SEEDS = {"mean": NUMBER, "low": NUMBER, "high": NUMBER}
FOUND = {f"found_by_{unit}{end}": NUMBER for unit in UNITS for end in ("", "_low", "_high")}
CLOUD = {
    "constant": float,
    "gain": OVER_SEEDS,
    "seeds": [{"restricted_mean": float, "predicted": float}],
}
# What is drawn of forecast.json.
SUMMARY = {
    **{"state_step": int, "latest_onset": int, "significance": float, "chosen": str},
    "seeds": [{"role": str, "random_seed": int}],
    "methods": {str: {"seeds": [{"index": NUMBER}], "index": OVER_SEEDS}},
    "test": {
        **{"finding": str, "p": NUMBER, "detectable": NUMBER},
        "best": Maybe({"method": str, "index": float, "p": float}),
    },
    "power": [{"correlation": float, **FOUND}],
    "cloud": CLOUD,
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS, text=TEXT), "CSV: a row per token and seed"),
    "summary": (json_of(SUMMARY), "JSON: what was found"),
}


def draw(table: pd.DataFrame, summary: Mapping, title: str, width_mm: float) -> Figure:
    """a: predicted, happened. b: every method's index. c: power. d: the cloud."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    grid = drawing.add_gridspec(2, 2, height_ratios=(1.25, 1), width_ratios=(1, 1.05))
    happened, methods, power, cloud = (
        drawing.add_subplot(grid[place]) for place in ((0, 0), (0, 1), (1, 0), (1, 1))
    )
    judged = [seed["random_seed"] for seed in summary["seeds"] if seed["role"] == "judged_on"]
    _draw_density(happened, table[table["role"] == "judged_on"], summary)
    _draw_methods(methods, summary)
    _draw_power(power, summary)
    _draw_cloud(cloud, summary, judged)
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_density(panel: Axes, table: pd.DataFrame, summary: Mapping) -> None:
    chosen, latest = summary["chosen"], summary["latest_onset"]
    panel.set_title(f"a  Onset of each token, by {_name(chosen)}")
    column = f"predicted_{chosen}"
    if column not in table:
        pictures.remark(panel, "the table has no such prediction")
        return
    predicted, onset = table[column].clip(0, latest), table["onset"]
    seen = table["censored"] == 0
    low, high = min(predicted.min(), onset.min()), max(predicted.max(), onset.max())
    edges = np.linspace(low, max(high, low + 1), BINS + 1)
    counts, _, _ = np.histogram2d(predicted[seen], onset[seen], bins=(edges, edges))
    if counts.any():
        mesh = panel.pcolormesh(
            *(edges, edges, np.ma.masked_equal(counts.T, 0)),
            **{"cmap": style.DENSITY_COLOURS, "norm": LogNorm(1, max(counts.max(), 2))},
            rasterized=True,
        )
        panel.figure.colorbar(mesh, ax=panel, label="Tokens", shrink=0.8)
    panel.plot(edges[[0, -1]], edges[[0, -1]], **CHANCE)
    later = predicted[~seen]
    if len(later):
        above = latest + (edges[-1] - edges[0]) * 0.03
        panel.plot(later, np.full(len(later), above), "|", color=style.FAINT, alpha=0.3)
        panel.axhline(latest, color=style.FAINT, linewidth=0.6)
    panel.set_xlabel("Predicted onset (training step)")
    panel.set_ylabel("Onset that happened")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True))
        axis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))


def _draw_methods(panel: Axes, summary: Mapping) -> None:
    methods = summary["methods"]
    values = [s["index"] for m in methods.values() for s in m["seeds"] if s["index"] is not None]
    half = 1.3 * max([abs(value - 0.5) for value in values] + [0.05])
    low, high = max(0.0, 0.5 - half), min(1.0, 0.5 + half)
    panel.axvline(0.5, **CHANCE)
    for place, (name, found) in enumerate(methods.items()):
        colour = CHOSEN if name == summary["chosen"] else OTHER
        over = found["index"]
        if over["low"] is not None:
            panel.plot(
                np.clip([over["low"], over["high"]], low, high),
                [place] * 2,
                color=colour,
                linewidth=0.9,
            )
        for number, seed in enumerate(found["seeds"]):
            if seed["index"] is not None:
                marker = MARKERS[number % len(MARKERS)]
                panel.plot(seed["index"], place, marker, color=colour, **SEED)
    panel.set_yticks(range(len(methods)), [_name(name) for name in methods])
    for label, name in zip(panel.get_yticklabels(), methods, strict=True):
        label.set_color(CHOSEN if name == summary["chosen"] else style.INK)
    panel.set_ylim(len(methods) - 0.4, -0.6)
    panel.set_xlim(low, high)
    panel.set_xlabel("Concordance index (0.5: chance)")
    panel.set_title("b  Every method; in colour the chosen one")


def _draw_power(panel: Axes, summary: Mapping) -> None:
    panel.set_title("c  Power: what the test would have found")
    panel.set_xlabel("Correlation that is planted")
    panel.set_ylabel("Share of simulations in which it is found")
    panel.set_ylim(0, 1.02)
    panel.yaxis.set_major_formatter(PercentFormatter(1))
    rows = pd.DataFrame(summary["power"])
    if rows.empty:
        pictures.remark(panel, "onsets do not differ")
        return
    for unit, (colour, label) in UNITS.items():
        known = rows[rows[f"found_by_{unit}"].notna()].astype(float)
        if known.empty:
            continue
        x = known["correlation"]
        ends = (known[f"found_by_{unit}{end}"] for end in ("_low", "_high"))
        panel.fill_between(x, *ends, color=colour, alpha=0.18, linewidth=0)
        panel.plot(x, known[f"found_by_{unit}"], "o-", color=colour, markersize=3.5, label=label)
    panel.axhline(summary["significance"], **CHANCE)
    panel.set_xlim(left=0)
    panel.legend(**BELOW)


def _draw_cloud(panel: Axes, summary: Mapping, judged: list[int]) -> None:
    cloud, constant = summary["cloud"], summary["cloud"]["constant"]
    panel.axhline(constant, **CHANCE, label="mean of the choosing seeds")
    places = range(len(cloud["seeds"]))
    happened = [seed["restricted_mean"] for seed in cloud["seeds"]]
    predicted = [seed["predicted"] for seed in cloud["seeds"]]
    panel.plot(places, happened, "o", color=style.INK, markersize=4.5, label="happened")
    panel.plot(
        *(places, predicted, "D"),
        **{"color": CHOSEN, "markerfacecolor": "white", "markersize": 4.5},
        label="predicted from the mean distance",
    )
    panel.set_xticks(places, [str(seed) for seed in judged])
    panel.set_xlim(-0.6, len(judged) - 0.4)
    panel.margins(y=0.35)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    panel.set_xlabel("Random seed that is judged")
    panel.set_ylabel("Mean onset of all tokens (training step)")
    panel.set_title(f"d  The cloud as one{_gain(cloud['gain'])}")
    panel.legend(**BELOW)


def _gain(gain: Mapping) -> str:
    if gain["low"] is None:
        return ""
    numbers = f"{gain['mean']:+,.0f} [{gain['low']:+,.0f}, {gain['high']:+,.0f}]"
    return f": gain {numbers}".replace("-", "−")


def _name(method: str) -> str:
    return letters.short(method.replace("monotone_", "").replace("_", " "), 32)


def _headline(summary: Mapping) -> str:
    test, best = summary["test"], summary["test"]["best"]
    index, step = summary["methods"][summary["chosen"]]["index"]["mean"], summary["state_step"]
    if test["finding"] == "not_judged" or best is None or None in (index, test["p"]):
        return "in which order tokens stop cannot be judged"
    found = f"(concordance index {index:.2f}, p = {test['p']:.2g})"
    if test["finding"] == "predicted":
        return f"at step {step:,} the order in which tokens stop is predicted {found}"
    if test["finding"] == "other_method":
        return (
            f"the forecast that was chosen at step {step:,} fails on other seeds {found}, "
            f"in hindsight {_name(best['method'])} does not "
            f"({best['index']:.2f}, p = {best['p']:.2g})"
        )
    text = f"at step {step:,} nothing orders tokens by when they stop {found}"
    if test["detectable"] is None:
        return f"{text}, nor would what was planted have been found"
    return f"{text}; a correlation of {test['detectable']:g} would have been found"
