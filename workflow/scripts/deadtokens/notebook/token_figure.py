"""The picture of one token: its motion at every step on both scales, and the phases."""

import io
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from deadtokens.figures import letters, pictures, style

# What the configuration says unless stated otherwise (`phases.NAME`): the published phases.
PHASES = ("Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas")
THRESHOLDS = (0.1, 10.0, 100.0)
SCHEME = {"phases": [str], "thresholds": [float]}  # as phases.json has them

SCALES = {
    "l2": "Element scale: |ΔW′|₂ (lattice cells)",
    "vector_ulp": "Vector scale: |ΔW|₂ / (|W|₂ · 2⁻⁷) (vector ULP)",
}
HEIGHT_OVER_WIDTH = 0.75
STRIP = 10.0  # room below the log axis, for steps at which the token stays
HOTTEST = 10.0  # of the last threshold, to which the axis goes at least
DPI = 144  # in a notebook
BAND = {"alpha": 0.22, "linewidth": 0}
TRACE = {"color": style.INK, "linewidth": 0.7, "marker": ".", "markersize": 2}


class TokenFigure(Figure):
    """A Figure that a notebook shows without pyplot and without a magic word."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        with style.applied():
            self.savefig(content, format="png", dpi=DPI)
        return content.getvalue()


def draw(
    moved: Mapping[str, np.ndarray], about: Mapping, scheme: Mapping, width_mm: float
) -> Figure:
    """Two panels over the same steps.

    moved: `l2` and `vector_ulp` of the token, (T,) each, as `displacement.norms` gives them. about:
    `token_id` and `dead`, and `token` and `script` if they are known. scheme: `phases` and
    `thresholds`, by default the published ones.
    """
    phases = [letters.visible(name) for name in scheme.get("phases", PHASES)]
    thresholds = [float(value) for value in scheme.get("thresholds", THRESHOLDS)]
    with style.applied():
        width = width_mm / style.MM_PER_INCH
        drawing = TokenFigure((width, width * HEIGHT_OVER_WIDTH), layout="constrained")
        panels = drawing.subplots(len(SCALES), 1, sharex=True)
        for panel, (scale, name) in zip(panels, SCALES.items(), strict=True):
            _draw_trace(panel, moved[scale], thresholds)
            _draw_phases(panel, phases, thresholds)
            panel.set_title(name)
        pictures.root_step_axis(panels[-1], len(moved["l2"]))
        pictures.head(drawing, _title(about, moved["l2"]))
    return drawing


def _draw_trace(panel: Axes, values: np.ndarray, thresholds: list[float]) -> None:
    """The log of the motion; below the axis a strip for none, infinity at the upper end."""
    moves = values[np.isfinite(values) & (values > 0)]
    lowest = 10.0 ** np.floor(np.log10(min([*moves, thresholds[0]])))
    highest = 10.0 ** np.ceil(np.log10(max([*moves, HOTTEST * thresholds[-1]])))
    shown = np.where(values > 0, values, lowest / STRIP**0.5)
    shown = np.where(np.isnan(values), np.nan, np.minimum(shown, highest))
    panel.plot(np.arange(1, len(values) + 1), shown, **TRACE)
    panel.set_yscale("log")
    panel.set_ylim(lowest / STRIP, highest)
    decades = 10.0 ** np.arange(np.log10(lowest), np.log10(highest) + 1, 2)
    names = {lowest / STRIP**0.5: "stays"}
    names |= {decade: letters.power(10, np.log10(decade)) for decade in decades}
    panel.yaxis.set_major_locator(FixedLocator([*names]))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: names.get(y, "")))
    panel.yaxis.set_minor_locator(NullLocator())


def _draw_phases(panel: Axes, phases: list[str], thresholds: list[float]) -> None:
    """A band for each phase, its name at the right edge."""
    bottom, top = panel.get_ylim()
    bounds = [bottom, *thresholds, top]
    colours = style.phase_colours(len(phases))
    for name, colour, low, high in zip(phases, colours, bounds, bounds[1:], strict=False):
        panel.axhspan(low, high, color=colour, **BAND)
        panel.text(
            1.01,
            np.sqrt(low * high),
            letters.short(name),
            transform=panel.get_yaxis_transform(),
            va="center",
            color=style.INK,
        )


def _title(about: Mapping, l2: np.ndarray) -> str:
    kind = "dead" if about["dead"] else "live"
    named = f"token {about['token_id']}"
    if "token" in about:
        text = letters.short(letters.visible(about["token"]))
        named += f" “{text}” ({about['script']})"
    changes = np.flatnonzero(l2 > 0) + 1
    last = f"last changes at step {changes[-1]:,}" if len(changes) else "never changes"
    return f"{kind.capitalize()} {named}: {last} of {len(l2):,}"
