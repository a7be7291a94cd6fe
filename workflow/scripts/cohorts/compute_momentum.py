"""Hold every pending update against half a cell of the lattice: why and when tokens stop.

    python workflow/scripts/cohorts/compute_momentum.py --settings settings.json \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors \\
        --displacement results/crucible2/displacement.safetensors \\
        --table momentum.csv --summary momentum.json \\
        --distance momentum_distance.safetensors --density momentum_density.safetensors

settings.json: the run's update law and record, chosen steps and bins, as the rule passes them.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from functools import partial
from pathlib import Path

from deadtokens.cohorts import momentum, plane, quick_statistics
from deadtokens.cohorts.requirements import why_no_momentum
from deadtokens.displacement import patterns
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.files.trajectory import TrajectoryWriter, write_file
from deadtokens.freezing import freezing
from deadtokens.recorded.requirements import require
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.statistics import density
from deadtokens.update_law import SETTINGS as OF_LAW
from deadtokens.update_law import UpdateLaw

SETTINGS = (
    *("run", *OF_LAW, "naming", "record"),
    *("motion_threshold", "still_for", "chosen_steps", "plane_bins", "density"),
)
CHUNK_BYTES = 16_000_000


def main(options):
    """One pass over the moments; a few more over what is small."""
    wanted, threshold = options.settings, options.settings["motion_threshold"]
    still_for = wanted["still_for"]
    require(why_no_momentum(wanted["run"], wanted))
    law, quantities = UpdateLaw.from_settings(wanted), momentum.QUANTITIES
    outputs = options.table, options.summary, options.distance, options.density
    with open_reader(options.trajectory) as file, open_reader(options.displacement) as moved:
        tokens = TokenRows(file, wanted["naming"], read_dead_mask(options.masks), "dead")
        moved.expect(patterns("l2"))
        shapes = {name: tokens.field(name)[1] for name in quantities}
        momentum.check(shapes, moved.fields["l2"][1], law.steps)
        last = freezing.last_motion(moved.chunks("l2", CHUNK_BYTES), threshold)
        chosen = plane.chosen_steps(wanted["chosen_steps"], law.steps)
        read = partial(tokens.step, quantities=quantities)
        planes, plane_steps = plane.planes(read, chosen, law, wanted["plane_bins"])
        bins = density.Bins.over(law.steps, **wanted["density"])
        with command.finished(*outputs) as (table, summary, distance, dense):
            with TrajectoryWriter(distance, momentum.distance_fields(law.steps, len(last))) as rows:
                progress = command.Progress(law.steps, unit="step")
                run = tokens.steps(quantities, CHUNK_BYTES)
                trace = momentum.follow(run, last, law, bins, rows.write_row, still_for, progress)
            tables.write(table, momentum.table(tokens.token_ids, trace, law.steps, still_for))
            write_file(dense, planes | density.fields(trace.density, bins))
            report = momentum.summary(trace, plane_steps, law.steps, threshold, still_for)
            report["quick_statistics"] = quick_statistics.figures(tokens, moved, last, CHUNK_BYTES)
            command.write_json(summary, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    files = "trajectory", "masks", "displacement", "table", "summary", "distance", "density"
    for name in files:
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
