"""Set runs side by side, and beside the published figures: a Markdown table.

    python workflow/scripts/compare_runs.py --published workflow/report/published.json \\
        --summaries results/crucible2/summary.json --table comparison.md
"""

import json
from pathlib import Path

import command
from deadtokens.analysis import comparison


def main(options):
    published = json.loads(options.published.read_text("utf-8"))
    summaries = {
        path.parent.name: json.loads(path.read_text("utf-8")) for path in options.summaries
    }
    with command.finished(options.table) as (path,):
        path.write_text(comparison.markdown(published, summaries), encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--published", type=Path, required=True)
    arguments.add_argument("--summaries", type=Path, nargs="+", required=True)
    arguments.add_argument("--table", type=Path, required=True)
    command.run(main, arguments)
