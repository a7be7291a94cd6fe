"""Move a run's initial cloud as its tokens moved together, without training; count black holes.

    python workflow/scripts/census/compute_null_census_in_time.py \\
        --settings null.json --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors \\
        --table null_census_in_time.csv --centres null_centres.safetensors

`training` in the settings holds those of the run, by which its initial weights are drawn again;
they must be the recorded ones, bit for bit, when they are rounded.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

import numpy as np

from deadtokens.census import initial_cloud, null_model
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.files.trajectory import write_file
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.training.settings import RunSettings

CHUNK_BYTES = 32_000_000


def main(options):
    """A row per reading and state; where the cloud's mean is at every state."""
    run = RunSettings.from_json(options.settings["training"])
    cloud = initial_cloud.drawn(run)
    with open_reader(options.trajectory) as file:
        rows = TokenRows(file, run.naming, read_dead_mask(options.masks), "dead")
        cloud, states = cloud[rows.token_ids], rows.field("W")[1][0]
        initial_cloud.check(cloud, rows.read("W", 0, 1)[0], options.trajectory)
        progress = command.Progress(states, "step")
        model = null_model.NullModel(
            cloud, options.settings["pair_limit"], options.settings["ranks"]
        )
        for first, chunk in rows.chunks("W", CHUNK_BYTES):
            for number, bits in enumerate(chunk.view(np.uint16)):
                model.add(bits)
                progress(first + number + 1)
    with command.finished(options.table, options.centres) as (path, centres):
        tables.write(path, model.table())
        write_file(centres, {"centre": np.stack(model.centres)})


if __name__ == "__main__":
    arguments = command.parser(__doc__, "training", "pair_limit", "ranks")
    for name in ("trajectory", "masks"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per state")
    arguments.add_argument("--centres", type=Path, required=True, help="safetensors: (T+1, D)")
    command.run(main, arguments)
