"""Draw the phase of every token at every step as one picture.

    python workflow/scripts/plot_lifecycle.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table lifecycle.safetensors --summary lifecycle.json --figure lifecycle.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import lifecycle, pictures, style
from deadtokens.files.trajectory import TrajectoryReader


def main(options):
    """Read what compute_lifecycle.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    with TrajectoryReader(options.table) as file:
        table = {name: file.read(name) for name in file.fields}
    summary = json.loads(options.summary.read_text("utf-8"))
    settings = options.settings
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = lifecycle.draw(table, summary, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="safetensors: the phases")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what they mean")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
