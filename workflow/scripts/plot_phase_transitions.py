"""Draw the three plots of the Thimble 7 notebook: mean and spread, all trajectories, phases.

    python workflow/scripts/plot_phase_transitions.py \\
        --settings '{"title": "Thimble 7", "width_mm": 180, "dpi": 200}' \\
        --table phase_transitions.csv --summary phase_transitions.json \\
        --density phase_transitions_density.safetensors --figure phase_transitions.png
"""

import drawing
from deadtokens.figures import phase_transitions
from deadtokens.files import tables

INPUTS = {
    "table": (tables.read, "CSV: a row per step"),
    "summary": (drawing.json_of(phase_transitions.SUMMARY), "JSON: what happened when"),
    "density": (
        drawing.fields_of(phase_transitions.DENSITY),
        "safetensors: the density of all traces",
    ),
}

if __name__ == "__main__":
    drawing.run(__doc__, phase_transitions.draw, INPUTS)
