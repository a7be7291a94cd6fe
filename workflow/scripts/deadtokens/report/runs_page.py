"""The page of runs: what came out of each, beside the published figures."""

from collections.abc import Mapping
from html import escape, unescape

from deadtokens.comparison import published
from deadtokens.report import html

TOLD = (
    "A line per run, below the figures that its notebook published. Freezing is when tokens move "
    "for the last time; a run in which some still move at its end says so."
)


def page(known: Mapping[str, Mapping], summaries: Mapping[str, Mapping]) -> str:
    """The page as HTML. known: published figures by experiment; summaries: summary.json by run."""
    head, *rows = published.table(known, summaries)
    cells = [[escape(unescape(cell)) for cell in row] for row in rows]
    table = html.table(map(unescape, head), cells)
    return html.page("", html.heading("Runs"), html.paragraph(TOLD), table)
