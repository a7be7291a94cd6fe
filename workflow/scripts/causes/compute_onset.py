"""Set arms of runs beside their reference: when tokens come to rest, and what changes that.

    python workflow/scripts/causes/compute_onset.py --settings onset.json \\
        --courses results/crucible1/course.csv ... \\
        --second-moments results/onset_published_moments/second_moment.csv ... \\
        --table onset.csv --summary onset.json

`arms` in the settings lists the runs of each arm; a course belongs to each, in this order, and a
second moment to each whose `second_moment` is true.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.causes import onset, onset_arms, onset_summary
from deadtokens.causes.course import COLUMNS, check_number
from deadtokens.files import tables


def main(options):
    """A row per arm and bin of steps; what came out of each arm, and the effects."""
    settings = options.settings
    runs = [run for arm in settings["arms"] for run in arm["runs"]]
    check_number("courses", options.courses, runs)
    telling = [run for run in runs if run["second_moment"]]
    check_number("second moments", options.second_moments, telling)
    given = {str(path): tables.read(path, COLUMNS) for path in options.courses}
    onset.check(given)
    paths, of_moments = iter(options.courses), iter(options.second_moments)
    courses, moments = {}, {}
    for arm in settings["arms"]:
        name, of_arm = arm["arm"], [str(next(paths)) for _ in arm["runs"]]
        horizon = onset_summary.horizon(settings)
        courses[name] = [onset.through(given[path], path, horizon) for path in of_arm]
        known = [run for run in arm["runs"] if run["second_moment"]]
        moments[name] = [_moment(next(of_moments), settings) for _ in known]
    by_arm = onset_arms.table(courses, settings["bin_steps"])
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, by_arm)
        command.write_json(summary, onset_summary.summary(settings, courses, moments))


def _moment(path, settings):
    table = tables.read(path, onset_arms.OF_SECOND_MOMENT)
    return onset_arms.second_moment(table, settings["from_step"], settings["through_step"])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "arms", *onset_summary.RULES)
    arguments.add_argument("--courses", type=Path, nargs="+", required=True)
    arguments.add_argument("--second-moments", type=Path, nargs="*", default=[])
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per arm and bin")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: the effects")
    command.run(main, arguments)
