"""Put the figures of a run by which runs are compared into one small table.

    python workflow/scripts/summarize_run.py \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --metadata results/crucible2/metadata.json --phases results/crucible2/phases.json \\
        --table results/crucible2/phases.csv --corpus results/corpora/flannel/masks.json \\
        --masks results/corpora/flannel/masks.safetensors --summary summary.json
"""

import csv
import json
from pathlib import Path

import numpy as np

import command
from deadtokens.analysis import summary
from deadtokens.files.storage import open_reader
from deadtokens.files.trajectory import TrajectoryReader

CHUNK_BYTES = 32_000_000


def main(options):
    known = (options.metadata, options.corpus, options.phases)
    metadata, corpus, phases = (json.loads(path.read_text("utf-8")) for path in known)
    with options.table.open(encoding="utf-8", newline="") as file:
        displacement = np.array([float(row["element_mean"]) for row in csv.DictReader(file)])
    figures = summary.figures(metadata, corpus, phases, displacement)
    with TrajectoryReader(options.masks) as masks:
        counts = masks.read("token_occurrence_counts")
    figures["unigram_entropy"] = summary.unigram_entropy(counts)
    with open_reader(options.trajectory) as trajectory:
        for field, name, statistic, first_row in summary.RANGES:
            if field in trajectory.fields:
                figures[name] = statistic(trajectory.chunks(field, CHUNK_BYTES), first_row)
    with command.finished(options.summary) as (path,):
        command.write_json(path, figures)


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    for name in ("trajectory", "metadata", "phases", "table", "corpus", "masks", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
