"""The figure of momentum: the critical line, the distance of tokens to it, crossing and stopping.

Draws what `cohorts.plane` and `cohorts.momentum` have counted; computes nothing.
"""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import fields_of, json_of
from deadtokens.figures.pictures import density_fields
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER

HEIGHT_OVER_WIDTH = 1.05
GRID = 12  # of the grid: what 1 to 4 planes and 2 panels divide
STRIP = 4.0  # room beyond either end of the axis of distances, for what lies there
CRITICAL = "#0072b2"  # Okabe and Ito's blue: apart from the colours of densities for every eye
LINE = {"color": CRITICAL, "linewidth": 1.4}
SPREAD = {"color": CRITICAL, "linewidth": 0.8, "linestyle": (0, (3, 1.5))}
HALO = withStroke(linewidth=2, foreground="white")
KINDS = {
    "distance": "Largest element of a token: above 1 the token moves",
    "typical_distance": "Median element: above 1 half of them move",
}
CROSSINGS = {
    "last_crossing_step": ("Last crossing of the largest element", "optimizer"),
    "last_crossing_step_typical": ("Last crossing of the median element", "typical"),
}
COLUMNS = ("last_motion_step", "stopped", *CROSSINGS)  # what is drawn of momentum.csv
MOST_CELLS = 60  # of a side of the density of crossings

Fields = dict[str, np.ndarray]

AGREEMENT = {
    **{"stopped": int, "stopped_and_equal": int},
    **{"correlation": NUMBER, "share_equal": NUMBER, "mean_absolute_difference": NUMBER},
}
# What is drawn of momentum.json, and of the densities beside it.
SUMMARY = {
    **{"steps": int, "tokens": int, "elements": {"all": int}},
    "chosen_steps": [{"step": int, "share_of_elements_beyond": NUMBER}],
    "crossing_against_last_motion": {name: AGREEMENT for _, name in CROSSINGS.values()},
}
DENSITY = {
    "plane_counts": ("I64", ("planes", "cells", "cells")),
    **dict.fromkeys(("momentum_edges", "deviation_edges"), ("F64", ("cell edges",))),
    **dict.fromkeys(("line_p05", "line_median", "line_p95"), ("F64", ("planes", "cell edges"))),
    **density_fields(KINDS),
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS), "CSV: a row per token"),
    "summary": (json_of(SUMMARY), "JSON: what was found"),
    "density": (fields_of(DENSITY), "safetensors: densities"),
}


