"""How every figure looks: colours of the phases, fonts, sizes; and files of the same bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import matplotlib.style
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure

from deadtokens.figures import letters

MM_PER_INCH = 25.4

# From cold to hot. Hue distinguishes cold from hot and lightness neighbours, so that they stay
# distinct in grey and for every kind of colour blindness (held by a test).
PHASE_COLOURS = ("#14213d", "#4a8fd4", "#fcc75e", "#b5301f")
UNDEFINED_COLOUR = "#bdbdbd"
DENSITY_COLOURS = "magma_r"
INK = "#222222"
FAINT = "#6b6b6b"
MEAN_LINE = {"color": INK, "linewidth": 1.0, "linestyle": (0, (3, 1.5))}
MEDIAN_LINE = {"color": INK, "linewidth": 1.4}
SPREAD_BAND = {"color": "#9a9a9a", "alpha": 0.5, "linewidth": 0}
DOT = {"marker": "o", "color": "white", "markeredgecolor": INK, "markersize": 4.5, "linestyle": ""}

SETTINGS = {
    "font.family": letters.FONT,
    "text.parse_math": False,  # a dollar is a dollar
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "figure.titlesize": 10,
    "figure.constrained_layout.wspace": 0.04,
    "figure.constrained_layout.hspace": 0.04,
    "svg.hashsalt": "fimbulwinter",  # ids in an SVG are random without it
}
# Without a date or a version in the file the same picture is the same bytes.
NO_METADATA = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


def phase_colours(number: int) -> list[str]:
    """A colour for each of so many phases, from cold to hot."""
    if number == len(PHASE_COLOURS):
        return list(PHASE_COLOURS)
    ramp = LinearSegmentedColormap.from_list("phases", PHASE_COLOURS)
    return [to_hex(ramp(i / max(1, number - 1))) for i in range(number)]


@contextmanager
def applied() -> Iterator[None]:
    """Draw and save inside this: the project's style, nothing of the user's matplotlibrc."""
    with matplotlib.style.context(["default", SETTINGS]):
        yield


def figure(width_mm: float, height_mm: float) -> Figure:
    """An empty figure of this size on paper; no display and no pyplot involved."""
    return Figure((width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), layout="constrained")


def save(drawing: Figure, path: Path, kind: str, dpi: float) -> None:
    """Write a figure as png, svg or pdf; the same figure gives the same bytes."""
    letters.write_powers(drawing)
    drawing.savefig(path, format=kind, dpi=dpi, metadata=NO_METADATA[kind])
