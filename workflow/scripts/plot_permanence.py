"""Draw how often a token that has been still moves again, with upper bounds.

    python workflow/scripts/plot_permanence.py \\
        --settings '{"title": "Crucible 1", "width_mm": 180, "dpi": 200}' \\
        --table permanence.csv --summary permanence.json --figure permanence.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import permanence, pictures, style
from deadtokens.files import tables


def main(options):
    """Read what compute_permanence.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    table = tables.read(options.table)
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
