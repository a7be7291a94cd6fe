"""Draw when dead tokens freeze: the survival curve, and who stops early.

    python workflow/scripts/plot_freezing.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --survival freezing_survival.csv --summary freezing.json --figure freezing.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import freezing, pictures, style
from deadtokens.files import tables


def main(options):
    """Read what compute_freezing.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    survival = tables.read(options.survival)
    summary = json.loads(options.summary.read_text("utf-8"))
    settings = options.settings
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = freezing.draw(survival, summary, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--survival", type=Path, required=True, help="CSV: a row per step")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: who freezes when")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
