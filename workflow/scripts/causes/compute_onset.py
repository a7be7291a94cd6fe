"""Set arms of runs beside their reference: when tokens freeze, and what makes the freeze go away.

    python workflow/scripts/causes/compute_onset.py --settings onset.json \\
        --displacements results/onset_published/displacement.safetensors ... \\
        --second-moments results/onset_published/second_moment.csv ... \\
        --table onset.csv --summary onset.json

`arms` in the settings lists the runs of each arm; a displacement belongs to each, in this order,
and a second moment to each whose `second_moment` is true.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.causes import onset, onset_arms, onset_summary
from deadtokens.displacement import patterns
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader

CHUNK_BYTES = 8_000_000


def main(options):
    """A row per arm and bin of steps; what came out of each arm, and the effects."""
    settings = options.settings
    displacements, of_moments = iter(options.displacements), iter(options.second_moments)
    courses, moments = {}, {}
    runs = [run for arm in settings["arms"] for run in arm["runs"]]
    onset_summary.check_number("displacements", options.displacements, runs)
    telling = [run for run in runs if run["second_moment"]]
    onset_summary.check_number("second moments", options.second_moments, telling)
    _check(options.displacements)
    for arm in settings["arms"]:
        name, runs = arm["arm"], arm["runs"]
        threshold = settings["motion_threshold"]
        courses[name] = [_course(next(displacements), run["elements"], threshold) for run in runs]
        known = [run for run in runs if run["second_moment"]]
        moments[name] = [_moment(next(of_moments), settings["from_step"]) for _ in known]
    by_arm = onset_arms.table(courses, settings["bin_steps"])
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, by_arm)
        command.write_json(summary, onset_summary.summary(settings, courses, moments))


def _check(paths):
    tokens, steps = {}, {}
    for path in paths:
        with TrajectoryReader(path) as file:
            file.expect(patterns(*onset.FIELDS, "token_ids"))
            tokens[str(path)], steps[str(path)] = file.read("token_ids"), file.fields["l2"][1][0]
    onset.check(tokens, steps)


def _course(path, elements, threshold):
    with TrajectoryReader(path) as file:
        return onset.course(lambda name: file.chunks(name, CHUNK_BYTES), elements, threshold)


def _moment(path, from_step):
    return onset_arms.second_moment(tables.read(path, onset_arms.OF_SECOND_MOMENT), from_step)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "arms", *onset_summary.RULES)
    arguments.add_argument("--displacements", type=Path, nargs="+", required=True)
    arguments.add_argument("--second-moments", type=Path, nargs="*", default=[])
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per arm and bin")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: the effects")
    command.run(main, arguments)
