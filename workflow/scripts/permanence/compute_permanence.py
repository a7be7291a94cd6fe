"""Bound the rate of motion by the silences of tokens and elements: how much a long silence proves.

    python workflow/scripts/permanence/compute_permanence.py \\
        --settings '{"motion_threshold": 0.1, "naming": "crucible", "still_for": [10, 100],
        "confidence": 0.95, "block_steps": 10}' \\
        --displacement results/crucible1/displacement.safetensors \\
        --trajectory results/crucible1/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors \\
        --table permanence.csv --summary permanence.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.displacement import patterns
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.freezing import elements, freezing
from deadtokens.permanence import permanence
from deadtokens.recorded.rows import TokenRows, read_dead_mask

SETTINGS = ("motion_threshold", "naming", "still_for", "confidence", "block_steps")
CHUNK_BYTES = 8_000_000


def main(options):
    """How often still tokens and elements move again, and what the last silence bounds."""
    threshold, naming, still_for, *levels = (options.settings[key] for key in SETTINGS)
    rules = permanence.Rules(still_for, *levels)
    dead_mask = read_dead_mask(options.masks)
    with open_reader(options.trajectory) as trajectory, open_reader(options.displacement) as moved:
        rows = TokenRows(trajectory, naming, dead_mask, "dead")
        moved.expect(patterns("l2", "token_ids"))
        shape, (_, weights) = moved.fields["l2"][1], rows.field("W")
        freezing.check(shape, moved.read("token_ids"), weights, rows.token_ids)
        moves = permanence.moving(moved.chunks("l2", CHUNK_BYTES), threshold)
        tokens = permanence.follow(moves, shape[0], still_for)
        of_elements = permanence.follow(elements.changes(rows), shape[0], still_for)
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, permanence.table(tokens, of_elements, rules))
        report = permanence.summary(tokens, of_elements, threshold, rules)
        command.write_json(summary, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("displacement", "trajectory", "masks"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument(
        "--table", type=Path, required=True, help="CSV: a row per octave of steps still"
    )
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: rates and bounds")
    command.run(main, arguments)
