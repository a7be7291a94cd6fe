"""Set runs beside the published figures, a line per run: a Markdown table.

    python workflow/scripts/compare_with_published.py \\
        --published workflow/report/published.json \\
        --summaries results/crucible2/summary.json --table published.md
"""

import json
from pathlib import Path

import command
from deadtokens.analysis import published


def main(options):
    known = json.loads(options.published.read_text("utf-8"))
    summaries = {
        path.parent.name: json.loads(path.read_text("utf-8")) for path in options.summaries
    }
    with command.finished(options.table) as (path,):
        path.write_text(published.markdown(known, summaries), encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--published", type=Path, required=True)
    arguments.add_argument("--summaries", type=Path, nargs="+", required=True)
    arguments.add_argument("--table", type=Path, required=True)
    command.run(main, arguments)
