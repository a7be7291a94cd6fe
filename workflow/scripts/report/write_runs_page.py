"""Write what came out of every run, beside the published figures, as a page of the report.

    python workflow/scripts/report/write_runs_page.py --published workflow/report/published.json \\
        --summaries results/crucible1/summary.json --page runs.html
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.comparison import summary
from deadtokens.files import documents
from deadtokens.report import runs_page


def main(options):
    known = documents.read(options.published, summary.PUBLISHED)
    summaries = documents.by_folder(options.summaries, summary.SUMMARY)
    with documents.fitting(options.published, *options.summaries):
        text = runs_page.page(known, summaries)
    with command.finished(options.page) as (page,):
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--published", type=Path, required=True)
    arguments.add_argument("--summaries", type=Path, nargs="+", required=True)
    arguments.add_argument("--page", type=Path, required=True, help="HTML to write")
    command.run(main, arguments)
