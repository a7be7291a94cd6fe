"""Draw how long the still runs of a training run are and where in time they lie.

    python workflow/scripts/plot_stillness.py \\
        --settings '{"title": "Crucible 1", "width_mm": 180, "dpi": 200}' \\
        --table stillness.csv --summary stillness.json --figure stillness.png
"""

from functools import partial

import drawing
from deadtokens.figures import stillness
from deadtokens.files import tables

INPUTS = {
    "table": (partial(tables.read, dtype=int), "CSV: a row per still run"),
    "summary": (drawing.json_of(stillness.SUMMARY), "JSON: their statistics"),
}

if __name__ == "__main__":
    drawing.run(__doc__, stillness.draw, INPUTS)
