"""The figure of drift: h_mean's persistence, both clouds, angles, and what h_mean points at.

Draws what `drift.drift`, `persistence` and `pointing` have found; computes nothing.
"""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER, STEP
from deadtokens.gauge import AS_STORED, READINGS, RELATIVE

PANEL_MM, NAMES_MM = 48, 29  # heights: all of it on one page
NARROW_MM = 150  # below this, panels of two columns would be too small to read
# Okabe and Ito's, for every kind of colour blindness; far apart in lightness, so in grey too.
COLOURS = {"live": "#0072b2", "dead": "#e69f00"}
DARKER = {"live": "#0072b2", "dead": "#a85f00"}  # of the same hue, for letters on white
DASHED = (0, (3, 1.5))
DOTTED = (0, (1, 1.5))
# How what h_mean points at is listed.
LISTS = {
    **{"cosine_as_stored": "cosine, as stored", "cosine_relative": "cosine, relative"},
    "logit": "logit, in either reading",
}
RULE = {"color": style.FAINT, "linewidth": 0.7, "linestyle": DOTTED}
NAMES_SHOWN = 6  # of each list; the table has all
MOST_COLUMNS = 6
LONGEST_NAME = 16  # letters that fit a column
SPACE = "␣"
ROOM_FOR_A_LINE = 0.13  # of a panel's height
# Of the pairs of panels that say the same in both readings.
SHORT = {AS_STORED: "as stored", RELATIVE: "relative"}
TITLES = {AS_STORED: "as stored", RELATIVE: "relative to the mean of all rows"}

LEFT = {"origin": {sphere: {"left": STEP} for sphere in ("bounding_sphere", "mean_sphere")}}
ALONG_H = {"centroid_displacement_cosine_with_mean_h": NUMBER}
CLOUD = dict.fromkeys(READINGS, LEFT | ALONG_H)
# What is drawn of drift.json.
SUMMARY = {
    **{"steps": int, "tokens": int, "live_tokens": int},
    "h_mean": {"persistent": float},
    "clouds": {"live": CLOUD, "dead": CLOUD},
    "separation": dict.fromkeys(("start", "end", "end_over_start"), NUMBER),
    "tokens_pointed_at": [{"by": str, "step": int, "live": int, "dead": int}],
}

# By the option of the program: how a file is read, and what it holds.
read = partial(tables.read, text=("by", "token", "script", "cloud"))
INPUTS = {
    "table": (read, "CSV: a row per state"),
    "autocorrelation": (read, "CSV: by lag"),
    "tokens": (read, "CSV: what h_mean points at"),
    "summary": (json_of(SUMMARY), "JSON: all in short"),
}


def draw(
    table: pd.DataFrame,
    lagged: pd.DataFrame,
    tokens: pd.DataFrame,
    summary: dict,
    title: str,
    width_mm: float,
) -> Figure:
    """Panels by two, or one below the other in a narrow figure; the names of tokens below.

    What depends on the gauge is drawn in both readings, as stored on the left.
    """
    narrow = width_mm < NARROW_MM
    places = [["over_time", "lags"], ["clouds", "angles"]]
    places += [[f"{name}_{reading}" for reading in READINGS] for name in ("origin", "rows")]
    names = [[f"cosine_{reading}" for reading in READINGS], ["logit", "logit"]]
    if narrow:
        places = [[name] for row in places for name in row]
        names = [[name] for name in LISTS]
    heights = [PANEL_MM] * len(places) + [NAMES_MM] * len(names)
    drawing = style.figure(width_mm, sum(heights))
    axes = drawing.subplot_mosaic([*places, *names], height_ratios=heights)
    _draw_persistence(axes["over_time"], table, summary)
    _draw_autocorrelation(axes["lags"], lagged, summary)
    _draw_clouds(axes["clouds"], table)
    _draw_angles(axes["angles"], table)
    for reading in READINGS:
        _draw_origin(axes[f"origin_{reading}"], table, summary, reading)
        _draw_rows(axes[f"rows_{reading}"], table, reading)
    for row in places:
        for name in (name for name in row if name != "lags"):
            pictures.step_axis(axes[name], summary["steps"])
            axes[name].set_xlim(0, summary["steps"])
            axes[name].xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    for measure in LISTS:
        most = MOST_COLUMNS if measure == "logit" and not narrow else MOST_COLUMNS // 2
        _draw_names(axes[measure], tokens, summary, measure, most)
    headline = _headline(summary).replace("; ", ";\n")
    pictures.head(drawing, f"{title}:{chr(10) if narrow else ' '}{headline}")
    return drawing


