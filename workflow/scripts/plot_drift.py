"""Draw h_mean's persistence, both clouds, the angles between them, and the tokens it points at.

    python workflow/scripts/plot_drift.py \\
        --settings '{"title": "Crucible 3", "width_mm": 180, "dpi": 200}' --table drift.csv \\
        --autocorrelation autocorrelation.csv --tokens tokens.csv --summary drift.json \\
        --figure drift.png
"""

from functools import partial

import drawing
from deadtokens.figures import drift
from deadtokens.files import tables

read = partial(tables.read, text=("by", "token", "script", "cloud"))

INPUTS = {
    "table": (read, "CSV: a row per state"),
    "autocorrelation": (read, "CSV: by lag"),
    "tokens": (read, "CSV: what h_mean points at"),
    "summary": (drawing.json_of(drift.SUMMARY), "JSON: all in short"),
}

if __name__ == "__main__":
    drawing.run(__doc__, drift.draw, INPUTS)
