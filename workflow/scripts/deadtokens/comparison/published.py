"""Runs beside the published figures, as a table for people: a line per run."""

from collections.abc import Mapping
from typing import Any

NOT_GIVEN = "not given"

Figures = Mapping[str, Any]


def markdown(published: Mapping[str, Figures], summaries: Mapping[str, Figures]) -> str:
    """`table` as Markdown, the names of runs as code."""
    head, *rows = table(published, summaries)
    named = [[f"`{name}`" if name in summaries else name, *cells] for name, *cells in rows]
    return "\n".join(map(_line, [head, ["---"] * len(head), *named])) + "\n"


def table(published: Mapping[str, Figures], summaries: Mapping[str, Figures]) -> list[list[str]]:
    """A header, and a line for each run below the published figures of its experiment.

    published: figures by experiment; summaries: figures by run, of which those that are not there
    are told in words. Bars are written as HTML does, since they would end a cell of Markdown.
    """
    steps = {figures["separation_step"] for figures in summaries.values()}
    later = " or ".join(f"{step:,}" for step in sorted(steps))
    lines = [["run", *(heading.format(later=later) for heading in COLUMNS)]]
    told = set()
    for run, figures in summaries.items():
        experiment = figures["experiment"]
        if experiment in published and experiment not in told:
            lines.append([f"{experiment}, published", *_cells(published[experiment])])
            told.add(experiment)
        lines.append([run, *_cells(figures)])
    return lines


def _cells(figures: Figures) -> list[str]:
    reasons = figures.get("absent", {})
    return [
        tell(figures, figures[key]) if key in figures else reasons.get(key, NOT_GIVEN)
        for key, tell in COLUMNS.values()
    ]


def _last_motion(figures: Figures, step: int) -> str:
    if step < 0:
        return "none at all"
    return f"{step:,} (the last step)" if step == figures["steps"] else f"{step:,}"


def _freezing(figures: Figures, steps: list[int | None]) -> str:
    """None stands for a token that still moves at the last step, −1 for one that never moved."""
    if steps == [None] * len(steps):
        return f"all move at step {figures['steps']:,}"
    words = {None: f"after {figures['steps']:,}", -1: "never moved"}
    return " / ".join(words.get(step) or f"{step:,}" for step in steps)


def _stillness(figures: Figures, count: int) -> str:
    longest = ", ".join(f"{length:,}" for length in figures["longest_stillness"])
    return f"{count:,}: {longest}" if count else "none"


# Heading; the figure's name in a summary; how it is told, which may hang on others of the run.
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
    "mean &#124;W[T] − W[0]&#124;₂": ("net_displacement", lambda figures, value: f"{value:.3f}"),
}


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
