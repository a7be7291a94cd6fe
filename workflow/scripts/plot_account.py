"""Draw what made updates shrink, how many rounding swallows, and the forecast beside what happened.

    python workflow/scripts/plot_account.py \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table account.csv --tokens account_tokens.csv --summary account.json \\
        --figure account.png
"""

import drawing
from deadtokens.figures import account
from deadtokens.files import tables

INPUTS = {
    "table": (tables.read, "CSV: a row per step"),
    "tokens": (tables.read, "CSV: a row per token"),
    "summary": (drawing.json_of(account.SUMMARY), "JSON: what was found"),
}

if __name__ == "__main__":
    drawing.run(__doc__, account.draw, INPUTS)
