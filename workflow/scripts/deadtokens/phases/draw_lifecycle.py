"""The figure of the lifecycle: the phase of every token at every step, sorted by last motion.

Draws what `phases.lifecycle` has sorted; computes nothing.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import fields_of, json_of

HEIGHT_OVER_WIDTH = 0.62
MOST_ROWS = 2000  # more than a page has dots; of more tokens so many are drawn, evenly chosen
SCALES = {"element": "Element scale: |ΔW′|₂", "vector": "Vector scale: vector ULP"}
FRONT = {
    "color": "white",
    "linewidth": 1.0,
    "path_effects": [withStroke(linewidth=2, foreground=style.INK)],
}

# What is drawn of lifecycle.json, and of the fields beside it.
SUMMARY = {"phases": [str], "steps": int, "tokens": int, "undefined": int, "longest_bin": int}
TABLE = {
    **dict.fromkeys(SCALES, ("U8", ("tokens", "bins"))),
    "step_edges": ("I64", ("edges",)),
    "last_motion_step": ("I64", ("tokens",)),
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (fields_of(TABLE), "safetensors: the phases"),
    "summary": (json_of(SUMMARY), "JSON: what they mean"),
}


def draw(table: dict[str, np.ndarray], summary: dict, title: str, width_mm: float) -> Figure:
    """Both scales side by side, over the same tokens and the same steps."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    panels = drawing.subplots(1, 2, sharex=True, sharey=True)
    colours = style.phase_colours(len(summary["phases"]))
    for panel, (scale, name) in zip(panels, SCALES.items(), strict=True):
        _draw_phases(panel, table[scale], table["step_edges"], [*colours, style.UNDEFINED_COLOUR])
        front = np.maximum(table["last_motion_step"], 1)
        panel.plot(front, np.arange(len(front)) + 0.5, **FRONT)
        panel.set_title(name)
        pictures.root_step_axis(panel, summary["steps"])
    panels[0].set_ylim(summary["tokens"], 0)
    of_tokens = pictures.tokens_of(summary).capitalize()
    panels[0].set_ylabel(f"{of_tokens}, earliest last motion on top")
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda rank, _: f"{rank:,.0f}"))
    _key(drawing, summary, colours, bool((table["element"] == summary["undefined"]).any()))
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_phases(panel: Axes, phase: np.ndarray, edges: np.ndarray, colours: list[str]) -> None:
    """A cell per token and bin of time, in its phase's colour, the last one for no phase."""
    n_tokens = len(phase)
    n_rows = min(n_tokens, MOST_ROWS)
    heights = np.linspace(0, n_tokens, n_rows + 1)
    chosen = ((heights[:-1] + heights[1:]) / 2).astype(int)
    panel.pcolormesh(
        edges - 0.5,  # a step stands in the middle of its cell
        heights,
        np.minimum(phase[chosen], len(colours) - 1),
        cmap=ListedColormap(colours),
        vmin=-0.5,
        vmax=len(colours) - 0.5,
        rasterized=True,
    )


def _key(drawing: Figure, summary: dict, colours: list[str], with_undefined: bool) -> None:
    patches = [
        Patch(color=colour, label=phase)
        for phase, colour in zip(letters.in_a_row(summary["phases"]), colours, strict=True)
    ]
    if with_undefined:
        patches.append(Patch(color=style.UNDEFINED_COLOUR, label="undefined"))
    front = Line2D([], [], **FRONT, label="last motion")
    drawing.legend(handles=[*patches, front], loc="outside lower center", ncols=len(patches) + 1)


def _headline(summary: dict) -> str:
    tokens = f"{summary['tokens']:,} {pictures.tokens_of(summary)}"
    sentence = f"the phases of {tokens} at {summary['steps']:,} steps"
    if summary["longest_bin"] == 1:
        return sentence
    return f"{sentence} (the hottest of up to {summary['longest_bin']:,} steps)"
