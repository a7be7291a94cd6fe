"""The page of runs: what came out of each, beside the published figures."""

from collections.abc import Mapping
from html import escape

from deadtokens.comparison import published
from deadtokens.report import html

EXPLANATION = (
    "A line per run, below the figures that its notebook published. Freezing is when tokens move "
    "for the last time, of those that stay still for a time then (freezing.still_for); “after” "
    "says that the run does not show it."
)


def page(known: Mapping[str, Mapping], summaries: Mapping[str, Mapping]) -> str:
    """The page as HTML. known: published figures by experiment; summaries: summary.json by run."""
    table = html.table(published.table(known, summaries).map(escape))
    return html.page("", html.heading("Runs"), html.paragraph(EXPLANATION), table)
