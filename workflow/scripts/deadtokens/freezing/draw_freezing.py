"""The figure of freezing: survival of tokens and elements, last motion by script, norm and id.

Draws what `freezing.freezing` has found; computes nothing.
"""

from collections.abc import Iterable
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from deadtokens.figures import pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import NUMBER, STEP, IfThere, Maybe

HEIGHT_OVER_WIDTH = 0.8
PANELS = "AAABBB;CCDDEE"
SHOWN_SCRIPTS = 12  # the most frequent; the table has all
# Okabe and Ito's, for every kind of colour blindness; phases keep their own colours to themselves.
SCRIPT_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
WIDE = {"linewidth": 0.9, "solid_capstyle": "butt"}
NARROW = {"linewidth": 3.2, "solid_capstyle": "butt"}
THOUSANDS = FuncFormatter(lambda number, _: f"{number:,.0f}")
MEDIAN = {**style.DOT, "markersize": 3.8}
BAND = {"color": style.FAINT, "alpha": 0.2, "linewidth": 0}
CENSORED = {"color": style.INK, "linewidth": 1.2, "linestyle": ":", "label": "stop or pause"}

QUANTILES = dict.fromkeys(("p05", "p25", "median", "p75", "p95"), NUMBER)
SHARE = dict.fromkeys(("value", "low", "high"), NUMBER)
# What is drawn of freezing.json.
SUMMARY = {
    **{"steps": int, "tokens": int, "stopped": int, "censored": int, "still_for": int},
    **{"global_last_motion": int, "too_short": Maybe(str), "confidence": float},
    **{"min": STEP, "median": STEP, "max": STEP},
    "by_script": {str: {"tokens": int, **QUANTILES}},
    "by_initial_norm": [{"from": NUMBER, "to": NUMBER, **QUANTILES}],
    "by_id": [{"from": NUMBER, "to": NUMBER, **QUANTILES}],
    **{"correlation_with_initial_norm": NUMBER, "correlation_with_id": NUMBER},
    "correlation_with_initial_norm_relative": IfThere(NUMBER),
    "elements": {"per_token": int, "by_number_counted": [{"counted": int, "share_stopped": SHARE}]},
}

COLUMNS = ("step", "seen_to_move", "all", "all_low", "all_high", "elements")

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "survival": (partial(tables.read, columns=COLUMNS), "CSV: a row per step"),
    "summary": (json_of(SUMMARY), "JSON: who freezes when"),
}


def draw(survival: pd.DataFrame, summary: dict, title: str, width_mm: float) -> Figure:
    """Survival, the extreme over elements, last motion by script, by norm at the start, by id."""
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    curves, counted, scripts, norms, ids = drawing.subplot_mosaic(PANELS).values()
    colours = dict(zip(summary["by_script"], SCRIPT_COLOURS, strict=False))
    _draw_survival(curves, survival, summary, colours)
    curves.set_ylabel(f"Share of {pictures.tokens_of(summary)}")
    _draw_counted(counted, summary)
    _draw_scripts(scripts, summary, colours)
    for panel in (curves, scripts):
        pictures.step_axis(panel, summary["steps"])
        panel.xaxis.set_major_locator(MaxNLocator(5 if panel is curves else 3, integer=True))
    scripts.set_xlim(*_limits(summary["by_script"].values(), summary["steps"]))
    scripts.set_xlabel("Last motion (training step)")
    _draw_groups(norms, summary["by_initial_norm"], summary["steps"])
    norms.set_xlabel("|W|₂ at the start, as stored")
    relative = summary.get("correlation_with_initial_norm_relative")
    norms.set_title(f"By norm{_in_words(summary['correlation_with_initial_norm'], relative)}")
    _draw_groups(ids, summary["by_id"], summary["steps"])
    ids.xaxis.set_major_formatter(THOUSANDS)
    ids.set_xlabel("Token id")
    ids.set_title(f"By id{_in_words(summary['correlation_with_id'])}")
    _key(drawing)
    pictures.head(drawing, f"{title}: {_headline(summary)}")
    return drawing


def _draw_survival(
    panel: Axes, survival: pd.DataFrame, summary: dict, colours: dict[str, str]
) -> None:
    """Up to the last step at which a stop could be seen; after it what is seen to move."""
    panel.set_title("Yet to move, at this step or later")
    step, unseen = survival["step"], survival["all"].isna()
    panel.fill_between(step, survival["all_low"], survival["all_high"], **BAND)
    for script, colour in colours.items():
        panel.plot(survival["step"], survival[script], color=colour, linewidth=0.9, label=script)
    panel.plot(step, survival["elements"], color=style.FAINT, linestyle="--", label="elements")
    if unseen.any():
        panel.plot(step[unseen], survival["seen_to_move"][unseen], **CENSORED)
        panel.axvspan(step[unseen].iloc[0], summary["steps"], **BAND)
    panel.plot(step, survival["all"], color=style.INK, linewidth=1.8, label="all")
    panel.set_ylim(0, 1.02)
    panel.yaxis.set_major_formatter(PercentFormatter(1))
    panel.legend(loc="lower left")


