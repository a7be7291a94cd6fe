"""Draw how aligned dead tokens' gradients are, and the test of their cohorts.

    python workflow/scripts/plot_gradients.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table gradients.csv --summary gradients.json \\
        --figure gradients.png
"""

import drawing
from deadtokens.figures import gradients
from deadtokens.files import tables

INPUTS = {
    "table": (tables.read, "CSV: a row per step"),
    "summary": (drawing.json_of(gradients.SUMMARY), "JSON: what was found"),
}

if __name__ == "__main__":
    drawing.run(__doc__, gradients.draw, INPUTS)
