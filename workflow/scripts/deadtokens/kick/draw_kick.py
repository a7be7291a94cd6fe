"""The figure of the kick at a checkpoint: a stitched pair of runs, every arm, what makes the kick.

Draws what `kick.kick` has found; computes nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER, IfThere

HEIGHT_OVER_WIDTH = 1.36
NARROWEST_MM = 150  # below it no room is left beside the labels
TITLE_MM, KEY_MM, RIGHT_MM = 7, 15, 4
# A row: share of the height, room above and below its panels (title, axis); room before each panel
# for its labels, and its share of the width. Rooms in millimetres, as letters do not scale.
ROWS = (
    (0.19, (6, 5.5), ((18, 0.5), (17, 0.5))),
    (0.19, (6, 11), ((18, 0.5), (17, 0.5))),
    (0.32, (6, 11), ((12, 0.42), (37, 0.33), (5, 0.25))),
    (0.3, (6, 11), ((40, 0.36), (51, 0.64))),
)
# Okabe and Ito's, for every kind of colour blindness.
CONTINUOUS = {"color": style.INK, "linewidth": 1.3}
STITCHED = {"color": "#d55e00", "linewidth": 1.1}
# By what is reset of moments and schedule; dashes show the arms whose data are reset.
ARM_COLOURS = {
    (): "#56b4e9",
    ("moments",): "#009e73",
    ("schedule",): "#e69f00",
    ("moments", "schedule"): "#cc79a7",
}
SEAM = {"color": style.FAINT, "linewidth": 0.8, "linestyle": (0, (1, 1.5))}
WIDE = {"linewidth": 2.6, "solid_capstyle": "butt", "alpha": 0.45}
NARROW = {"linewidth": 1.1, "solid_capstyle": "butt"}
GREY = "#b9b9b9"
SMALL = 0.02
FEW_TICKS = 3  # decades on a log axis up to which ticks between them help
MEASURES = (
    ("dw_l2_mean", "Motion per step", "Mean |ΔW|₂"),
    ("from_start_mean", "Displacement from the start", "Mean |W[t] − W[0]|₂"),
    ("hop_share", "Tokens that hop a few cells, or stay", "Share of untrained tokens"),
    ("loss", "Loss", "Training loss (nats)"),
)
PARTS = {
    "continuous_trend": "The continuous run's own trend",
    "moments_reset": "Moments reset",
    "schedule_reset": "Schedule reset",
    "data_reset": "Data reset",
    "other_weights_and_shorter_schedule": "Other weights, shorter schedule",
    "schedule_before_the_seam": "Schedule runs out before the seam",
}

TEXT = ("series", "run")  # among the columns of kick.csv
COLUMNS = ("series", "step", "over_continuous", *(column for column, _, _ in MEASURES))
INTERVAL = {"value": NUMBER, "interval_over_tokens": [NUMBER]}
KICK = {
    "kick_ratio": INTERVAL,
    "excess_path_over_path": INTERVAL,
    "token_log_ratios": {"p05": NUMBER, "p95": NUMBER},
}
# What is drawn of kick.json.
SUMMARY = {
    **{"seam": int, "window": int, "following_steps": int, "band": float},
    "interval_over_tokens": {"confidence": float},
    "continuous": {
        "kick_ratio": INTERVAL,
        "pseudo_seams": {
            "seams": int,
            "log_ratio": {"p02_5": NUMBER, "median": NUMBER, "p97_5": NUMBER},
        },
    },
    "stitched": KICK,
    "arms": [{"run": str, "reset": [str], **KICK}],
    "effects": [{"factors": [str], **INTERVAL}],
    "contributions": {
        "parts": [
            {"name": str, "value": NUMBER, "share": NUMBER, "from_learning_rates": IfThere(NUMBER)}
        ],
        "total": {"value": NUMBER},
    },
}

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "table": (partial(tables.read, columns=COLUMNS, text=TEXT), "CSV: a row per step"),
    "summary": (json_of(SUMMARY), "JSON: what the kick is"),
}


def draw(table: pd.DataFrame, summary: dict, title: str, width_mm: float) -> Figure:
    """Four measures of the stitched pair; arms over time, their kicks and paths; effects; parts."""
    drawing, places = _laid_out(max(width_mm, NARROWEST_MM))
    series = {
        letters.visible(name): rows.reset_index(drop=True)  # as the summary has them here
        for name, rows in table.groupby("series", sort=False)
    }
    for panel, measure in zip(places[:4], MEASURES, strict=True):
        _draw_measure(panel, series, summary, *measure)
    arms, kicks, paths, effects, parts = places[4:]
    _draw_arms(arms, series, summary)
    _draw_kicks(kicks, summary)
    _draw_paths(paths, summary)
    _draw_effects(effects, summary)
    _draw_parts(parts, summary["contributions"], _chance(summary))
    _key(drawing, summary)
    pictures.head(drawing, f"{title}: {_headline(summary)}", y=0.995)
    return drawing


def _laid_out(width_mm: float) -> tuple[Figure, list[Axes]]:
    """The figure and its panels, row by row, each at a fixed place.

    Matplotlib's own layout of rows with different columns differs in the last bits from one drawing
    to the next, and so would the bytes of the file.
    """
    height_mm = width_mm * HEIGHT_OVER_WIDTH
    drawing = style.figure(width_mm, height_mm)
    drawing.set_layout_engine("none")
    room = height_mm - TITLE_MM - KEY_MM - sum(sum(around) for _, around, _ in ROWS)
    panels, top = [], TITLE_MM
    for share, (above, below), columns in ROWS:
        height, left = share * room, 0.0
        across = width_mm - RIGHT_MM - sum(label for label, _ in columns)
        for label, part in columns:
            left, width = left + label, part * across
            box = left, height_mm - top - above - height, width, height
            sizes = width_mm, height_mm, width_mm, height_mm
            panels.append(drawing.add_axes([mm / of for mm, of in zip(box, sizes, strict=True)]))
            left += width
        top += above + height + below
    return drawing, panels


def _draw_measure(
    panel: Axes, series: dict[str, pd.DataFrame], summary: dict, column: str, title: str, unit: str
) -> None:
    """One measure of the continuous run and of the stitched pair over all steps."""
    panel.set_title(title)
    panel.set_ylabel(unit)
    if column in ("hop_share", "loss"):
        panel.set_xlabel("Training step")
    for name, look in (("stitched", STITCHED), ("continuous", CONTINUOUS)):
        panel.plot(series[name]["step"], series[name][column], label=name, **look)
    panel.axvline(summary["seam"] + 0.5, **SEAM)
    panel.set_xlim(1, max(series["continuous"]["step"].max(), 2))
    panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if column == "dw_l2_mean" and (series["continuous"][column] > 0).any():
        panel.set_yscale("log")
        _plain_log_ticks(panel.yaxis)
    if column == "hop_share":
        panel.set_ylim(-0.02, 1.02)
        panel.yaxis.set_major_formatter(PercentFormatter(1))


def _draw_arms(panel: Axes, series: dict[str, pd.DataFrame], summary: dict) -> None:
    """Motion of every arm over that of the continuous run at the same step."""
    panel.set_title("Arms: motion over the continuous run's")
    panel.set_ylabel("Ratio of mean |ΔW|₂")
    panel.axhspan(1 - min(summary["band"], 0.99), 1 + summary["band"], color=GREY, linewidth=0)
    steps = summary["following_steps"]
    for arm in summary["arms"]:
        found = series[arm["run"]]
        own = found["step"] - summary["seam"]
        panel.plot(own, found["over_continuous"], **_look(arm), linewidth=1.1)
    panel.set_xlim(1, max(steps, 2))
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.set_xlabel("Steps after the seam")
    drawn = np.concatenate([series[arm["run"]]["over_continuous"] for arm in summary["arms"]])
    if (drawn > 0).any():
        panel.set_yscale("log")
        _plain_log_ticks(panel.yaxis)


def _draw_kicks(panel: Axes, summary: dict) -> None:
    """The kick ratio of every arm and of the stitched pair, and how it spreads over the tokens."""
    panel.set_title("Kick ratio")
    panel.set_xlabel(f"After / before ({summary['window']} steps)")
    own = _number(summary["continuous"]["kick_ratio"]["value"])
    if math.isfinite(own):
        panel.axvline(own, color=style.INK, linewidth=0.8)
    panel.axvline(1, **SEAM)
    _band(panel, _chance(summary))
    named = _named(summary)
    for place, (_, found, look) in enumerate(named):
        spread = found["token_log_ratios"]
        ends = [math.exp(spread[q]) for q in ("p05", "p95") if spread[q] is not None]
        panel.plot(ends, [place] * len(ends), color=look["color"], **WIDE)
        _point(panel, place, found["kick_ratio"], look["color"])
    _log_axis(panel, [f["kick_ratio"]["value"] for _, f, _ in named])
    panel.set_yticks(range(len(named)), [name for name, _, _ in named])
    panel.set_ylim(len(named) - 0.4, -0.6)


def _draw_paths(panel: Axes, summary: dict) -> None:
    """How much longer the way over all following steps is than the continuous run's."""
    panel.set_title("Excess path")
    panel.set_xlabel(f"Of the path ({summary['following_steps']:,} steps)")
    panel.axvline(0, color=style.INK, linewidth=0.8)
    named = _named(summary)
    for place, (_, found, look) in enumerate(named):
        _point(panel, place, found["excess_path_over_path"], look["color"])
    panel.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panel.xaxis.set_major_locator(MaxNLocator(3))
    panel.margins(x=0.12)
    panel.set_ylim(len(named) - 0.4, -0.6)
    panel.set_yticks(range(len(named)), [])


