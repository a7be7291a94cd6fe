"""Count black holes, components, coalescences and evaporations at every recorded step of a run.

    python workflow/scripts/census/compute_census_in_time.py \\
        --settings '{"naming": "crucible", "population": "dead", "pair_limit": 50000000,
        "ranks": 20}' \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors --table census_in_time.csv
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.census import formats, in_time
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.recorded.rows import TokenRows, read_dead_mask

CHUNK_BYTES = 32_000_000
SETTINGS = ("naming", "population", "pair_limit", "ranks")


def main(options):
    """A row per state, the initial one too."""
    naming, population, limit, ranks = (options.settings[name] for name in SETTINGS)
    with open_reader(options.trajectory) as file:
        rows = TokenRows(file, naming, read_dead_mask(options.masks), population)
        dtype, shape = rows.field("W")
        form, progress = formats.BY_DTYPE[dtype], command.Progress(shape[0], "step")

        def chunks():
            for first, states in rows.chunks("W", CHUNK_BYTES):
                yield first, states.view(form.dtype)
                progress(min(first + len(states), shape[0]))

        table = in_time.follow(chunks(), form, limit, ranks)
    with command.finished(options.table) as (path,):
        tables.write(path, table)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "masks", "table"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
