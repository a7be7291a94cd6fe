"""Measure the ratchet of the second moment, and what float32 would have made of the same gradients.

    python workflow/scripts/causes/compute_second_moment.py --settings settings.json \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors \\
        --table second_moment.csv --summary second_moment.json

settings.json: the run's update law and record, as the rule passes them.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.causes import second_moment
from deadtokens.causes.requirements import why_no_second_moment
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.recorded.requirements import require
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.update_law import SETTINGS as OF_LAW
from deadtokens.update_law import UpdateLaw

ABOUT = ("adamw", "beta1", "beta2", "state_precision")
SETTINGS = ("run", *OF_LAW, "record", "clip_norm", "naming", "rows")
CHUNK_BYTES = 32_000_000


def main(options):
    """One pass over v and g."""
    settings = options.settings
    require(why_no_second_moment(settings["run"], settings))
    law = UpdateLaw.from_settings(settings)
    with open_reader(options.trajectory) as file:
        dead_mask = read_dead_mask(options.masks)
        rows = TokenRows(file, settings["naming"], dead_mask, settings["rows"])
        progress = command.Progress(rows.number_of_steps(second_moment.QUANTITIES), unit="step")
        steps = rows.steps(second_moment.QUANTITIES, CHUNK_BYTES)
        trace = second_moment.follow(steps, law, progress)
    about = {"tokens": len(rows.token_ids), **{key: getattr(law, key) for key in ABOUT}}
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, second_moment.table(trace))
        command.write_json(summary, second_moment.summary(trace, **about))


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "masks", "table", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
