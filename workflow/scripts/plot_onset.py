"""Draw when the arms of an onset freeze, how far they move, and what makes the freeze go away.

    python workflow/scripts/plot_onset.py \\
        --settings '{"title": "Crucible", "width_mm": 180, "dpi": 200}' \\
        --table onset.csv --summary onset.json --figure onset.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import onset, pictures, style
from deadtokens.files import tables


def main(options):
    """Read what compute_onset.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    rows = tables.read_rows(options.table)
    summary = json.loads(options.summary.read_text("utf-8"))
    settings = options.settings
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = onset.draw(rows, summary, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per arm and bin")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: the effects")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