def _draw_persistence(panel: Axes, table: pd.DataFrame, summary: dict) -> None:
    panel.set_title("h_mean keeps its direction?")
    panel.plot(
        table["step"], table["h_cosine_with_next"], color=style.INK, label="of the next step"
    )
    panel.plot(
        *(table["step"], table["h_cosine_with_first"]),
        **{"color": "#cc79a7", "linestyle": DASHED, "label": "of the first"},
    )
    panel.plot(
        *(table["step"], table["h_cosine_with_last"]),
        **{"color": "#009e73", "linestyle": DOTTED, "label": "of the last"},
    )
    shown = (table[f"h_cosine_with_{name}"] for name in ("next", "first", "last"))
    _cosine_axis(panel, "Cosine with h_mean …", *shown)
    panel.axhline(summary["h_mean"]["persistent"], **RULE)
    _key(panel, columns=3, rows=1)


def _draw_autocorrelation(panel: Axes, lagged: pd.DataFrame, summary: dict) -> None:
    """Lags on a log axis; those without a pair are absent."""
    panel.set_title("Autocorrelation of h_mean")
    lagged = lagged[lagged["pairs"] > 0].sort_values("lag")
    lag = lagged["lag"].to_numpy()
    panel.set_xlabel("Lag (steps)")
    shown = (lagged[name] for name in ("p05", "late_mean", "centred"))
    _cosine_axis(panel, "Cosine over the lag", *shown)
    if len(lag) == 0:
        pictures.remark(panel, "No lag is shorter than the run")
        return
    panel.fill_between(lag, lagged["p05"], lagged["p95"], **style.SPREAD_BAND, label="5% to 95%")
    point = {"marker": "o", "markersize": 2.6}
    panel.plot(lag, lagged["mean"], color=style.INK, label="mean of all pairs", **point)
    panel.plot(
        *(lag, lagged["late_mean"]),
        **{"color": "#009e73", "linestyle": DASHED, "label": "within the second half", **point},
    )
    panel.plot(
        *(lag, lagged["centred"]),
        **{"color": "#cc79a7", "linestyle": DOTTED, "label": "mean over time removed", **point},
    )
    panel.axhline(summary["h_mean"]["persistent"], **RULE)
    panel.set_xscale("log")
    panel.set_xlim(0.85 * lag[0], lag[-1] * 1.2)
    panel.xaxis.set_major_locator(FixedLocator(_apart(lag)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    _key(panel, columns=2, rows=2)


def _draw_clouds(panel: Axes, table: pd.DataFrame) -> None:
    panel.set_title("Separation of the clouds, and their size")
    panel.plot(table["step"], table["separation"], color=style.INK, label="between centroids")
    for cloud, colour in COLOURS.items():
        panel.plot(
            *(table["step"], table[f"{cloud}_mean_radius"]),
            **{"color": colour, "label": f"mean radius, {cloud}"},
        )
        panel.plot(
            *(table["step"], table[f"{cloud}_max_radius"]),
            **{"color": colour, "linestyle": DOTTED, "label": f"bounding radius, {cloud}"},
        )
    panel.plot(
        *(table["step"], table["all_centroid_norm_as_stored"]),
        **{"color": "#cc79a7", "linestyle": DASHED, "label": "|mean of all rows|"},
    )
    panel.set_ylim(bottom=0)
    panel.set_ylabel("Distance in the space of W")
    _key(panel, columns=2, rows=3)


def _draw_origin(panel: Axes, table: pd.DataFrame, summary: dict, reading: str) -> None:
    """The distance, in radii, of the origin, or of the mean that is the relative one."""
    point = "The origin" if reading == AS_STORED else "The mean of all rows"
    panel.set_title(f"{point}, seen from each cloud")
    for cloud, colour in COLOURS.items():
        norm = table[f"{cloud}_centroid_norm_{reading}"]
        for sphere, radius, line in (
            ("bounding_sphere", "max_radius", "-"),
            ("mean_sphere", "mean_radius", DASHED),
        ):
            with np.errstate(divide="ignore", invalid="ignore"):
                distance = norm / table[f"{cloud}_{radius}"]
            left = summary["clouds"][cloud][reading]["origin"][sphere]["left"]
            kind = "bounding" if line == "-" else "mean"
            end = "" if left is None else f": left at {left:,}"
            panel.plot(
                *(table["step"], distance),
                color=colour,
                linestyle=line,
                label=f"{cloud}, {kind}{end}",
            )
            if left is not None:
                panel.plot(left, distance[left], **style.DOT)
    panel.axhline(1, **RULE)
    panel.set_ylim(0, max(1.08, panel.get_ylim()[1]))
    panel.set_ylabel("Distance from centroid\n(radii; above 1 it is outside)")
    _key(panel, columns=2, rows=2)


def _draw_angles(panel: Axes, table: pd.DataFrame) -> None:
    """Relative to the mean of all rows both centroids lie on one line, on either side of it."""
    panel.set_title("Angle of h_mean with the centroids")
    for cloud, colour in COLOURS.items():
        for reading, line in ((AS_STORED, "-"), (RELATIVE, DASHED)):
            panel.plot(
                *(table["step"], table[f"angle_h_{cloud}_{reading}"]),
                **{"color": colour, "linestyle": line, "label": f"{cloud}, {SHORT[reading]}"},
            )
    panel.axhline(90, **RULE)
    panel.set_ylim(0, 180)
    panel.yaxis.set_major_locator(FixedLocator(range(0, 181, 45)))
    panel.set_ylabel("Angle (degrees)")
    _key(panel, columns=2, rows=2)


def _draw_rows(panel: Axes, table: pd.DataFrame, reading: str) -> None:
    """How much of each motion is along h_mean; single steps beside the stand of the rows."""
    panel.set_title(f"Along h_mean, {TITLES[reading]}")
    for cloud, colour in COLOURS.items():
        panel.plot(
            *(table["step"], table[f"{cloud}_row_cosine_with_h_{reading}"]),
            **{"color": colour, "label": f"{cloud} rows, mean"},
        )
        panel.plot(
            *(table["step"], table[f"{cloud}_step_cosine_with_h_{reading}"]),
            **{
                "color": colour,
                "linewidth": 0.5,
                "alpha": 0.8,
                "label": f"{cloud} centroid's step",
            },
        )
    panel.axhline(0, **RULE)
    panel.set_ylim(-1.04, 1.04)
    panel.yaxis.set_major_locator(FixedLocator((-1, -0.5, 0, 0.5, 1)))
    panel.set_ylabel("Cosine with h_mean")
    _key(panel, columns=2, rows=2)


def _draw_names(
    panel: Axes, tokens: pd.DataFrame, summary: dict, measure: str, most_columns: int
) -> None:
    """A column of names for each state, the first on top, in the colour of their cloud."""
    everywhere = summary["live_tokens"] / summary["tokens"]
    remark = f"; {everywhere:.0%} of all are live" if most_columns == MOST_COLUMNS else ""
    panel.set_title(f"h_mean points at, by {LISTS[measure]} (dead in italics{remark})")
    panel.set_axis_off()
    steps = sorted(tokens["step"].unique())
    if len(steps) > most_columns:
        places = np.linspace(0, len(steps) - 1, most_columns).round().astype(int)
        steps = [steps[place] for place in places]
    panel.set(xlim=(0, most_columns), ylim=(NAMES_SHOWN + 0.4, -1.3))
    shares = {
        entry["step"]: entry["live"] / max(1, entry["live"] + entry["dead"])
        for entry in summary["tokens_pointed_at"]
        if entry["by"] == measure
    }
    for column, step in enumerate(steps):
        panel.text(column, -0.6, f"t = {step:,}", size=6.5, weight="bold", color=style.INK)
        panel.text(column + 0.45, -0.6, f"{shares[step]:.0%} live", size=6, color=style.FAINT)
        listed = tokens[(tokens["step"] == step) & (tokens["by"] == measure)]
        for row in listed[listed["rank"] <= NAMES_SHOWN].itertuples():
            panel.text(
                *(column, row.rank - 0.3, label(row.token, row.script, row.token_id)),
                color=DARKER[row.cloud],
                style="italic" if row.cloud == "dead" else "normal",
                size=6.5,
            )


def label(token: str, script: str, token_id: int) -> str:
    """A token as the figure's font can write it; by script and id where it lacks a letter."""
    visible = "".join(SPACE if letter.isspace() else letter for letter in token)
    if not visible or not all(map(letters.is_drawn, visible)):
        return f"{script} {token_id}"
    return letters.short(visible, LONGEST_NAME)


def _cosine_axis(panel: Axes, name: str, *columns: np.ndarray) -> None:
    """From zero, or from −1 if a cosine is negative beyond a trifle, to 1."""
    lowest = min((np.nanmin(column) for column in columns if np.isfinite(column).any()), default=0)
    panel.set_ylim(-1.04 if lowest < -0.3 else min(0, lowest) - 0.04, 1.04)
    panel.yaxis.set_major_locator(FixedLocator((-1, -0.5, 0, 0.25, 0.5, 0.75, 1)))
    panel.axhline(0, color=style.FAINT, linewidth=0.4)
    panel.set_ylabel(name)


def _key(panel: Axes, columns: int, rows: int) -> None:
    """The legend in room of its own above what is drawn."""
    bottom, top = panel.get_ylim()
    panel.set_ylim(bottom, top + (top - bottom) * ROOM_FOR_A_LINE * (rows + 0.5))
    legend = panel.legend(
        loc="upper left",
        ncols=columns,
        borderaxespad=0.1,
        handlelength=1.4,
        columnspacing=0.8,
        labelspacing=0.25,
    )
    legend.set_in_layout(False)


def _apart(lags: np.ndarray) -> list[float]:
    """The lags whose names do not run into each other on a log axis."""
    kept = [lags[0]]
    for lag in lags[1:]:
        if np.log(lag / kept[-1]) >= np.log(lags[-1] / lags[0]) / 12:
            kept.append(lag)
    return kept


def _headline(summary: dict) -> str:
    apart, clouds = summary["separation"], summary["clouds"]
    if apart["end_over_start"] is None:
        drift = "live and dead tokens begin at one centroid"
    else:
        way = "apart" if apart["end"] > apart["start"] else "together"
        drift = f"the clouds drift {way}, {apart['start']:.3f} to {apart['end']:.3f}"
    along = [clouds["live"][r]["centroid_displacement_cosine_with_mean_h"] for r in READINGS]
    if any(cosine is None or np.isnan(cosine) for cosine in along):
        return drift
    stored, relative = (f"{cosine:+.2f}".replace("-", "−") for cosine in along)
    return f"{drift}; live centroid along h_mean: {stored} as stored, {relative} relative"
