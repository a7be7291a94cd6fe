"""The page of verdicts: every chapter of the story with its questions and how they were judged."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from deadtokens.files.documents import NUMBER, STEP, Maybe
from deadtokens.report import html
from deadtokens.report.verdicts import KINDS, VERDICT_WORDS, had_no_run

# Words distinguish verdicts; the colours, distinct for every kind of colour blindness, only help.
COLOURS = {
    **{"supported": "#1f5fa8", "contradicted": "#b5301f", "undecided": "#5f5f5f"},
    "by_construction": "#8a6d1a",
}
STYLE = "".join(
    f".fimbulwinter .{verdict} {{ color: white; background: {colour}; border-radius: 0.3em; "
    "padding: 0.1em 0.5em; font-weight: 600; white-space: nowrap; }\n"
    for verdict, colour in COLOURS.items()
)
TEXTS = ("chapter", "verdict", "question", "notebook", "rule", "kind")
OPTIONAL_TEXTS = ("unit", "reason", "run", "statistic", "rule_since", "first_run")
VERDICT = {
    **dict.fromkeys(TEXTS, str),
    **dict.fromkeys(OPTIONAL_TEXTS, Maybe(str)),
    **{"value": Any, "low": NUMBER, "high": NUMBER},  # the value may be a truth value, too
    **{"seeds": STEP, "seeds_never": STEP},
    **dict.fromkeys(("seeds_mean", "seeds_low", "seeds_high"), NUMBER),
}
# What is shown of verdicts.json.
VERDICTS = {
    "counts": {str: int},
    "counts_by_kind": {str: {str: int}},
    "chapters": {str: {"title": str, "text": str}},
    "verdicts": [VERDICT],
}
HEADER = ("verdict", "question", "what was found", "judged by")
# Of one rule.
KIND_WORDS = {
    "fixed_before": "fixed before the first run that it judges",
    "changed_after": "written or changed after a run that it judges was seen",
    "by_construction": "follows from the definitions",
}


def page(found: Mapping) -> str:
    """The page as HTML. found: what judge_questions.py writes, see docs/formats.md."""
    rows = found["verdicts"]
    count = f"{len(rows)} questions and hypotheses of the published notebooks"
    parts = [html.paragraph(f"{count}: {in_words(found['counts'])}.")]
    parts += [html.paragraph(line) for line in by_kind(found["counts_by_kind"])]
    for name, chapter in found["chapters"].items():
        own = [row for row in rows if row["chapter"] == name]
        if own:
            parts += [html.heading(chapter["title"]), html.paragraph(chapter["text"])]
            parts += _questions(own)
    return html.page(STYLE, *parts)


def _questions(rows: Sequence[Mapping]) -> list[str]:
    """A table of those that a run answers; another, folded away, of those that had no run."""
    idle = [row for row in rows if had_no_run(row)]
    busy = [row for row in rows if not had_no_run(row)]
    parts = [_table(busy)] if busy else []
    if idle:
        more = "1 question" if len(idle) == 1 else f"{len(idle)} questions"
        parts.append(html.folded(f"{more} that no run of this report answers", _table(idle)))
    return parts


def _table(rows: Sequence[Mapping]) -> str:
    return html.table(pd.DataFrame(map(_cells, rows), columns=HEADER))


def in_words(counts: Mapping[str, int]) -> str:
    """How many questions got each verdict."""
    return ", ".join(f"{number} {VERDICT_WORDS[verdict]}" for verdict, number in counts.items())


def by_kind(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A line for each kind of rule that there is: how many, and their verdicts."""
    return [
        f"Rules that {'were ' * (kind != 'by_construction')}{words}: "
        f"{sum(counts[kind].values())} ({in_words(counts[kind])})."
        for kind, words in KINDS.items()
        if sum(counts[kind].values())
    ]


def dated(row: Mapping) -> str:
    """Of which kind a rule is, its date, and that of the first run that it judges."""
    dates = [
        f"{words} {row[key]}"
        for key, words in (("rule_since", "rule of"), ("first_run", "first run"))
        if row[key]
    ]
    return _capital(KIND_WORDS[row["kind"]]) + (f" ({', '.join(dates)})" if dates else "")


def _cells(row: Mapping) -> tuple[str, ...]:
    verdict = f'<span class="{row["verdict"]}">{VERDICT_WORDS[row["verdict"]]}</span>'
    question = f"{escape(row['question'])}<small>{escape(row['notebook'])}</small>"
    rule = f"{escape(_capital(row['rule']))}<small>{escape(dated(row))}</small>"
    return verdict, question, _found(row), rule


def _found(row: Mapping) -> str:
    """Value, interval, what it is of; the reason if there is none."""
    lines = []
    if row["value"] is not None:
        line = f"<b>{number(row['value'])}</b> {escape(row['unit'])}"
        if row["low"] is not None:
            line += f" <span>[{number(row['low'])}, {number(row['high'])}]</span>"
        lines.append(line)
    if row["reason"]:
        lines.append(escape(_capital(row["reason"])) + ".")
    if row["seeds"]:
        lines.append(_over_seeds(row))
    where = f" ({row['run']})" if row["run"] else ""
    if row["statistic"]:
        lines.append(f"<small>{escape(_capital(row['statistic']) + where)}</small>")
    return "<br>".join(lines)


def _over_seeds(row: Mapping) -> str:
    """Mean and interval of the statistic over random seeds, or at how many it is undefined."""
    if row["seeds_never"]:
        return f"Undefined at {row['seeds_never']:,} of {row['seeds']:,} random seeds."
    ends = f" [{number(row['seeds_low'])}, {number(row['seeds_high'])}]"
    interval = ends if row["seeds_low"] is not None else ""
    return f"Mean over {row['seeds']:,} random seeds: {number(row['seeds_mean'])}{interval}."


def number(value: float | bool) -> str:
    """For people: whole numbers whole, others to three digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{value:,.0f}"
    if 0.001 <= abs(value) < 1e6:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    digits, power = f"{value:.2e}".split("e")
    return f"{digits} · 10<sup>{int(power)}</sup>"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
