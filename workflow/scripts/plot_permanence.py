"""Draw how often a token that has been still moves again, with upper bounds.

    python workflow/scripts/plot_permanence.py \\
        --settings '{"title": "Crucible 1", "width_mm": 180, "dpi": 200}' \\
        --table permanence.csv --summary permanence.json --figure permanence.png
"""

import drawing
from deadtokens.figures import permanence
from deadtokens.files import tables

INPUTS = {
    "table": (tables.read, "CSV: a row per octave"),
    "summary": (drawing.json_of(permanence.SUMMARY), "JSON: rates and bounds"),
}

if __name__ == "__main__":
    drawing.run(__doc__, permanence.draw, INPUTS)
