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

from deadtokens.causes import account, forecast, outcome, steps
from deadtokens.cohorts import critical
from deadtokens.files import tables
from deadtokens.files.rows import TokenRows, read_dead_mask
from deadtokens.files.storage import open_reader

ACCOUNT = ("from_step", "forecast_step", "window")
LAW = ("adamw", "state_precision")
SETTINGS = (
    *("optimizer", "schedule", "record", "clip_norm", "weight_precision", "naming"),
    *(*LAW, "motion_threshold", *ACCOUNT),
)
CHUNK_BYTES = 32_000_000


def main(options):
    """One pass over the run; before it two to the step of the forecast, which see no further."""
    settings = options.settings
    adam = critical.Adam(critical.learning_rates(**settings["schedule"]), **settings["optimizer"])
    law, total = steps.Law(adam, *(settings[key] for key in LAW)), len(adam.learning_rates)
    from_step, at, window = (settings[key] for key in ACCOUNT)
    forecast.check(total, at, window)
    with open_reader(options.trajectory) as file:
        rows = TokenRows(file, settings["naming"], read_dead_mask(options.masks), "dead")
        shapes = {name: rows.field(name)[1] for name in steps.QUANTITIES if name in rows}
        asked = (settings[key] for key in ("record", "clip_norm", "weight_precision"))
        steps.check(*asked, shapes, total)
        followed = [*steps.QUANTITIES, *filter(rows.__contains__, steps.IF_RECORDED)]

        def run(first=1, last=total):
            return islice(steps.each(rows.steps(followed, CHUNK_BYTES), law), first - 1, last)

        parts = forecast.series(run(at - window + 1, at))
        trends = [forecast.fit(parts, at, form) for form in forecast.FORMS]
        levels = forecast.levels(run(at - window + 1, at), law, at, trends)
        made = account.Account(law, account.base_at(run(), law, from_step))
        happened = outcome.Outcome(total, window, settings["motion_threshold"], at)
        progress = command.Progress(total, unit="step")
        for step in run():
            made.add(step)
            happened.add(step)
            progress(step.number)
    forecasts = {
        trend.form: forecast.foretell(
            trend, level, adam, at, total, window, happened.last_motion_then
        )
        for trend, level in zip(trends, levels, strict=True)
    }
    write(options, rows.token_ids, made, forecasts, happened)


def write(options, token_ids, made, forecasts, happened):
    """The three files, together."""
    told = {key: options.settings[key] for key in (*LAW, *ACCOUNT)}
    about = {"steps": happened.steps, "tokens": len(token_ids), **told}
    report = about | account.summary(made, happened.window)
    report["forecast"] = outcome.summary(forecasts, happened)
    both = account.table(made), outcome.table(token_ids, forecasts, happened)
    with command.finished(options.table, options.tokens, options.summary) as (*paths, summary):
        for path, found in zip(paths, both, strict=True):
            tables.write(path, found)
        command.write_json(summary, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "masks", "table", "tokens", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
