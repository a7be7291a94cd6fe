"""Draw the phases of dead tokens: fractions, spread and density of all traces, on both scales.

    python workflow/scripts/plot_phases.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table phases.csv --summary phases.json --density phases_density.safetensors \\
        --figure phases.png
"""

import drawing
from deadtokens.figures import phases
from deadtokens.files import tables

INPUTS = {
    "table": (tables.read, "CSV: a row per step"),
    "summary": (drawing.json_of(phases.SUMMARY), "JSON: what happened when"),
    "density": (drawing.fields_of(phases.DENSITY), "safetensors: the density of all traces"),
}

if __name__ == "__main__":
    drawing.run(__doc__, phases.draw, INPUTS)
