"""Find the runs of steps in which no dead token (or live one, or none at all) moves.

    python workflow/scripts/permanence/compute_stillness.py \\
        --settings '{"motion_threshold": 0.1, "still_for": 100, "population": "dead"}' \\
        --displacement results/crucible1/displacement.safetensors \\
        --table stillness.csv --summary stillness.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.displacement import patterns
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.permanence import stillness
from deadtokens.phases import phases

SETTINGS = ("motion_threshold", "still_for", "population")
CHUNK_BYTES = 8_000_000


def main(options):
    """A table of all runs and their statistics."""
    threshold, still_for, population = (options.settings[key] for key in SETTINGS)
    with TrajectoryReader(options.displacement) as file:
        file.expect(patterns("l2"))
        _, n_tokens = file.fields["l2"][1]
        n_moving = phases.count_moving(file.chunks("l2", CHUNK_BYTES), threshold)
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, stillness.table(*stillness.runs(n_moving)))
        report = stillness.summary(n_moving, n_tokens, threshold, still_for, population)
        command.write_json(summary, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    arguments.add_argument(
        "--displacement", type=Path, required=True, help="what measure_displacement.py wrote"
    )
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per still run")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: their statistics")
    command.run(main, arguments)
