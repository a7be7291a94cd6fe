"""Draw h_mean's persistence, both clouds, the angles between them, and the tokens it points at.

    python workflow/scripts/plot_drift.py \\
        --settings '{"title": "Crucible 3", "width_mm": 180, "dpi": 200}' --table drift.csv \\
        --autocorrelation autocorrelation.csv --tokens tokens.csv --summary drift.json \\
        --figure drift.png
"""

import json
from pathlib import Path

import command
from deadtokens.figures import drift, pictures, style
from deadtokens.files import tables

OF_TEXT = ("by", "token", "script", "cloud")


def main(options):
    """Read what compute_drift.py wrote; png, svg or pdf by the figure's extension."""
    kind = pictures.kind_of(options.figure)
    paths = options.table, options.autocorrelation, options.tokens
    found = (tables.read(path, text=OF_TEXT) for path in paths)
    summary = json.loads(options.summary.read_text("utf-8"))
    settings = options.settings
    with command.finished(options.figure) as (figure,), style.applied():
        drawing = drift.draw(*found, summary, settings["title"], settings["width_mm"])
        style.save(drawing, figure, kind, settings["dpi"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "title", "width_mm", "dpi")
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per state")
    arguments.add_argument("--autocorrelation", type=Path, required=True, help="CSV: by lag")
    arguments.add_argument("--tokens", type=Path, required=True, help="CSV: what h_mean points at")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: all in short")
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(main, arguments)
