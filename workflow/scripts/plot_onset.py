"""Draw when the arms of an onset freeze, how far they move, and what makes the freeze go away.

    python workflow/scripts/plot_onset.py \\
        --settings '{"title": "Crucible", "width_mm": 180, "dpi": 200}' \\
        --table onset.csv --summary onset.json --figure onset.png
"""

from functools import partial

import drawing
from deadtokens.figures import onset
from deadtokens.files import tables

INPUTS = {
    "table": (partial(tables.read_rows, text=onset.TEXT), "CSV: a row per arm and bin"),
    "summary": (drawing.json_of(onset.SUMMARY), "JSON: the effects"),
}

if __name__ == "__main__":
    drawing.run(__doc__, onset.draw, INPUTS)