def _draw_effects(panel: Axes, summary: dict) -> None:
    """Main effects and interactions, as the factor by which they multiply the kick ratio."""
    panel.set_title("Effects of resetting")
    panel.set_xlabel("Factor on the kick ratio")
    effects = summary["effects"]
    low, median, high = _chance(summary)
    _band(panel, (low - median, 0.0, high - median))
    for place, effect in enumerate(effects):
        ends = [_exp(end) for end in effect["interval_over_tokens"]]
        factor = {"value": _exp(effect["value"]), "interval_over_tokens": ends}
        _point(panel, place, factor, style.INK if len(effect["factors"]) == 1 else style.FAINT)
    panel.axvline(1, **SEAM)
    _log_axis(panel, [1, *(_exp(effect["value"]) for effect in effects)])
    panel.set_yticks(range(len(effects)), [" × ".join(e["factors"]) for e in effects])
    panel.set_ylim(len(effects) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)


def _draw_parts(panel: Axes, contributions: dict, chance: tuple[float, ...]) -> None:
    """The stitched pair's log kick ratio as a sum of parts, each begun where the last one ends."""
    panel.set_title("Parts of the stitched pair's kick ratio")
    panel.set_xlabel("Kick ratio so far")
    parts = [*contributions["parts"], {"name": "total", **contributions["total"]}]
    end, ends = 0.0, [0.0]
    for place, part in enumerate(parts):
        value = _number(part["value"])
        start = 0.0 if part["name"] == "total" else end
        end = start + value
        if not math.isfinite(end):
            panel.set_xticks([])
            break
        colour = style.INK if part["name"] == "total" else STITCHED["color"]
        low, median, high = chance
        around = (low, high) if part["name"] == "total" else (low - median, high - median)
        low, high = (math.exp(start + by) for by in around)
        if math.isfinite(high):
            panel.barh(place, high - low, 0.9, low, color=GREY, alpha=0.6)
        panel.barh(place, math.exp(end) - math.exp(start), 0.6, math.exp(start), color=colour)
        computed = part.get("from_learning_rates")
        if computed is not None:
            panel.plot(math.exp(start + computed), place, **style.DOT | {"marker": "D"})
            ends.append(start + computed)
        ends.append(end)
        panel.annotate(
            _factor(value, part.get("share")),
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(2, 0),
            textcoords="offset points",
            ha="right",
            va="center",
        )
    if math.isfinite(end):
        panel.axvline(1, **SEAM)
        _log_axis(panel, [math.exp(place) for place in ends])
        low, high = panel.get_xlim()
        panel.set_xlim(low, high * (high / low) ** 0.4)  # room for the numbers
    names = [PARTS.get(part["name"], "The kick ratio, in all") for part in parts]
    panel.set_yticks(range(len(parts)), names)
    panel.set_ylim(len(parts) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)


