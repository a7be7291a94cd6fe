"""Measure how far dead tokens' gradients are aligned, with one another and within cohorts.

    python workflow/scripts/cohorts/compute_gradients.py \\
        --settings '{"run": "crucible2", "naming": "crucible", "record": ["W", "m", "v", "g"],
                     "motion_threshold": 0.1, "still_for": 100, "cohort_window": 10,
                     "alignment_steps": 20, "permutations": 999, "permutation_seed": 42}' \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors \\
        --displacement results/crucible2/displacement.safetensors \\
        --hidden-mean results/crucible3/trajectory.safetensors \\
        --table gradients.csv --summary gradients.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.cohorts import gradients
from deadtokens.cohorts.cohorts import Cohorts
from deadtokens.cohorts.requirements import why_no_gradients
from deadtokens.displacement import patterns
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.freezing import freezing
from deadtokens.recorded import hidden_mean
from deadtokens.recorded.requirements import require
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.recorded.steps import numbers

OF_COHORTS = ("cohort_window", "alignment_steps", "permutations", "permutation_seed")
SETTINGS = ("run", "naming", "record", "motion_threshold", "still_for", *OF_COHORTS)
CHUNK_BYTES = 16_000_000


def main(options):
    """A row per step; the test of the cohorts beside the means over all steps."""
    wanted = options.settings
    require(why_no_gradients(wanted["run"], wanted))
    with open_reader(options.trajectory) as file, open_reader(options.displacement) as moved:
        rows = TokenRows(file, wanted["naming"], read_dead_mask(options.masks), "dead")
        moved.expect(patterns("l2"))
        steps = rows.number_of_steps("g")
        gradients.check(steps, len(rows.token_ids), moved.fields["l2"][1])
        last = freezing.last_motion(moved.chunks("l2", CHUNK_BYTES), wanted["motion_threshold"])
        by_step = gradients.Steps()
        h_mean = hidden_mean.read(file, options.hidden_mean)
        progress = command.Progress(steps, unit="step")
        for step in rows.steps("g", CHUNK_BYTES):
            h = None if h_mean is None else h_mean[step.number - 1]
            by_step.add(step.number, numbers(step.made["g"]), h)
            progress(step.number)
        alignment = by_step.table()
        cohorts = Cohorts(last, steps, wanted["cohort_window"], wanted["still_for"])
        looked_at = cohorts.steps(wanted["alignment_steps"])
        then = [rows.step(step, ("W", "g")) for step in looked_at]
        initial = numbers(rows.read("W", 0, 1)[0])
    made = [numbers(step.made["g"]) for step in then]
    before = [numbers(step.before["W"]) for step in then]
    null = wanted["permutations"], wanted["permutation_seed"]
    compared = gradients.compare(cohorts, made, before, initial, *null)
    report = gradients.summary(alignment, cohorts, looked_at, compared)
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, alignment)
        command.write_json(summary, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "masks", "displacement", "table", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--hidden-mean", type=Path, nargs="?", help="a file that holds h_mean")
    command.run(main, arguments)
