"""Draw the phase of every token at every step as one picture.

    python workflow/scripts/plot_lifecycle.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table lifecycle.safetensors --summary lifecycle.json --figure lifecycle.png
"""

import drawing
from deadtokens.figures import lifecycle

INPUTS = {
    "table": (drawing.fields_of(lifecycle.TABLE), "safetensors: the phases"),
    "summary": (drawing.json_of(lifecycle.SUMMARY), "JSON: what they mean"),
}

if __name__ == "__main__":
    drawing.run(__doc__, lifecycle.draw, INPUTS)