def _factor(value: float, share: float | None) -> str:
    """A part as a factor, and its share of the whole log ratio."""
    text = f"× {math.exp(value):.3g}"
    return text if share is None else f"{text} ({share:.0%})".replace("-", "−")


def _chance(summary: dict) -> tuple[float, ...]:
    """The pseudo-seams' log ratios: 2.5%, median, 97.5%."""
    quantiles = summary["continuous"]["pseudo_seams"]["log_ratio"]
    return tuple(_number(quantiles[name]) for name in ("p02_5", "median", "p97_5"))


def _band(panel: Axes, chance: tuple[float, ...]) -> None:
    low, _, high = chance
    if math.isfinite(high):
        panel.axvspan(math.exp(low), math.exp(high), color=GREY, alpha=0.6, linewidth=0)


def _named(summary: dict) -> list[tuple[str, dict, dict]]:
    """Label, figures and look of what has a kick: the arms in standard order, the stitched pair."""
    arms = [(_label(arm["reset"]), arm, _look(arm)) for arm in summary["arms"]]
    return [*arms, ("stitched pair", summary["stitched"], STITCHED)]


def _label(reset: Sequence[str]) -> str:
    if len(reset) == 3:
        return "all three reset"
    return " + ".join(reset) + " reset" if reset else "all restored"


