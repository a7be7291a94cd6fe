"""Account for the fall of updates, step by step; hold a forecast of the freeze to what happened.

    python workflow/scripts/causes/compute_account.py --settings settings.json \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors \\
        --table account.csv --tokens account_tokens.csv --summary account.json

settings.json: the run's arithmetic, optimizer, schedule and record, from_step, forecast_step and
window, as the rule passes them.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from itertools import islice
from pathlib import Path

from deadtokens.causes import account, forecast, outcome, updates
from deadtokens.causes.requirements import why_no_account
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.recorded.requirements import require
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.update_law import SETTINGS as OF_LAW
from deadtokens.update_law import UpdateLaw

ACCOUNT = ("from_step", "forecast_step", "window")
ABOUT = ("adamw", "state_precision", *ACCOUNT)
SETTINGS = (
    *("run", *OF_LAW, "record", "clip_norm", "naming"),
    *("motion_threshold", *ACCOUNT),
)
CHUNK_BYTES = 32_000_000


def main(options):
    """One pass over the run; before it one over W, and two up to the step of the forecast."""
    settings = options.settings
    wanted = {key: settings[key] for key in ACCOUNT}
    require(why_no_account(settings["run"], settings, wanted))
    from_step, at, window = wanted.values()
    law = UpdateLaw.from_settings(settings)
    with open_reader(options.trajectory) as file:
        of_run = file, settings["naming"], read_dead_mask(options.masks)
        rows = TokenRows(*of_run, "dead")
        updates.check({name: rows.field(name)[1] for name in updates.QUANTITIES}, law.steps)
        followed = [*updates.QUANTITIES, *filter(rows.__contains__, updates.IF_RECORDED)]

        def run(first=1, last=law.steps):
            return islice(updates.each(rows.steps(followed, CHUNK_BYTES), law), first - 1, last)

        parts = forecast.series(run(at - window + 1, at))
        trends = [forecast.fit(parts, at, form) for form in forecast.FORMS]
        levels = forecast.levels(run(at - window + 1, at), law, at, trends)
        means = updates.means(TokenRows(*of_run, rows.recorded).chunks("W", CHUNK_BYTES), law)
        made = account.Account(law, means, account.base_at(run(), law, means, from_step))
        happened = outcome.Outcome(law.steps, window, settings["motion_threshold"], at)
        progress = command.Progress(law.steps, unit="step")
        for step in run():
            made.add(step)
            happened.add(step)
            progress(step.number)
    forecasts = {
        trend.form: forecast.predict(
            trend, level, law, at, law.steps, window, happened.last_motion_then
        )
        for trend, level in zip(trends, levels, strict=True)
    }
    write(options, rows, made, forecasts, happened)


def write(options, rows, made, forecasts, happened):
    """The three files, together."""
    given = {key: options.settings[key] for key in ABOUT}
    about = {"steps": happened.steps, "tokens": len(rows.token_ids), **given}
    about["relative_to_mean_of"] = rows.recorded
    report = about | account.summary(made, happened.window)
    report["forecast"] = outcome.summary(forecasts, happened)
    both = account.table(made), outcome.table(rows.token_ids, forecasts, happened)
    with command.finished(options.table, options.tokens, options.summary) as (*paths, summary):
        for path, found in zip(paths, both, strict=True):
            tables.write(path, found)
        command.write_json(summary, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "masks", "table", "tokens", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
