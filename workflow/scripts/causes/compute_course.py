"""Count how many tokens, and how many of their elements, move at every step of a run.

    python workflow/scripts/causes/compute_course.py --settings course.json \\
        --trajectories results/crucible1/trajectory.safetensors \\
        --displacements results/crucible1/displacement.safetensors \\
        --masks results/corpora/flannel/masks.safetensors --table course.csv

`segments` in the settings lists the runs of the course: the run alone, or first the one that it was
resumed from. A trajectory and a displacement belong to each, in this order.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
import contextlib
from pathlib import Path

from deadtokens.causes import course
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.recorded.rows import TokenRows, read_dead_mask


def main(options):
    """A row per step."""
    settings = options.settings
    course.check_number("trajectories", options.trajectories, settings["segments"])
    course.check_number("displacements", options.displacements, settings["segments"])
    dead_mask = read_dead_mask(options.masks)
    given = zip(settings["segments"], options.trajectories, options.displacements, strict=True)
    with contextlib.ExitStack() as files:
        segments = []
        for of, trajectory, displacement in given:
            file = files.enter_context(open_reader(trajectory))
            motion = files.enter_context(TrajectoryReader(displacement))
            rows = TokenRows(file, of["naming"], dead_mask, "dead")
            steps = of["last_step"] - of["first_step"] + 1
            segments.append(course.Segment(rows, motion, steps))
        course.check(segments)
        table = course.table(segments, settings["motion_threshold"], settings["still_for"])
    with command.finished(options.table) as (path,):
        tables.write(path, table)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "segments", "motion_threshold", "still_for")
    for name in ("trajectories", "displacements"):
        arguments.add_argument(f"--{name}", type=Path, nargs="+", required=True)
    for name in ("masks", "table"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
