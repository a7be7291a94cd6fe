"""Set runs beside the published figures, a line per run: a Markdown table.

    python workflow/scripts/comparison/compare_with_published.py \\
        --published workflow/report/published.json \\
        --summaries results/crucible2/summary.json --table published.md
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.comparison import published, summary
from deadtokens.files import documents


def main(options):
    known = documents.read(options.published, summary.PUBLISHED)
    summaries = documents.by_folder(options.summaries, summary.SUMMARY)
    with documents.fitting(options.published, *options.summaries):
        text = published.markdown(known, summaries)
    with command.finished(options.table) as (path,):
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--published", type=Path, required=True)
    arguments.add_argument("--summaries", type=Path, nargs="+", required=True)
    arguments.add_argument("--table", type=Path, required=True)
    command.run(main, arguments)
