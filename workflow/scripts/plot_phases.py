"""Draw the phases of dead tokens: fractions, spread and density of all traces, on both scales.

    python workflow/scripts/plot_phases.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table phases.csv --summary phases.json --density phases_density.safetensors \\
        --figure phases.png
"""

import json
from pathlib import Path

import command
from deadtokens.errors import UserError
from deadtokens.figures import phases, style
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader


def main(options):
    """Read what classify_phases.py wrote; png, svg or pdf by the figure's extension."""
    kind = options.figure.suffix.lstrip(".").lower()
    if kind not in style.NO_METADATA:
        known = ", ".join(f".{name}" for name in style.NO_METADATA)
        raise UserError(f"{options.figure}: no such kind of picture; known are {known}.")
    table = tables.read(options.table)
    summary = json.loads(options.summary.read_text("utf-8"))
    with TrajectoryReader(options.density) as file:
        density = {name: file.read(name) for name in file.fields}
    settings = options.settings
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = phases.draw(table, summary, density, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per step")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what happened when")
    arguments.add_argument(
        "--density", type=Path, required=True, help="safetensors: the density of all traces"
    )
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
