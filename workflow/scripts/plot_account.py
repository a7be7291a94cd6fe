"""Draw what made updates shrink, how many rounding swallows, and the forecast beside what happened.

    python workflow/scripts/plot_account.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table account.csv --tokens account_tokens.csv --summary account.json \\
        --figure account.png
"""

import csv
import json
from pathlib import Path

import numpy as np

import command
from deadtokens.figures import account, pictures, style


def main(options):
    """Read what compute_account.py wrote; png, svg or pdf by the figure's extension."""
    kind, settings = pictures.kind_of(options.figure), options.settings
    summary = json.loads(options.summary.read_text("utf-8"))
    tables = columns(options.table), columns(options.tokens)
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = account.draw(*tables, summary, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


def columns(path):
    """A table of numbers, by the names of its columns."""
    with open(path, newline="", encoding="utf-8") as lines:
        names, *rows = csv.reader(lines)
    return dict(zip(names, np.array(rows, dtype=float).T, strict=True))


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per step")
    arguments.add_argument("--tokens", type=Path, required=True, help="CSV: a row per token")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what was found")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
