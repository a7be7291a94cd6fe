"""Draw how aligned dead tokens' gradients are, and the test of their cohorts.

    python workflow/scripts/plot_gradients.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table gradients.csv --summary gradients.json \\
        --figure gradients.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import gradients, pictures, style
from deadtokens.files import tables


def main(options):
    """Read what compute_gradients.py wrote; png, svg or pdf by the figure's extension."""
    kind, settings = pictures.kind_of(options.figure), options.settings
    table = tables.read(options.table)
    summary = json.loads(options.summary.read_text("utf-8"))
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = gradients.draw(table, summary, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per step")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what was found")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
