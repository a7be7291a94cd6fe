"""The tables of the findings, as Markdown: filters of the template.

Each takes what a file says and gives a DataFrame of text; `table` writes it. Which columns a table
has, and where they are in an entry, stands in `facts`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from deadtokens.comparison import markdown
from deadtokens.report import facts, verdicts_page, wording
from deadtokens.report.provenance_page import DIGITS
from deadtokens.report.verdicts import VERDICT_WORDS, VERDICTS, Missing, statistic


def by_name(entries: Mapping[str, Mapping], first: str, columns: str) -> pd.DataFrame:
    """A row per entry: its name under the heading `first`, then these of `facts.COLUMNS`."""
    frame = by_entry([*entries.values()], columns)
    frame.insert(0, first, [f"`{name}`" for name in entries])
    return frame


def by_entry(entries: Sequence[Mapping], columns: str) -> pd.DataFrame:
    """The same of a list of entries, which have no names.

    What an entry has not is an empty cell; `Missing` for a place that none of them has.
    """
    frame = pd.DataFrame(index=range(len(entries)))
    for heading, path, way in facts.COLUMNS[columns]:
        frame[heading] = [_cell(entry, path, way) for entry in entries]
        if len(frame) and not frame[heading].any():
            raise Missing(f"there is no {path} in any entry of {columns}")
    return frame


def place(entry: Mapping, columns: str, heading: str) -> str:
    """The cell of one entry under one heading."""
    path, way = next((path, way) for name, path, way in facts.COLUMNS[columns] if name == heading)
    return _cell(entry, path, way)


def with_key(
    entries: Mapping[str, Mapping], key: str, values: Mapping[str, Any]
) -> dict[str, dict]:
    """Entries by name, each with its own of the values under one more key, where there is one."""
    return {
        name: {**entry, **({key: values[name]} if name in values else {})}
        for name, entry in entries.items()
    }


def terms(changes: Mapping[str, float | None], meanings: Mapping[str, str]) -> pd.DataFrame:
    """What an account is made of: each term that the meanings name, in octaves.

    First what they add up to, if `total` is among the changes: as stored, and without the common
    drift of the cells, which no probability depends on.
    """
    shown = {}
    if "total" in changes:
        shown["in all, as stored"] = changes["total"]
    if None not in (changes.get("total"), changes.get("cell_drift")):
        without = changes["total"] - changes["cell_drift"]
        shown["in all, relative to the mean of all rows"] = without
    shown |= {meanings[name]: change for name, change in changes.items() if name in meanings}
    rows = [
        [name, wording.NOTHING if change is None else f"{change:+.2f}"]
        for name, change in shown.items()
    ]
    return pd.DataFrame(rows, columns=["term", "octaves"])


def changes(changed: Mapping[str, Any]) -> str:
    """What an arm has otherwise than its reference, as the configuration writes it."""
    return ", ".join(f"`{key}: {value}`" for key, value in changed.items()) or "the reference"


def judged(rows: Sequence[Mapping], chapter: str) -> pd.DataFrame:
    """The verdicts of a chapter: claim, what was found, verdict, and how old its rule is."""
    shown = [
        [
            f"{row['question']} ({row['notebook']})",
            row["statistic"],
            _found(row),
            VERDICT_WORDS[row["verdict"]],
            verdicts_page.dated(row),
        ]
        for row in rows
        if row["chapter"] == chapter
    ]
    return pd.DataFrame(shown, columns=["claim", "statistic", "found", "verdict", "rule"])


def kinds(counts: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """How many questions got each verdict, by the kind of their rule."""
    rows = [
        [verdicts_page.KIND_WORDS[kind], *(f"{of_kind[verdict]:,}" for verdict in VERDICTS)]
        for kind, of_kind in counts.items()
    ]
    return pd.DataFrame(rows, columns=["rule", *(VERDICT_WORDS[verdict] for verdict in VERDICTS)])


def table(frame: pd.DataFrame) -> str:
    """As Markdown, without the last end of line."""
    return markdown.table(frame.astype(str)).rstrip("\n")


def _cell(entry: Mapping, path: str, way: str) -> str:
    """Of what stands at a place of an entry, or without one of the entry itself."""
    try:
        value = statistic(entry, path) if path else entry
    except Missing:
        return ""
    if way == "changes":
        return changes(value)
    if way == "text":
        return wording.NOTHING if value is None else str(value)
    if way == "digest":
        return wording.NOTHING if value is None else f"`{value[:DIGITS]}`"
    if isinstance(value, Mapping):
        return wording.estimate(value, way)
    if isinstance(value, list):
        return wording.joined(value, *([] if way == "joined" else [way]))
    return wording.WAYS[way](value)


def _found(row: Mapping) -> str:
    parts = []
    if row["value"] is not None:
        found = {key: row[key] for key in ("value", "low", "high")}
        parts.append(f"{wording.estimate(found)} {row['unit'] or ''}".strip())
    if row["reason"]:
        parts.append(row["reason"])
    if row["seeds"]:
        names = {"mean": "seeds_mean", "low": "seeds_low", "high": "seeds_high"}
        over = {name: row[key] for name, key in names.items()}
        over |= {"seeds": row["seeds"], "never": row["seeds_never"]}
        parts.append(f"over {row['seeds']:,} seeds {wording.estimate(over)}")
    return "; ".join(parts)


FILTERS = {
    **{"by_name": by_name, "by_entry": by_entry, "place": place, "with_key": with_key},
    **{"terms": terms, "changes": changes},
    **{"judged": judged, "kinds": kinds, "table": table},
}
