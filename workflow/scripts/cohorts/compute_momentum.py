"""Hold every pending update against half a cell of the lattice: why and when tokens stop.

    python workflow/scripts/cohorts/compute_momentum.py --settings settings.json \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --displacement results/crucible2/displacement.safetensors \\
        --table momentum.csv --summary momentum.json \\
        --distance momentum_distance.safetensors --density momentum_density.safetensors

settings.json: the run's optimizer and schedule, chosen steps and bins, as the rule passes them.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from functools import partial
from pathlib import Path

from deadtokens.cohorts import critical, momentum, plane, quick_statistics
from deadtokens.displacement import patterns
from deadtokens.files import alongside, tables
from deadtokens.files.storage import open_reader
from deadtokens.files.trajectory import TrajectoryWriter, write_file
from deadtokens.freezing import freezing
from deadtokens.statistics import density

SETTINGS = ("optimizer", "schedule", "motion_threshold", "chosen_steps", "plane_bins", "density")
CHUNK_BYTES = 16_000_000


def main(options):
    """One pass over the moments; a few more over what is small."""
    wanted, threshold = options.settings, options.settings["motion_threshold"]
    adam = critical.Adam(critical.learning_rates(**wanted["schedule"]), **wanted["optimizer"])
    steps = len(adam.learning_rates)
    outputs = options.table, options.summary, options.distance, options.density
    with open_reader(options.trajectory) as file, open_reader(options.displacement) as moved:
        file.expect(momentum.PATTERNS)
        moved.expect(patterns("l2"))
        shapes = [file.fields[name][1] for name in ("W", "m", "v", "dead_indices")]
        momentum.check(*shapes, moved.fields["l2"][1], steps)
        last = freezing.last_motion(moved.chunks("l2", CHUNK_BYTES), threshold)
        chosen = plane.chosen_steps(wanted["chosen_steps"], steps)
        planes, told = plane.planes(partial(alongside.at, file), chosen, adam, wanted["plane_bins"])
        bins = density.Bins.over(steps, **wanted["density"])
        with command.finished(*outputs) as (table, summary, distance, dense):
            with TrajectoryWriter(distance, momentum.distance_fields(steps, len(last))) as rows:
                progress = command.Progress(steps, unit="step")
                chunks = alongside.weights_and_moments(file, CHUNK_BYTES)
                trace = momentum.follow(chunks, last, adam, bins, rows.write_row, progress)
            tables.write(table, momentum.table(file.read("dead_indices"), trace))
            write_file(dense, planes | density.fields(trace.density, bins))
            report = momentum.summary(trace, told, steps, threshold)
            report["quick_statistics"] = quick_statistics.figures(file, moved, last, CHUNK_BYTES)
            command.write_json(summary, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "displacement", "table", "summary", "distance", "density"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