def draw(
    table: pd.DataFrame, summary: dict, density: Fields, title: str, width_mm: float
) -> Figure:
    """Three rows: the plane of moments, the distance by step, last crossing by last motion."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    grid = drawing.add_gridspec(3, GRID)
    _draw_planes(drawing, grid[0, :], summary, density)
    distances = [drawing.add_subplot(grid[1, part]) for part in _parts(2)]
    for panel, (kind, name) in zip(distances, KINDS.items(), strict=True):
        _draw_distance(panel, density, kind, summary)
        panel.set_title(name)
    distances[0].set_ylabel("|update| / half a cell")
    _bar(drawing, distances, 1 / summary["tokens"], "Share of tokens")
    _draw_crossings([drawing.add_subplot(grid[2, part]) for part in _parts(2)], table, summary)
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _parts(number: int) -> list[slice]:
    wide = GRID // number
    return [slice(i * wide, (i + 1) * wide) for i in range(number)]


def _draw_planes(drawing: Figure, place, summary: dict, density: Fields) -> None:
    """The density of all elements, with the critical line of a typical cell and of most cells."""
    steps = summary["chosen_steps"]
    panels = place.subgridspec(1, len(steps)).subplots(sharex=True, sharey=True, squeeze=False)[0]
    x, y = density["deviation_edges"], density["momentum_edges"]
    elements = max(1, summary["elements"]["all"] // summary["steps"])
    colours = LogNorm(1 / elements, max(density["plane_counts"].max(), 2) / elements)
    for i, (panel, about) in enumerate(zip(panels, steps, strict=True)):
        share = density["plane_counts"][i] / elements
        cells = np.ma.masked_equal(share, 0)
        panel.pcolormesh(x, y, cells, cmap=style.DENSITY_COLOURS, norm=colours, rasterized=True)
        for name, look in (("p05", SPREAD), ("median", LINE), ("p95", SPREAD)):
            panel.plot(x, density[f"line_{name}"][i], **look, path_effects=[HALO])
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlim(x[0], x[-1])
        panel.set_ylim(y[0], y[-1])
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(LogLocator(numticks=5))
            axis.set_minor_locator(NullLocator())
        panel.set_xlabel("√v")
        beyond = f"{100 * about['share_of_elements_beyond']:.3g}%"
        panel.set_title(f"Step {about['step']:,}: {beyond} beyond")
    panels[0].set_ylabel("|m|")
    panels[-1].plot([], [], **LINE, label="critical line of the median cell")
    panels[-1].plot([], [], **SPREAD, label="of 5% and 95% of cells")
    drawing.legend(
        handles=panels[-1].get_legend_handles_labels()[0], loc="outside lower center", ncols=2
    )
    mesh = ScalarMappable(colours, style.DENSITY_COLOURS)
    drawing.colorbar(mesh, ax=list(panels), label="Share of elements", pad=0.01)


def _draw_distance(panel: Axes, density: Fields, kind: str, summary: dict) -> None:
    """Every token at every step; what is beyond either end of the axis stands in a strip there."""
    counts = np.column_stack(
        [
            density[f"{kind}_zero"] + density[f"{kind}_below"],
            density[f"{kind}_counts"],
            density[f"{kind}_above"],
        ]
    )
    steps, edges = density["step_edges"], density["displacement_edges"]
    share = counts / (summary["tokens"] * np.diff(steps)[:, None])
    panel.pcolormesh(
        steps - 0.5,
        np.concatenate([[edges[0] / STRIP], edges, [edges[-1] * STRIP]]),
        np.ma.masked_equal(share, 0).T,
        cmap=style.DENSITY_COLOURS,
        norm=LogNorm(1 / summary["tokens"], 1),
        rasterized=True,
    )
    panel.axhline(1, **LINE, path_effects=[HALO])
    panel.set_yscale("log", base=2)
    panel.set_ylim(edges[0] / STRIP, edges[-1] * STRIP)
    low, high = np.log2(edges[[0, -1]])
    powers = np.arange(np.ceil(low), np.floor(high) + 1)
    powers = powers[powers % max(1, round(len(powers) / 6)) == 0]
    powers = powers[(powers > low) & (powers < high)]  # the ends have the names of their strips
    names = {2.0**power: letters.power(2, power) for power in powers}
    names[1.0] = "1"
    names[edges[0] / STRIP**0.5] = "less"
    names[edges[-1] * STRIP**0.5] = "more"
    panel.yaxis.set_major_locator(FixedLocator([*names]))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: names.get(y, "")))
    panel.yaxis.set_minor_locator(NullLocator())
    pictures.root_step_axis(panel, summary["steps"])
    panel.set_xlabel("Training step (square-root scale)")


def _draw_crossings(panels: list[Axes], table: pd.DataFrame, summary: dict) -> None:
    """Tokens by last motion and last crossing, in one scale of colours."""
    last = table["last_motion_step"]
    stopped = table["stopped"] == 1
    densities = []
    for panel, (column, (name, criterion)) in zip(panels, CROSSINGS.items(), strict=True):
        agreement = summary["crossing_against_last_motion"][criterion]
        panel.set_title(f"{name}\n{_agreement(agreement)}")
        panel.set_xlabel("Last motion (step)")
        if stopped.any():
            densities.append(_crossing_density(last[stopped], table[column][stopped]))
        else:
            pictures.remark(panel, "No token is known to have stopped")
            panel.set(xticks=[], yticks=[])
    panels[0].set_ylabel("Last beyond the line (step)")
    if not densities:
        return
    highest = max(2, *(counts.max() for _, counts in densities))
    for panel, (edges, counts) in zip(panels, densities, strict=True):
        panel.plot(edges[[0, -1]], edges[[0, -1]], color=style.FAINT, linewidth=0.8, zorder=0)
        cells = np.ma.masked_equal(counts, 0).T
        colours = {"cmap": style.DENSITY_COLOURS, "norm": LogNorm(1, highest)}
        panel.pcolormesh(edges, edges, cells, **colours, rasterized=True)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(5, integer=True))
            axis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
            axis.set_minor_formatter(NullFormatter())
    _bar(panels[0].figure, panels, 1, "Tokens", highest)


def _crossing_density(last: np.ndarray, crossing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges in steps, alike on both axes, and the tokens in each cell."""
    both = last, np.maximum(crossing, 0)  # never beyond the line: at 0
    low, high = min(map(np.min, both)), max(map(np.max, both))
    wide = max(1, -(-(high - low + 1) // MOST_CELLS))  # steps to a cell
    edges = np.arange(low - 0.5, high + 0.5 + wide, wide)
    return edges, np.histogram2d(*both, [edges, edges])[0]


def _bar(drawing: Figure, panels: list[Axes], low: float, label: str, high: float = 1) -> None:
    mesh = ScalarMappable(LogNorm(low, high), style.DENSITY_COLOURS)
    drawing.colorbar(mesh, ax=panels, label=label, pad=0.01)


def _agreement(agreement: dict) -> str:
    if agreement["stopped"] == 0:
        return "nothing to compare"
    correlation = agreement["correlation"]
    r = "" if correlation is None else f", r = {correlation:.2f}".replace("-", "−")
    share = f"{100 * agreement['share_equal']:.3g}%"
    return f"{share} stop at that step; {agreement['mean_absolute_difference']:.3g} steps apart{r}"


def _headline(summary: dict) -> str:
    agreed = summary["crossing_against_last_motion"]["optimizer"]
    if agreed["stopped"] == 0:
        return f"none of {summary['tokens']:,} dead tokens is known to have stopped"
    return (
        f"{agreed['stopped_and_equal']:,} of {agreed['stopped']:,} tokens that stopped did so "
        "as they crossed the line"
    )