def _look(arm: dict) -> dict:
    colour = ARM_COLOURS[tuple(part for part in arm["reset"] if part != "data")]
    return {"color": colour, "linestyle": (0, (2.5, 1)) if "data" in arm["reset"] else "-"}


def _point(panel: Axes, place: int, found: Mapping, colour: str) -> None:
    """A value with its interval, which is often shorter than the dot is wide."""
    value, (low, high) = _number(found["value"]), map(_number, found["interval_over_tokens"])
    panel.plot([low, high], [place] * 2, color=colour, **NARROW)
    look = style.DOT | {"color": colour, "markersize": 4, "markeredgewidth": 0.6}
    panel.plot(value, place, **look)


def _log_axis(panel: Axes, values: Iterable[float | None]) -> None:
    """A log axis with room for all positive values."""
    shown = [value for value in map(_number, values) if math.isfinite(value) and value > 0]
    if shown:
        room = max(1.12, (max(shown) / min(shown)) ** 0.08)
        panel.set_xscale("log")
        panel.set_xlim(min(shown) / room, max(shown) * room)
        _plain_log_ticks(panel.xaxis)


def _plain_log_ticks(axis) -> None:
    """Numbers as one writes them, at 1, 2 and 5 of each decade while there are few."""
    low, high = axis.get_view_interval()
    decades = math.log10(high / low) if low > 0 else FEW_TICKS + 1
    subs = (
        (1, 1.5, 2, 3, 5, 7)
        if decades < 1
        else (1, 2, 5)
        if decades < 2
        else (1, 3)
        if decades < FEW_TICKS
        else (1,)
    )
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axis.set_minor_formatter(NullFormatter())


def _plain(value: float) -> str:
    """Small numbers with a power of ten, all others as one writes them."""
    if not 0 < value < SMALL:
        return f"{value:.3g}"
    mantissa, power = f"{value:.0e}".split("e")
    digits = str(int(power)).translate(letters.SUPERSCRIPTS)
    return f"10{digits}" if mantissa == "1" else f"{mantissa}·10{digits}"


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _exp(value: float | None) -> float:
    return math.exp(_number(value))


def _key(drawing: Figure, summary: dict) -> None:
    share = f"{summary['interval_over_tokens']['confidence']:.0%}"
    seams = summary["continuous"]["pseudo_seams"]["seams"]
    dot = {**style.DOT, "color": style.INK, "markersize": 4}
    drawing.legend(
        handles=[
            Line2D([], [], **CONTINUOUS, label="continuous run"),
            Line2D([], [], **STITCHED, label="stitched pair"),
            Line2D([], [], **SEAM, label="seam; no change"),
            Line2D(
                [], [], **{**dot, "linestyle": "-"}, label=f"mean, {share} interval over tokens"
            ),
            Line2D([], [], color=style.FAINT, **WIDE, label="5% to 95% of tokens"),
            Line2D([], [], **style.DOT | {"marker": "D"}, label="by learning rates alone"),
            Patch(color=GREY, alpha=0.6, label=f"95% of {seams:,} pseudo-seams (steps overlap)"),
        ],
        loc="lower center",
        ncols=3,
    )


def _headline(summary: dict) -> str:
    stitched, own = (summary[name]["kick_ratio"]["value"] for name in ("stitched", "continuous"))
    if stitched is None or own is None:
        return "nothing moves on one side of the seam, so there is no kick ratio"
    return (
        f"motion over the seam × {stitched:.3g} in the stitched pair, × {own:.2g} without a break"
    )
