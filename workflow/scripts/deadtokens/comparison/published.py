"""Runs beside the published figures, as a table for people: a line per run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from deadtokens.comparison import markdown as md

NOT_GIVEN = "not given"

Figures = Mapping[str, Any]


def markdown(published: Mapping[str, Figures], summaries: Mapping[str, Figures]) -> str:
    """`table` as Markdown, the names of runs as code."""
    text = table(published, summaries)
    runs = text["run"].isin([*summaries])
    return md.table(text.assign(run=text["run"].where(~runs, "`" + text["run"] + "`")))


def table(published: Mapping[str, Figures], summaries: Mapping[str, Figures]) -> pd.DataFrame:
    """Text, a row for each run below the published figures of its experiment.

    published: figures by experiment; summaries: figures by run, of which those that are not there
    are explained in words.
    """
    steps = {figures["separation_step"] for figures in summaries.values()}
    later = " or ".join(f"{step:,}" for step in sorted(steps))
    header = ["run", *(heading.format(later=later) for heading in COLUMNS)]
    rows = []
    shown = set()
    for run, figures in summaries.items():
        experiment = figures["experiment"]
        if experiment in published and experiment not in shown:
            rows.append([f"{experiment}, published", *_cells(published[experiment])])
            shown.add(experiment)
        rows.append([run, *_cells(figures)])
    return pd.DataFrame(rows, columns=header)


def _cells(figures: Figures) -> list[str]:
    reasons = figures.get("absent", {})
    return [
        in_words(figures, figures[key]) if key in figures else reasons.get(key, NOT_GIVEN)
        for key, in_words in COLUMNS.values()
    ]


def _last_motion(figures: Figures, step: int) -> str:
    if step < 0:
        return "none at all"
    return f"{step:,} (the last step)" if step == figures["steps"] else f"{step:,}"


def _freezing(figures: Figures, steps: list[int | None]) -> str:
    """None stands for a token that is not known to have stopped, −1 for one that never moved."""
    seen = figures["steps"] - figures.get("still_for", 0)  # no later stop can be seen
    if steps == [None] * len(steps):
        return f"none known to stop by {seen:,}" if seen > 0 else "run too short to know"
    words = {None: f"after {seen:,}", -1: "never moved"}
    return " / ".join(words.get(step) or f"{step:,}" for step in steps)


def _stillness(figures: Figures, count: int) -> str:
    longest = ", ".join(f"{length:,}" for length in figures["longest_stillness"])
    return f"{count:,}: {longest}" if count else "none"


# Heading; the figure's name in a summary; its words, which may hang on others of the run.
COLUMNS = {
    "steps": ("steps", lambda figures, steps: f"{steps:,}"),
    "loss at the last step, nats": ("final_loss", lambda figures, loss: f"{loss:.2f}"),
    "last motion": ("last_motion", _last_motion),
    "freezing: min / median / max": ("freezing", _freezing),
    "still runs: how many, the longest": ("stillness_runs", _stillness),
    "live/dead separation at t = 0": ("separation_at_start", lambda figures, value: f"{value:.3g}"),
    "live/dead separation at t = {later}": (
        "separation_later",
        lambda figures, value: f"{value:.3g}",
    ),
    "mean |W[T] − W[0]|₂": ("net_displacement", lambda figures, value: f"{value:.3f}"),
    "the same relative to the mean of all rows": (
        "net_displacement_relative",
        lambda figures, value: f"{value:.3f}",
    ),
}
