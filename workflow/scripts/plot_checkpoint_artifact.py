"""Draw resumed runs beside the continuous one, and what their kick is made of.

    python workflow/scripts/plot_checkpoint_artifact.py \\
        --settings '{"title": "Wordybird", "width_mm": 180, "dpi": 200}' \\
        --table checkpoint_artifact.csv --summary checkpoint_artifact.json --figure artifact.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import checkpoint_artifact, pictures, style
from deadtokens.files import tables


def main(options):
    """Read what compute_checkpoint_artifact.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    rows = tables.read_rows(options.table)
    summary = json.loads(options.summary.read_text("utf-8"))
    settings = options.settings
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = checkpoint_artifact.draw(rows, summary, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per step")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what the kick is")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
