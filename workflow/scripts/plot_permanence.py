"""Draw how often a token that has been still moves again, with upper bounds.

    python workflow/scripts/plot_permanence.py \\
        --settings '{"title": "Crucible 1", "width_mm": 180, "dpi": 200}' \\
        --table permanence.csv --summary permanence.json --figure permanence.png
"""

import csv
import json
from pathlib import Path

import numpy as np

import command
from deadtokens.figures import permanence, pictures, style


def main(options):
    """Read what compute_permanence.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    with open(options.table, newline="", encoding="utf-8") as lines:
        names, *rows = csv.reader(lines)
    columns = np.array(rows, dtype=np.float64).reshape(-1, len(names)).T
    table = dict(zip(names, columns, strict=True))
    summary = json.loads(options.summary.read_text("utf-8"))
    settings = options.settings
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = permanence.draw(table, summary, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per octave")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: rates and bounds")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
