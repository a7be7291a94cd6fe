"""Put loss, motion and phases into the long form that TensorBoard and Weights & Biases import.

    python workflow/scripts/phases/write_metrics.py --settings '{"naming": "crucible"}' \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --phases results/crucible2/phases.csv --summary results/crucible2/phases.json \\
        --metrics metrics.csv
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

import numpy as np

from deadtokens.files import documents, tables
from deadtokens.files.storage import open_reader
from deadtokens.phases import metrics
from deadtokens.recorded import naming
from deadtokens.recorded.steps import numbers

SUMMARY = {"steps": int, "scales": {str: {"phases": {str: {"column": str}}}}}


def main(options):
    """A row for each step and name."""
    loss = naming.stored(options.settings["naming"])["loss"]
    summary = documents.read(options.summary, SUMMARY)
    scales = summary["scales"].values()
    columns = [phase["column"] for scale in scales for phase in scale["phases"].values()]
    phases = tables.read(options.phases, ("step", "moving", *columns))
    with open_reader(options.trajectory) as file:
        file.expect({loss.name: (loss.dtype, (summary["steps"] + 1,))})
        values = numbers(file.read(loss.name)).astype(np.float32)
    with documents.fitting(options.phases, options.summary):
        found = metrics.table(values, phases, summary)
    with command.finished(options.metrics) as (path,):
        tables.write(path, found)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "naming")
    for name in ("trajectory", "phases", "summary", "metrics"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
