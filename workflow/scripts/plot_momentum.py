"""Draw the critical line, how far tokens are from it, and when they cross it and stop.

    python workflow/scripts/plot_momentum.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table momentum.csv --summary momentum.json --density momentum_density.safetensors \\
        --figure momentum.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import momentum, pictures, style
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader


def main(options):
    """Read what compute_momentum.py wrote; png, svg or pdf by the figure's extension."""
    kind, settings = pictures.kind_of(options.figure), options.settings
    table = tables.read(options.table)
    summary = json.loads(options.summary.read_text("utf-8"))
    with TrajectoryReader(options.density) as file:
        density = {name: file.read(name) for name in file.fields}
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = momentum.draw(table, summary, density, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per token")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what was found")
    arguments.add_argument("--density", type=Path, required=True, help="safetensors: densities")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
