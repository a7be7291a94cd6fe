"""Set the runs of a sweep side by side: a CSV with a row per run.

    python workflow/scripts/comparison/compare_sweep.py \\
        --settings '{"runs": {"seeds_1": {"random_seed": 1}, "seeds_2": {"random_seed": 2}}}' \\
        --summaries results/seeds_1/summary.json results/seeds_2/summary.json --table sweep.csv
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.comparison import summary, sweep
from deadtokens.files import documents, tables


def main(options):
    summaries = documents.by_folder(options.summaries, summary.SUMMARY)
    with documents.fitting(*options.summaries):
        found = sweep.table(options.settings["runs"], summaries)
    with command.finished(options.table) as (path,):
        tables.write(path, found)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "runs")
    arguments.add_argument(
        "--summaries", type=Path, nargs="+", required=True, help="summary.json of every run"
    )
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per run")
    command.run(main, arguments)
