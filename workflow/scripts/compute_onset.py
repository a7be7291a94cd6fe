"""Set arms of runs beside their reference: when tokens freeze, and what makes the freeze go away.

    python workflow/scripts/compute_onset.py --settings onset.json \\
        --displacements results/onset_published/displacement.safetensors ... \\
        --second-moments results/onset_published/second_moment.csv ... \\
        --table onset.csv --summary onset.json

`arms` in the settings lists the runs of each arm; a displacement belongs to each, in this order,
and a second moment to each whose `second_moment` is true.
"""

import contextlib
import csv
from pathlib import Path

import numpy as np

import command
from deadtokens.analysis import onset, onset_arms, onset_effects
from deadtokens.files.trajectory import TrajectoryReader

RULES = ("reference", "from_step", "window", "bin_steps", "motion_threshold")
CHUNK_BYTES = 8_000_000


def main(options):
    """A row per arm and bin of steps; what came out of each arm, and the effects."""
    settings = options.settings
    arms = {arm["arm"]: arm for arm in settings["arms"]}
    courses, tokens = _courses(options.displacements, arms, settings["motion_threshold"])
    rules = settings["from_step"], settings["window"]
    numbers = {arm: [onset.numbers(one, *rules) for one in of] for arm, of in courses.items()}
    steps = courses[settings["reference"]][0].steps
    tables = iter(options.second_moments)
    told = {key: settings[key] for key in RULES} | {"tokens": tokens, "steps": steps, "arms": {}}
    for name, arm in arms.items():
        moments = [_moment(next(tables), rules[0]) for run in arm["runs"] if run["second_moment"]]
        found = onset_arms.summary(arm["runs"], numbers[name], moments, steps)
        told["arms"][name] = {"changes": arm["changes"], **found}
    by_seed = {
        name: {run["seed"]: one for run, one in zip(arm["runs"], numbers[name], strict=True)}
        for name, arm in arms.items()
    }
    changes = {name: arm["changes"] for name, arm in arms.items()}
    told["effects"] = onset_effects.effects(by_seed, changes, settings["reference"])
    told["shifts"] = onset_effects.shifts(by_seed, settings["reference"])
    rows = onset_arms.table(courses, settings["bin_steps"])
    with command.finished(options.table, options.summary) as (table, summary):
        with open(table, "w", newline="", encoding="utf-8") as lines:
            csv.writer(lines).writerows([onset_arms.COLUMNS, *(row.values() for row in rows)])
        command.write_json(summary, told)


def _courses(paths, arms, threshold):
    """How the tokens of every run move, by arm, and how many they are."""
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(TrajectoryReader(path)) for path in paths]
        for file in files:
            file.require(*onset.FIELDS, "token_ids")
        tokens = {str(file.path): file.read("token_ids") for file in files}
        onset.check(tokens, {str(file.path): file.fields["l2"][1][0] for file in files})
        left = iter(files)
        courses = {
            name: [_course(next(left), run["elements"], threshold) for run in arm["runs"]]
            for name, arm in arms.items()
        }
    return courses, len(next(iter(tokens.values())))


def _course(file, elements, threshold):
    return onset.course(lambda name: file.chunks(name, CHUNK_BYTES), elements, threshold)


def _moment(path, from_step):
    with open(path, newline="", encoding="utf-8") as lines:
        names, *rows = csv.reader(lines)
    columns = dict(zip(names, np.array(rows, dtype=float).T, strict=True))
    return onset_arms.second_moment(columns, from_step)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "arms", *RULES)
    arguments.add_argument("--displacements", type=Path, nargs="+", required=True)
    arguments.add_argument("--second-moments", type=Path, nargs="*", default=[])
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per arm and bin")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: the effects")
    command.run(main, arguments)
