"""Account for the fall of updates, step by step: what each cause contributes.

    python workflow/scripts/causes/compute_account.py --settings settings.json \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors \\
        --table account.csv --summary account.json

settings.json: the run's arithmetic, optimizer, schedule and record, from_step and window, as the
rule passes them.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.causes import account, updates
from deadtokens.causes.requirements import why_no_account
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.recorded.requirements import require
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.update_law import SETTINGS as OF_LAW
from deadtokens.update_law import UpdateLaw

ACCOUNT = ("from_step", "window")
ABOUT = ("adamw", "state_precision", *ACCOUNT)
SETTINGS = ("run", *OF_LAW, "record", "clip_norm", "naming", *ACCOUNT)
CHUNK_BYTES = 32_000_000


def main(options):
    """One pass over the run; before it one over W, and one up to from_step."""
    settings = options.settings
    wanted = {key: settings[key] for key in ACCOUNT}
    require(why_no_account(settings["run"], settings, wanted))
    from_step, window = wanted.values()
    law = UpdateLaw.from_settings(settings)
    with open_reader(options.trajectory) as file:
        of_run = file, settings["naming"], read_dead_mask(options.masks)
        rows = TokenRows(*of_run, "dead")
        updates.check({name: rows.field(name)[1] for name in updates.QUANTITIES}, law.steps)
        followed = [*updates.QUANTITIES, *filter(rows.__contains__, updates.IF_RECORDED)]

        def run():
            return updates.each(rows.steps(followed, CHUNK_BYTES), law)

        means = updates.means(TokenRows(*of_run, rows.recorded).chunks("W", CHUNK_BYTES), law)
        made = account.Account(law, means, account.base_at(run(), law, means, from_step))
        progress = command.Progress(law.steps, unit="step")
        for step in run():
            made.add(step)
            progress(step.number)
    about = {"steps": law.steps, "tokens": len(rows.token_ids)}
    about |= {key: settings[key] for key in ABOUT} | {"relative_to_mean_of": rows.recorded}
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, account.table(made))
        command.write_json(summary, about | account.summary(made, window))


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "masks", "table", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
