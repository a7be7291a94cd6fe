"""Predict from the state of tokens at a step when they stop, on seeds that had no part in how.

    python workflow/scripts/causes/compute_forecast.py --settings forecast.json \\
        --states results/crucible2/trajectory.safetensors ... \\
        --outcomes results/crucible1/trajectory.safetensors ... \\
        --displacements results/crucible1/displacement.safetensors ... \\
        --freezing results/crucible1/freezing.csv ... \\
        --masks results/corpora/flannel/masks.safetensors \\
        --table forecast.csv --summary forecast.json

`pairs` in the settings lists the random seeds, those to choose on and those to judge on; a state,
an outcome, its displacement and its freezing belong to each, in this order.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.causes import forecast_pairs, forecast_summary
from deadtokens.displacement import patterns
from deadtokens.files import documents, tables
from deadtokens.files.storage import open_reader
from deadtokens.recorded.rows import TokenRows, read_dead_mask

SETTINGS = (*forecast_summary.RULES, "motion_threshold", "pairs")
FILES = ("states", "outcomes", "displacements", "freezing")


def main(options):
    """A row per token and random seed; what was chosen, how it did, and the power of the test."""
    settings = options.settings
    files = [getattr(options, name) for name in FILES]
    forecast_pairs.check_numbers(dict(zip(FILES, files, strict=True)), settings["pairs"])
    dead = read_dead_mask(options.masks)
    progress = command.Progress(len(settings["pairs"]), unit="seed")
    pairs = []
    for entry, *paths in zip(settings["pairs"], *files, strict=True):
        pairs.append(pair(entry, paths, dead, settings))
        progress(len(pairs))
    judgement = forecast_summary.judge(pairs, settings)
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, forecast_summary.table(pairs, judgement))
        command.write_json(summary, forecast_summary.summary(pairs, judgement, settings))


def pair(entry, paths, dead, settings):
    """One random seed, from its four files."""
    scripts = tables.read(paths[3], ("token_id", "script"), text=("script", "token"))
    with (
        open_reader(paths[0]) as state,
        open_reader(paths[1]) as outcome,
        open_reader(paths[2]) as moved,
    ):
        moved.expect(patterns("l2", "token_ids"))
        rows = TokenRows(state, entry["state_naming"], dead, "dead")
        later = TokenRows(outcome, entry["outcome_naming"], dead, "dead")
        forecast_pairs.check_one_training(rows, later, settings["state_step"])
        with documents.fitting(paths[1], paths[2], paths[3]):
            named = scripts.set_index("token_id")["script"].loc[moved.read("token_ids")]
        return forecast_pairs.pair(entry, settings, rows, moved, named)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in FILES:
        arguments.add_argument(f"--{name}", type=Path, nargs="+", required=True)
    for name in ("masks", "table", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
