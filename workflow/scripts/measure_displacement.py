"""Measure how far every token moved at every step of a trajectory.

    python workflow/scripts/measure_displacement.py \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --displacement displacement.safetensors
"""

from pathlib import Path

import command
from deadtokens import displacement
from deadtokens.files.storage import open_reader


def main(options):
    """One pass over the weights, in chunks of time."""
    with (
        open_reader(options.trajectory) as trajectory,
        command.finished(options.displacement) as (path,),
    ):
        steps, _, _ = displacement.movement_shape(trajectory)
        displacement.measure(trajectory, path, command.Progress(steps, unit="step"))


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument(
        "--trajectory", type=Path, required=True, help="with the weights W as bfloat16 bit patterns"
    )
    arguments.add_argument(
        "--displacement", type=Path, required=True, help="the file of norms to write"
    )
    command.run(main, arguments)
