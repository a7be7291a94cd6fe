"""The runs of a sweep side by side: what each was given, and what came out."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

# Column; name in the run's summary; place in a list of several, or None.
FIGURES = (
    ("final_loss", "final_loss", None),
    ("mean_displacement_at_last_step", "mean_displacement_at_last_step", None),
    ("tokens_moving_at_last_step", "tokens_moving_at_last_step", None),
    ("half_still", "half_still", None),
    ("last_motion", "last_motion", None),
    ("freezing_min", "freezing", 0),
    ("freezing_median", "freezing", 1),
    ("freezing_max", "freezing", 2),
    ("stillness_runs", "stillness_runs", None),
    ("longest_stillness", "longest_stillness", 0),
    ("net_displacement", "net_displacement", None),
)


def table(
    given: Mapping[str, Mapping[str, Any]], summaries: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """A row per run: its name, the values it was given, its figures.

    given: the swept values of each run, by key; summaries: content of its summary.json, both by
    run. None where a run has no such figure; freezing that a run does not show is None too. A key
    that is called like a figure gets `given_` before it.
    """
    keys = list(next(iter(given.values())))
    figures = [column for column, _, _ in FIGURES]
    names = ["run", *(f"given_{key}" if key in figures else key for key in keys), *figures]
    rows = []
    for run, values in given.items():
        found = (_figure(summaries[run], name, place) for _, name, place in FIGURES)
        rows.append([run, *values.values(), *found])
    return pd.DataFrame(rows, columns=names, dtype=object)


def _figure(summary: Mapping[str, Any], name: str, place: int | None) -> Any:
    value = summary.get(name)
    if place is None or value is None:
        return value
    return value[place] if place < len(value) else None
