"""The three plots of the Thimble 7 notebook: mean and spread, all trajectories, shares of phases.

Draws what `phases.phase_transitions` has measured; computes nothing. Where the notebook lays a
faint line for each token over the others, all of them are here as a density.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import fields_of, json_of
from deadtokens.figures.pictures import density_fields
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER, STEP

HEIGHT_OVER_WIDTH = 1.05
UNIT = "|ΔW|₂ (vector ULP)"
ROOM = 1.6  # beyond either end of the log axis
STRIP = 3.0  # below the smallest motion, for those that do not move at all
MANY = 3000.0  # a range of more decades has ticks enough with powers of ten
MEAN_LINE = {"color": style.INK, "linewidth": 1.2}
HALO = withStroke(linewidth=2.4, foreground="white")

Fields = dict[str, np.ndarray]

PHASE = {"column": str, "transition": {"first": STEP}, "final_fraction": NUMBER}
# What is drawn of phase_transitions.json, and of the density beside it.
SUMMARY = {"steps": int, "tokens": int, "thresholds": [float], "phases": {str: PHASE}}
DENSITY = density_fields(["vector"])

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (tables.read, "CSV: a row per step"),
    "summary": (json_of(SUMMARY), "JSON: what happened when"),
    "density": (
        fields_of(DENSITY),
        "safetensors: the density of all traces",
    ),
}


def draw(
    table: pd.DataFrame, summary: dict, density: Fields, title: str, width_mm: float
) -> Figure:
    """The plots one above the other, over the same steps."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    spread, traces, shares = drawing.subplots(3, 1, sharex=True)
    of_tokens = pictures.tokens_of(summary)
    edges = density["displacement_edges"]
    _draw_spread(spread, table, edges)
    spread.set_title(f"Mean over the {of_tokens}, ± one standard deviation")
    _draw_traces(traces, table, density, summary["tokens"])
    traces.set_title("All trajectories, and their mean")
    for panel in (spread, traces):
        panel.set_ylabel(UNIT)
        for threshold in summary["thresholds"]:
            panel.axhline(threshold, color=style.FAINT, linewidth=0.7, linestyle=(0, (1, 2)))
    _draw_shares(shares, table, summary)
    shares.set_title(_story(summary))
    shares.set_ylabel(f"Share of {of_tokens}")
    pictures.step_axis(shares, summary["steps"])
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_spread(panel: Axes, table: pd.DataFrame, edges: np.ndarray) -> None:
    mean, std = table["mean_ulp"].to_numpy(), table["std_ulp"].fillna(0).to_numpy()
    floor = np.min(mean[mean > 0], initial=edges[0]) / ROOM
    low = np.maximum(mean - std, floor)  # where the spread reaches below zero: to the axis
    moving = mean > 0
    panel.fill_between(
        table["step"], low, mean + std, where=moving, label="± 1σ", **style.SPREAD_BAND
    )
    _draw_mean(panel, table, 0)
    top = np.max((mean + std)[np.isfinite(mean + std)], initial=edges[-1])
    _log_axis(panel, floor, top * ROOM)
    panel.legend(loc="upper right", ncols=2)


def _draw_traces(panel: Axes, table: pd.DataFrame, density: Fields, n_tokens: int) -> None:
    """The share of all tokens in each cell of step and motion; at the bottom those at zero."""
    still = density["vector_zero"]
    counts = np.column_stack([still, density["vector_counts"], density["vector_above"]])
    steps, edges = density["step_edges"], density["displacement_edges"]
    share = counts / (n_tokens * np.diff(steps)[:, None])
    heights = np.concatenate([[edges[0] / STRIP], edges, [edges[-1] * ROOM]])
    mesh = panel.pcolormesh(
        steps - 0.5,  # a step stands in the middle of its cell
        heights,
        np.ma.masked_equal(share, 0).T,
        cmap=style.DENSITY_COLOURS,
        norm=LogNorm(1 / max(n_tokens, 2), 1),
        rasterized=True,
    )
    _draw_mean(panel, table, edges[0])
    named = {edges[0] / STRIP**0.5: "still"} if still.any() else {}
    _log_axis(panel, heights[0] if still.any() else edges[0] / ROOM, heights[-1], edges[0], named)
    panel.figure.colorbar(mesh, ax=panel, pad=0.01, label="Share of tokens per cell")


def _draw_mean(panel: Axes, table: pd.DataFrame, above: float) -> None:
    """The mean as long as it is above this: a log axis has no zero."""
    shown = table["mean_ulp"].where(table["mean_ulp"] > above)
    panel.plot(table["step"], shown, label="mean", path_effects=[HALO], **MEAN_LINE)


def _log_axis(
    panel: Axes,
    low: float,
    high: float,
    first: float | None = None,
    named: dict[float, str] | None = None,
) -> None:
    """Plain numbers from `first` on: powers of ten, with more between them if these are few."""
    named = named or {}
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    between = (1, 2, 5) if high / low < MANY else (1,)
    ticks = np.outer(decades, between).ravel()
    places = [tick for tick in ticks if max(low, first or 0) <= tick <= high]
    panel.set_yscale("log")
    panel.set_ylim(low, high)
    panel.yaxis.set_major_locator(FixedLocator([*named, *places]))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: named.get(y) or _number(y)))
    panel.yaxis.set_minor_locator(NullLocator())


def _number(value: float) -> str:
    power = np.log10(value)
    return letters.power(10, power) if abs(power) > 3 else f"{value:,g}"


def _draw_shares(panel: Axes, table: pd.DataFrame, summary: dict) -> None:
    """Stacked, the coldest at the bottom."""
    colours = style.phase_colours(len(summary["phases"]))
    columns = [table[phase["column"]] for phase in summary["phases"].values()]
    labels = _ranges(summary)
    panel.stackplot(table["step"], *columns, colors=colours, labels=labels, linewidth=0)
    panel.set_ylim(0, 1)
    panel.yaxis.set_major_formatter(PercentFormatter(1))
    panel.axhline(0.5, color="white", linewidth=0.7, linestyle=(0, (4, 3)))
    panel.figure.legend(
        *panel.get_legend_handles_labels(), loc="outside lower center", ncols=len(labels)
    )


def _ranges(summary: dict) -> list[str]:
    low, high = [None, *summary["thresholds"]], [*summary["thresholds"], None]
    phases = letters.in_a_row(summary["phases"])
    return [
        f"{phase} (< {b:g})"
        if a is None
        else f"{phase} (≥ {a:g})"
        if b is None
        else f"{phase} ({a:g} to {b:g})"
        for phase, a, b in zip(phases, low, high, strict=True)
    ]


def _story(summary: dict) -> str:
    """Into which phase most have gone over, and when, the coldest last."""
    first = {name: phase["transition"]["first"] for name, phase in summary["phases"].items()}
    coldest_at = {step: name for name, step in reversed(first.items()) if step is not None}
    listed = [f"{letters.short(name)} at step {step:,}" for step, name in coldest_at.items()]
    return (
        f"More than half are first as cold as {', '.join(listed)}"
        if listed
        else "No phase holds a half"
    )


def _headline(summary: dict) -> str:
    coldest, phase = next(iter(summary["phases"].items()))
    share = f"{phase['final_fraction']:.1%}".replace(".0%", "%")
    return (
        f"{share} of {summary['tokens']:,} {pictures.tokens_of(summary)} are "
        f"in {letters.short(coldest)} at step {summary['steps']:,}"
    )
