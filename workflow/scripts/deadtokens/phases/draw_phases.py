"""The figure of the phases: who is in which phase when, how far tokens go, and every trace.

Draws what `phases.phases` and `statistics.density` have counted; computes nothing.
"""

from itertools import chain, zip_longest

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    NullFormatter,
    NullLocator,
    PercentFormatter,
)

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import fields_of, json_of
from deadtokens.figures.pictures import density_fields
from deadtokens.files import tables
from deadtokens.files.documents import STEP

SCALES = {
    "element": ("Element scale", "|ΔW′|₂ (lattice cells)"),
    "vector": ("Vector scale", "|ΔW|₂ / (|W|₂ · 2⁻⁷) (vector ULP)"),
}
HEIGHT_OVER_WIDTH = 1.15
STRIP = 10.0  # room beyond either end of the log axis, for what lies there: zero, infinity
HALO = withStroke(linewidth=2, foreground="white")

Fields = dict[str, np.ndarray]

SCALE = {
    "phases": {str: {"column": str, "majority": {"first": STEP, "for_good": STEP}}},
    "nonfinite_tokens": {"total": int, "steps": int},
}
# What is drawn of phases.json, and of the density beside it.
SUMMARY = {
    **{"steps": int, "tokens": int, "phases": [str], "thresholds": [float]},
    "scales": {"element": SCALE, "vector": SCALE},
    "motion": {"tokens_moving_at_last_step": int},
}
DENSITY = density_fields(["element", "vector"])

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (tables.read, "CSV: a row per step"),
    "summary": (json_of(SUMMARY), "JSON: what happened when"),
    "density": (fields_of(DENSITY), "safetensors: the density of all traces"),
}


def draw(
    table: pd.DataFrame, summary: dict, density: Fields, title: str, width_mm: float
) -> Figure:
    """Three rows (fractions, spread, density) by two scales, side by side over the same steps."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    axes = drawing.subplots(3, 2, sharex=True, sharey="row")
    colours = style.phase_colours(len(summary["phases"]))
    for column, (scale, (name, unit)) in enumerate(SCALES.items()):
        fractions, spread, traces = axes[:, column]
        _draw_fractions(fractions, table, summary, scale, colours)
        fractions.set_title(f"{name}\n{_story(summary, scale)}")
        _draw_spread(spread, table, density["displacement_edges"], scale)
        mesh = _draw_density(traces, density, scale, summary["tokens"])
        for panel in (spread, traces):
            panel.set_ylabel(unit)
            _mark_phases(panel, summary, density["displacement_edges"], colours)
        _count_nonfinite(spread, summary["scales"][scale]["nonfinite_tokens"])
        traces.set_xlabel("Training step")
    for panel in axes[1:].flat:
        _displacement_axis(panel, density["displacement_edges"])
    _step_axis(axes[0, 0], summary["steps"])
    axes[0, 0].set_ylabel(f"Share of {pictures.tokens_of(summary)}")
    _density_key(axes[2, 1], mesh)
    _key(drawing, summary, colours)
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_fractions(
    panel: Axes, table: pd.DataFrame, summary: dict, scale: str, colours: list[str]
) -> None:
    """Stacked shares of the phases, a dot where more than half of the tokens have gone over."""
    phases = summary["scales"][scale]["phases"].values()
    shares = [table[phase["column"]] for phase in phases] + [table[f"{scale}_undefined"]]
    edge_colours = [*colours, style.UNDEFINED_COLOUR]
    panel.stackplot(table["step"], *shares, colors=edge_colours, linewidth=0)
    panel.set_ylim(0, 1)
    panel.yaxis.set_major_formatter(PercentFormatter(1))
    panel.axhline(0.5, color="white", linewidth=0.7, linestyle=(0, (4, 3)))
    for phase in phases:
        step = phase["majority"]["first"]
        if step is not None and step > 1:
            panel.plot(step, 0.5, **style.DOT)
            panel.annotate(
                f"{step:,}",
                (step, 0.5),
                xytext=(-4, 4),
                textcoords="offset points",
                ha="right",
                color=style.INK,
                path_effects=[HALO],
            )


def _draw_spread(panel: Axes, table: pd.DataFrame, edges: np.ndarray, scale: str) -> None:
    """Mean, median and the range of most tokens; beyond the axis they run in its strips."""
    step = table["step"]
    low, median, mean, high = (
        np.clip(table[f"{scale}_{name}"], edges[0] / STRIP**0.5, edges[-1] * STRIP**0.5)
        for name in ("p05", "median", "mean", "p95")
    )
    panel.fill_between(step, low, high, **style.SPREAD_BAND)
    panel.plot(step, median, **style.MEDIAN_LINE)
    panel.plot(step, mean, **style.MEAN_LINE)


def _draw_density(panel: Axes, density: Fields, scale: str, n_tokens: int) -> QuadMesh:
    """Every token at every step: the share of all tokens in each cell of step and displacement."""
    counts = np.column_stack(
        [
            density[f"{scale}_zero"] + density[f"{scale}_below"],
            density[f"{scale}_counts"],
            density[f"{scale}_above"],
        ]
    )
    steps, edges = density["step_edges"], density["displacement_edges"]
    share = counts / (n_tokens * np.diff(steps)[:, None])
    heights = np.concatenate([[edges[0] / STRIP], edges, [edges[-1] * STRIP]])
    return panel.pcolormesh(
        steps - 0.5,  # a step stands in the middle of its cell
        heights,
        np.ma.masked_equal(share, 0).T,
        cmap=style.DENSITY_COLOURS,
        norm=LogNorm(1 / n_tokens, 1),
        rasterized=True,
    )


def _mark_phases(panel: Axes, summary: dict, edges: np.ndarray, colours: list[str]) -> None:
    """Thresholds as lines, and the phases in their colours along the right edge."""
    bounds = [edges[0] / STRIP, *summary["thresholds"], edges[-1] * STRIP]
    for colour, low, high in zip(colours, bounds, bounds[1:], strict=False):
        panel.add_patch(
            Rectangle(
                (1, low),
                0.025,
                high - low,
                color=colour,
                linewidth=0,
                clip_on=False,
                transform=panel.get_yaxis_transform(),
            )
        )
    for threshold in summary["thresholds"]:
        panel.axhline(threshold, color=style.FAINT, linewidth=0.7, linestyle=(0, (1, 2)))


def _displacement_axis(panel: Axes, edges: np.ndarray) -> None:
    """Powers of ten, and a name for the strips beyond both ends."""
    lowest, highest = edges[0], edges[-1]
    first, last = np.log10([lowest * STRIP, highest / STRIP])
    decades = 10.0 ** np.arange(np.ceil(first), np.floor(last) + 1, 2)
    names = {
        lowest / STRIP**0.5: f"<{_power_of_ten(lowest)}",
        highest * STRIP**0.5: f">{_power_of_ten(highest)}",
        **{decade: _power_of_ten(decade) for decade in decades},
    }
    panel.set_yscale("log")
    panel.set_ylim(lowest / STRIP, highest * STRIP)
    panel.yaxis.set_major_locator(FixedLocator([*names]))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: names.get(y, "")))
    panel.yaxis.set_minor_locator(NullLocator())


def _power_of_ten(value: float) -> str:
    return letters.power(10, np.log10(value))


def _step_axis(panel: Axes, steps: int) -> None:
    """The log of the step, because what is hot is over early; the last step has a tick too."""
    decades = [10**n for n in range(len(str(steps))) if 10**n <= steps / 2]
    panel.set_xscale("log")
    panel.set_xlim(1, max(steps, 2))
    panel.xaxis.set_major_locator(FixedLocator([*decades, steps]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _density_key(panel: Axes, mesh: QuadMesh) -> None:
    """The colours' meaning, in the corner that the vector scale leaves empty."""
    place = panel.inset_axes((0.5, 0.87, 0.44, 0.04))
    panel.figure.colorbar(
        mesh, cax=place, orientation="horizontal", label="Share of tokens per cell"
    )


