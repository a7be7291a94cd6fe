"""Measure what the recorded rows themselves show: ranges of moments and gradients, how far the dead
tokens are from where they began, and how far the live centroid is from the dead one.

    python workflow/scripts/comparison/measure_rows.py \\
        --settings '{"naming": "crucible", "rows": "all", "separation_step": 500}' \\
        --trajectory results/crucible3/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors --summary rows.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens import gauge, lattice
from deadtokens.comparison import summary
from deadtokens.files.storage import open_reader
from deadtokens.recorded.ranges import RANGES
from deadtokens.recorded.rows import TokenRows, read_dead_mask

SETTINGS = ("naming", "rows", "separation_step")
CHUNK_BYTES = 32_000_000


def main(options):
    """Figures that the record does not allow are left out."""
    naming, recorded, step = (options.settings[key] for key in SETTINGS)
    dead_mask = read_dead_mask(options.masks)
    with open_reader(options.trajectory) as file:
        dead = TokenRows(file, naming, dead_mask, "dead")
        found = {
            name: statistic(dead.values(quantity, CHUNK_BYTES), dead.first_row(quantity))
            for quantity, name, statistic in RANGES
            if quantity in dead
        }
        if "W" in dead:
            last = dead.field("W")[1][0] - 1
            ends = weights(dead, 0), weights(dead, last)
            found["net_displacement"] = summary.net_displacement(*ends)
        if "W" in dead and recorded == "all":
            live, everyone = (TokenRows(file, naming, dead_mask, of) for of in ("live", "all"))
            seen = [
                end - gauge.mean(weights(everyone, t))
                for end, t in zip(ends, (0, last), strict=True)
            ]
            found["net_displacement_relative"] = summary.net_displacement(*seen)
            for name, t in (("separation_at_start", 0), ("separation_later", step)):
                if t <= last:
                    found[name] = summary.separation(weights(live, t), weights(dead, t))
    with command.finished(options.summary) as (path,):
        command.write_json(path, found)


def weights(rows, t):
    return lattice.to_float32(rows.read("W", t, t + 1)[0])


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "masks", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
