"""Draw how long the still runs of a training run are and where in time they lie.

    python workflow/scripts/plot_stillness.py \\
        --settings '{"title": "Crucible 1", "width_mm": 180, "dpi": 200}' \\
        --table stillness.csv --summary stillness.json --figure stillness.png
"""

import csv
import json
from pathlib import Path

import numpy as np

import command
from deadtokens.figures import pictures, stillness, style


def main(options):
    """Read what compute_stillness.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    with open(options.table, newline="", encoding="utf-8") as lines:
        names, *rows = csv.reader(lines)
    columns = np.array(rows, dtype=np.int64).reshape(-1, len(names)).T
    table = dict(zip(names, columns, strict=True))
    summary = json.loads(options.summary.read_text("utf-8"))
    settings = options.settings
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = stillness.draw(table, summary, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per still run")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: their statistics")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