def _draw_counted(panel: Axes, summary: dict) -> None:
    """A token is as still as the last of its elements: the share by how many are counted."""
    panel.set_title(f"Still for {summary['still_for']:,} steps or more at the end")
    groups = summary["elements"]["by_number_counted"]
    x = [group["counted"] for group in groups]
    shares = [group["share_stopped"] for group in groups]
    panel.vlines(x, *([share[end] for share in shares] for end in ("low", "high")), style.FAINT)
    panel.plot(x, [share["value"] for share in shares], color=style.FAINT, linewidth=0.8)
    panel.plot(x, [share["value"] for share in shares], **MEDIAN)
    panel.set_xscale("log", base=2)
    panel.xaxis.set_major_formatter(THOUSANDS)
    panel.set_ylim(0, 1.02)
    panel.yaxis.set_major_formatter(PercentFormatter(1))
    panel.set_xlabel(f"Elements counted, of {summary['elements']['per_token']:,} of a token")


def _draw_scripts(panel: Axes, summary: dict, colours: dict[str, str]) -> None:
    """Ranges of the last motion, the most frequent script on top."""
    panel.set_title("By script")
    shown = list(summary["by_script"].items())[:SHOWN_SCRIPTS]
    for place, (script, times) in enumerate(shown):
        low, lower, middle, upper, high = _quantiles(times, summary["steps"])
        colour = colours.get(script, style.FAINT)
        panel.plot([low, high], [place] * 2, color=colour, **WIDE)
        panel.plot([lower, upper], [place] * 2, color=colour, **NARROW)
        panel.plot(middle, place, **MEDIAN)
    panel.set_yticks(range(len(shown)), [f"{name} ({t['tokens']:,})" for name, t in shown])
    panel.set_ylim(len(shown) - 0.4, -0.6)


def _draw_groups(panel: Axes, groups: list[dict], steps: int) -> None:
    """Ranges of the last motion of groups of tokens, at the middle of the group's values."""
    for group in groups:
        low, lower, middle, upper, high = _quantiles(group, steps)
        place = (group["from"] + group["to"]) / 2
        panel.plot([place] * 2, [low, high], color=style.FAINT, **WIDE)
        panel.plot([place] * 2, [lower, upper], color=style.FAINT, **NARROW)
        panel.plot(place, middle, **MEDIAN)
    panel.set_ylim(*_limits(groups, steps))
    panel.set_ylabel("Last motion (training step)")
    panel.margins(x=0.06)
    panel.yaxis.set_major_formatter(THOUSANDS)
    panel.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def _quantiles(times: dict, steps: int) -> list[int]:
    """What would fall among censored tokens stands at the last step."""
    values = (times[name] for name in ("p05", "p25", "median", "p75", "p95"))
    return [steps if value is None else value for value in values]


def _limits(groups: Iterable[dict], steps: int) -> tuple[float, float]:
    """From the earliest that is drawn to the latest, with some room."""
    drawn = [value for group in groups for value in _quantiles(group, steps)]
    room = 0.06 * max(max(drawn) - min(drawn), 20)  # whole steps at least, for their ticks
    return min(drawn) - room, max(drawn) + room


def _in_words(correlation: float | None, relative: float | None = None) -> str:
    """Spearman's ρ, and that of the norm relative to the mean of all rows."""
    found = {"": correlation, "relative ": relative}
    stated = [f"{of}{rho:.2f}" for of, rho in found.items() if rho is not None]
    return f" (ρ = {'; '.join(stated)})".replace("-", "−") if stated else ""


def _key(drawing: Figure) -> None:
    drawing.legend(
        handles=[
            Line2D([], [], **MEDIAN, label="median"),
            Line2D([], [], color=style.FAINT, **NARROW, label="25% to 75% of tokens"),
            Line2D([], [], color=style.FAINT, **WIDE, label="5% to 95% (last step: censored)"),
        ],
        loc="outside lower center",
        ncols=3,
    )


def _headline(summary: dict) -> str:
    steps, tokens = summary["steps"], f"{summary['tokens']:,} {pictures.tokens_of(summary)}"
    frozen, latest = summary["stopped"], summary["steps"] - summary["still_for"]
    if summary["too_short"] and summary["global_last_motion"] >= 0:
        return f"{tokens}, too few steps ({steps:,}) to tell a stop from a pause"
    if summary["global_last_motion"] < 0:
        return f"not one of {tokens} ever moves"
    if frozen == 0:
        return f"none of {tokens} has stopped by step {latest:,} of {steps:,}"
    if summary["censored"] == 0:
        return (
            f"{tokens} move last at steps {summary['min']:,} to {summary['max']:,}, "
            f"half of them by {summary['median']:,}"
        )
    return f"{frozen:,} of {tokens} have stopped by step {latest:,} of {steps:,}"