def _key(drawing: Figure, summary: dict, colours: list[str]) -> None:
    """A row of phases with their ranges and a row of lines."""
    low = [None, *summary["thresholds"]]
    high = [*summary["thresholds"], None]
    ranges = [
        f"< {b:g}" if a is None else f"≥ {a:g}" if b is None else f"{a:g} to {b:g}"
        for a, b in zip(low, high, strict=True)
    ]
    phases = [
        Patch(color=colour, label=f"{phase} ({limits})")
        for phase, colour, limits in zip(
            letters.in_a_row(summary["phases"]), colours, ranges, strict=True
        )
    ]
    lines = [
        Line2D([], [], **style.MEAN_LINE, label="mean"),
        Line2D([], [], **style.MEDIAN_LINE, label="median"),
        Patch(**style.SPREAD_BAND, label="5% to 95% of tokens"),
        Line2D([], [], **style.DOT, label="half are this cold"),
    ]
    nothing = Patch(alpha=0, label="")
    columns = zip_longest(phases, lines, fillvalue=nothing)  # a legend fills its columns first
    drawing.legend(
        handles=list(chain.from_iterable(columns)),
        loc="outside lower center",
        ncols=max(len(phases), len(lines)),
    )


def _headline(summary: dict) -> str:
    moving = summary["motion"]["tokens_moving_at_last_step"]
    return (
        f"{summary['tokens']:,} {pictures.tokens_of(summary)}, {moving:,} of them moving "
        f"at the last of {summary['steps']:,} steps"
    )


def _story(summary: dict, scale: str) -> str:
    """The coldest phase that more than half of the tokens have reached, and when."""
    for name, phase in summary["scales"][scale]["phases"].items():
        first, for_good = phase["majority"]["first"], phase["majority"]["for_good"]
        if first is None:
            continue
        lasting = "not for good" if for_good is None else f"{for_good:,} for good"
        lasting = "" if for_good == first else f" ({lasting})"
        if first == 1:
            return f"Most are {letters.short(name)} or colder from step 1 on{lasting}"
        return f"Most reach {letters.short(name)} at step {first:,}{lasting}"
    return "Most tokens are in no phase"


def _count_nonfinite(panel: Axes, nonfinite: dict) -> None:
    if nonfinite["total"]:
        panel.text(
            0.98,
            0.97,
            f"{nonfinite['total']:,} infinite or NaN, at {nonfinite['steps']:,} steps:\n"
            "not in mean, median, range",
            transform=panel.transAxes,
            ha="right",
            va="top",
            fontsize=6.5,
            path_effects=[HALO],
        )
