"""Draw the critical line, how far tokens are from it, and when they cross it and stop.

    python workflow/scripts/plot_momentum.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table momentum.csv --summary momentum.json --density momentum_density.safetensors \\
        --figure momentum.png
"""

import drawing
from deadtokens.figures import momentum
from deadtokens.files import tables

INPUTS = {
    "table": (tables.read, "CSV: a row per token"),
    "summary": (drawing.json_of(momentum.SUMMARY), "JSON: what was found"),
    "density": (drawing.fields_of(momentum.DENSITY), "safetensors: densities"),
}

if __name__ == "__main__":
    drawing.run(__doc__, momentum.draw, INPUTS)
