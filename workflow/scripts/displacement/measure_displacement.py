"""Measure how far every dead token (or live one, or every token) moved at every step.

    python workflow/scripts/displacement/measure_displacement.py \\
        --settings '{"naming": "crucible", "population": "dead"}' \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors --displacement displacement.safetensors
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens import displacement
from deadtokens.files.storage import open_reader
from deadtokens.recorded.rows import TokenRows, read_dead_mask


def main(options):
    """One pass over the weights, in chunks of time."""
    naming, population = options.settings["naming"], options.settings["population"]
    dead_mask = read_dead_mask(options.masks)
    with (
        open_reader(options.trajectory) as trajectory,
        command.finished(options.displacement) as (path,),
    ):
        rows = TokenRows(trajectory, naming, dead_mask, population)
        steps, _, _ = displacement.movement_shape(rows)
        displacement.measure(rows, path, command.Progress(steps, unit="step"))


if __name__ == "__main__":
    arguments = command.parser(__doc__, "naming", "population")
    arguments.add_argument(
        "--trajectory", type=Path, required=True, help="with bfloat16 weights, of any series"
    )
    arguments.add_argument(
        "--masks", type=Path, required=True, help="which tokens of its corpus are dead"
    )
    arguments.add_argument(
        "--displacement", type=Path, required=True, help="the file of norms to write"
    )
    command.run(main, arguments)
