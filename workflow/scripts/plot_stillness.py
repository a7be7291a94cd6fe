"""Draw how long the still runs of a training run are and where in time they lie.

    python workflow/scripts/plot_stillness.py \\
        --settings '{"title": "Crucible 1", "width_mm": 180, "dpi": 200}' \\
        --table stillness.csv --summary stillness.json --figure stillness.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import pictures, stillness, style
from deadtokens.files import tables


def main(options):
    """Read what compute_stillness.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    table = tables.read(options.table, int)
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
