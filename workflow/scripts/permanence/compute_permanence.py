"""Bound the rate of motion by the silences: how much a long silence proves.

    python workflow/scripts/permanence/compute_permanence.py \\
        --settings '{"motion_threshold": 0.1, "still_for": [10, 100], "confidence": 0.95}' \\
        --displacement results/crucible1/displacement.safetensors \\
        --table permanence.csv --summary permanence.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.displacement import patterns
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.permanence import permanence

CHUNK_BYTES = 8_000_000


def main(options):
    """How often still tokens move again, and what the last silence bounds."""
    settings = options.settings
    threshold, confidence = settings["motion_threshold"], settings["confidence"]
    with TrajectoryReader(options.displacement) as file:
        file.expect(patterns("l2"))
        found = permanence.follow(file.chunks("l2", CHUNK_BYTES), threshold)
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, permanence.table(found, confidence))
        command.write_json(
            summary, permanence.summary(found, threshold, settings["still_for"], confidence)
        )


if __name__ == "__main__":
    arguments = command.parser(__doc__, "motion_threshold", "still_for", "confidence")
    arguments.add_argument(
        "--displacement", type=Path, required=True, help="what measure_displacement.py wrote"
    )
    arguments.add_argument(
        "--table", type=Path, required=True, help="CSV: a row per octave of steps still"
    )
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: rates and bounds")
    command.run(main, arguments)
