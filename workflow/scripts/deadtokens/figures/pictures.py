"""What several figures share beside their style: kinds of picture, axes of steps, a remark."""

import textwrap
from collections.abc import Collection
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import FixedLocator, FuncFormatter

from deadtokens.errors import UserError
from deadtokens.figures import style
from deadtokens.files.layout import Pattern


def kind_of(path: Path) -> str:
    """png, svg or pdf by the extension; UserError on any other."""
    kind = path.suffix.lstrip(".").lower()
    if kind not in style.NO_METADATA:
        known = ", ".join(f".{name}" for name in style.NO_METADATA)
        raise UserError(f"{path}: no such kind of picture; known are {known}.")
    return kind


def density_fields(scales: Collection[str]) -> dict[str, Pattern]:
    """What a file of densities holds of these scales (`statistics.density.fields`)."""
    beside = [f"{scale}_{name}" for scale in scales for name in ("zero", "below", "above")]
    return {
        "step_edges": ("I64", ("step edges",)),
        "displacement_edges": ("F64", ("displacement edges",)),
        **{f"{scale}_counts": ("I64", ("steps", "displacements")) for scale in scales},
        **dict.fromkeys(beside, ("I64", ("steps",))),
    }


def tokens_of(summary: dict) -> str:
    """What the tokens of a summary are called: dead tokens, live tokens, or all of them tokens."""
    population = summary.get("population", "dead")
    return "tokens" if population == "all" else f"{population} tokens"


def head(drawing: FigureBase, text: str, **place: float) -> None:
    """The title of a figure at its left, in several lines if one is too short for it."""
    title = drawing.suptitle(text, x=0.01, ha="left", **place)
    # Matplotlib's own wrapping reads mathtext whatever its settings.
    width, room = title.get_window_extent().width, 0.98 * drawing.bbox.width
    if width > room:
        letters = max(map(len, text.splitlines()))
        title.set_text(textwrap.fill(text, max(20, int(0.95 * letters * room / width))))


def step_axis(panel: Axes, steps: int) -> None:
    """All steps, evenly, with separated thousands."""
    panel.set_xlim(1, max(steps, 2))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    panel.set_xlabel("Training step")


def root_step_axis(panel: Axes, steps: int) -> None:
    """The square root of the step: room for what is over early and for what freezes late."""
    panel.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    panel.set_xlim(1, max(steps, 2))
    round_numbers = [n * 10**power for power in range(len(str(steps))) for n in (1, 3)]
    between = [n for n in round_numbers if steps / 50 <= n <= steps / 1.5]
    panel.xaxis.set_major_locator(FixedLocator(sorted({1, *between, steps})))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    panel.set_xlabel("Training step (on the scale of its square root)")


def remark(panel: Axes, text: str) -> None:
    """A line in the middle of a panel that has nothing to show."""
    panel.text(0.5, 0.5, text, transform=panel.transAxes, ha="center", color=style.FAINT)
