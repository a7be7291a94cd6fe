"""Draw when dead tokens freeze: the survival curve, and who stops early.

    python workflow/scripts/plot_freezing.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --survival freezing_survival.csv --summary freezing.json --figure freezing.png
"""

import drawing
from deadtokens.figures import freezing
from deadtokens.files import tables

INPUTS = {
    "survival": (tables.read, "CSV: a row per step"),
    "summary": (drawing.json_of(freezing.SUMMARY), "JSON: who freezes when"),
}

if __name__ == "__main__":
    drawing.run(__doc__, freezing.draw, INPUTS)
