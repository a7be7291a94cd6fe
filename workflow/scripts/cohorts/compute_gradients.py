"""Measure how far dead tokens' gradients are aligned, with one another and within cohorts.

    python workflow/scripts/cohorts/compute_gradients.py \\
        --settings '{"motion_threshold": 0.1, "cohort_window": 10, "alignment_steps": 20,
                     "permutations": 999, "permutation_seed": 42}' \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --displacement results/crucible2/displacement.safetensors \\
        --hidden-mean results/crucible3/trajectory.safetensors \\
        --table gradients.csv --summary gradients.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.cohorts import gradients
from deadtokens.displacement import patterns
from deadtokens.files import hidden_mean, tables
from deadtokens.files.storage import open_reader
from deadtokens.freezing import freezing

OF_COHORTS = ("cohort_window", "alignment_steps", "permutations", "permutation_seed")
SETTINGS = ("motion_threshold", *OF_COHORTS)
CHUNK_BYTES = 16_000_000


def main(options):
    """A row per step; the test of the cohorts beside the means over all steps."""
    wanted = options.settings
    with open_reader(options.trajectory) as file, open_reader(options.displacement) as moved:
        file.expect({"g": ("F32", ("steps", "tokens", "elements"))})
        moved.expect(patterns("l2"))
        shape = moved.fields["l2"][1]
        gradients.check(file.fields["g"][1], shape)
        last = freezing.last_motion(moved.chunks("l2", CHUNK_BYTES), wanted["motion_threshold"])
        by_step = gradients.Steps()
        h_mean = hidden_mean.read(file, options.hidden_mean)
        progress = command.Progress(shape[0], unit="step")
        for start, chunk in file.chunks("g", CHUNK_BYTES):
            for i, rows in enumerate(chunk, start=start):
                by_step.add(i + 1, rows, None if h_mean is None else h_mean[i])
            progress(start + len(chunk))
        alignment = by_step.table()
        cohorts = gradients.Cohorts(last, shape[0], wanted["cohort_window"])
        looked_at = cohorts.steps(wanted["alignment_steps"])
        then = [file.read("g", step - 1, step)[0] for step in looked_at]
    null = wanted["permutations"], wanted["permutation_seed"]
    compared = gradients.compare(cohorts, then, *null)
    told = gradients.summary(alignment, cohorts, looked_at, compared)
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, alignment)
        command.write_json(summary, told)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "displacement", "table", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--hidden-mean", type=Path, nargs="?", help="a file that holds h_mean")
    command.run(main, arguments)
