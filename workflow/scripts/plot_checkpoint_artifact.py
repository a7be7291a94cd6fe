"""Draw resumed runs beside the continuous one, and what their kick is made of.

    python workflow/scripts/plot_checkpoint_artifact.py \\
        --settings '{"title": "Wordybird", "width_mm": 180, "dpi": 200}' \\
        --table checkpoint_artifact.csv --summary checkpoint_artifact.json --figure artifact.png
"""

from functools import partial

import drawing
from deadtokens.figures import checkpoint_artifact
from deadtokens.files import tables

INPUTS = {
    "table": (partial(tables.read_rows, text=checkpoint_artifact.TEXT), "CSV: a row per step"),
    "summary": (drawing.json_of(checkpoint_artifact.SUMMARY), "JSON: what the kick is"),
}

if __name__ == "__main__":
    drawing.run(__doc__, checkpoint_artifact.draw, INPUTS)
