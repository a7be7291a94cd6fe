"""Put the figures of a run by which runs are compared into one small table.

    python workflow/scripts/summarize_run.py \\
        --settings '{"record": ["W", "m", "v", "g"], "rows": "dead", "separation_step": 500}' \\
        --metadata results/crucible2/metadata.json --corpus results/corpora/flannel/masks.json \\
        --tokens results/corpora/flannel/tokens.safetensors \\
        --measured results/crucible2/rows.json --phases results/crucible2/phases.json \\
        --table results/crucible2/phases.csv --freezing results/crucible2/freezing.json \\
        --stillness results/crucible2/stillness.json --summary summary.json

What comes from W, phases to stillness, is left out for a run that does not record it.
"""

import command  # first: what follows takes its time

# isort: split
import json
from pathlib import Path

import numpy as np

from deadtokens.analysis import summary
from deadtokens.files import tables
from deadtokens.files.trajectory import TrajectoryReader

SETTINGS = ("record", "rows", "separation_step")


def main(options):
    record, rows, step = (options.settings[key] for key in SETTINGS)
    with TrajectoryReader(options.tokens) as file:
        counts = np.bincount(file.read("tokens"))
    figures = summary.of_training(read(options.metadata), read(options.corpus), counts)
    if options.measured:
        figures |= read(options.measured)
    if options.phases:
        moved = tables.read(options.table)["element_mean"]
        found = map(read, (options.phases, options.freezing, options.stillness))
        figures |= summary.of_motion(*found, moved)
    figures["separation_step"] = step
    figures["absent"] = summary.absent(figures["steps"], record, rows, step)
    with command.finished(options.summary) as (path,):
        command.write_json(path, figures)


def read(path):
    return json.loads(path.read_text("utf-8"))


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("metadata", "corpus", "tokens", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    # No value, as when the workflow has none to give, is the same as no option.
    for name in ("measured", "phases", "table", "freezing", "stillness"):
        arguments.add_argument(f"--{name}", type=Path, nargs="?")
    command.run(main, arguments)
