"""Draw the three plots of the Thimble 7 notebook: mean and spread, all trajectories, phases.

    python workflow/scripts/plot_phase_transitions.py \\
        --settings '{"title": "Thimble 7", "width_mm": 180, "dpi": 200}' \\
        --table phase_transitions.csv --summary phase_transitions.json \\
        --density phase_transitions_density.safetensors --figure phase_transitions.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import phase_transitions, pictures, style
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader


def main(options):
    """Read what compute_phase_transitions.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    table = tables.read(options.table)
    summary = json.loads(options.summary.read_text("utf-8"))
    with TrajectoryReader(options.density) as file:
        density = {name: file.read(name) for name in file.fields}
    settings = options.settings
    with command.finished(options.figure) as (figure,), style.applied():
        look = settings["title"], settings["width_mm"]
        drawing = phase_transitions.draw(table, summary, density, *look)
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
