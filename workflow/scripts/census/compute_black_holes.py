"""Set the black holes of arms of runs beside rounding alone and beside the formula of a cloud.

    python workflow/scripts/census/compute_black_holes.py --settings black_holes.json \\
        --censuses results/point_1e-5/census_in_time.csv ... \\
        --nulls results/point_1e-5/null_census_in_time.csv ... \\
        --centres results/point_1e-5/null_centres.safetensors ... \\
        --table black_holes.csv --summary black_holes.json

`arms` in the settings lists the runs of each arm; a file of each kind belongs to each run, in this
order.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.census import black_holes_summary
from deadtokens.files import tables


def main(options):
    """A row per arm, step and source; what came out of each arm, and what it would take."""
    settings = options.settings
    files = black_holes_summary.files(settings, options.censuses, options.nulls, options.centres)
    progress = command.Progress(len(files), "run")
    found = []
    for number, of in enumerate(files):
        found.append(black_holes_summary.of_run(of, settings))
        progress(number + 1)
    table, summary = black_holes_summary.together(found, settings)
    with command.finished(options.table, options.summary) as (path, other):
        tables.write(path, table)
        command.write_json(other, summary)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *black_holes_summary.SETTINGS)
    for name in ("censuses", "nulls", "centres"):
        arguments.add_argument(f"--{name}", type=Path, nargs="+", required=True)
    arguments.add_argument("--table", type=Path, required=True, help="CSV")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON")
    command.run(main, arguments)
