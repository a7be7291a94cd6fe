"""Put the figures of a run by which runs are compared into one small table.

    python workflow/scripts/comparison/summarize_run.py \\
        --settings '{"record": ["W", "m", "v", "g"], "rows": "dead", "separation_step": 500}' \\
        --metadata results/crucible2/metadata.json --corpus results/corpora/flannel/masks.json \\
        --tokens results/corpora/flannel/tokens.safetensors \\
        --measured results/crucible2/rows.json --phases results/crucible2/phases.json \\
        --table results/crucible2/phases.csv --freezing results/crucible2/freezing.json \\
        --stillness results/crucible2/stillness.json --summary summary.json

What comes from W, phases to stillness, is left out for a run that does not record it.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

import numpy as np

from deadtokens.comparison import summary
from deadtokens.errors import UserError
from deadtokens.files import documents, tables, tokens

SETTINGS = ("record", "rows", "separation_step")


def main(options):
    record, rows, step = (options.settings[key] for key in SETTINGS)
    corpus = documents.read(options.corpus, summary.CORPUS)
    ids = tokens.read(options.tokens)
    if ids.max() >= corpus["entries"]:
        raise UserError(
            f"{options.tokens}: an id of {ids.max()}, but {options.corpus} states "
            f"{corpus['entries']} entries. Give the files of one corpus."
        )
    metadata = documents.read(options.metadata, summary.METADATA)
    figures = summary.of_training(metadata, corpus, np.bincount(ids))
    if options.measured:
        figures |= documents.read(options.measured, summary.MEASURED)
    if options.phases:
        figures |= of_motion(options)
    figures["separation_step"] = step
    figures["absent"] = summary.absent(figures["steps"], record, rows, step)
    with command.finished(options.summary) as (path,):
        command.write_json(path, figures)


def of_motion(options):
    files = options.phases, options.freezing, options.stillness
    shapes = summary.PHASES, summary.FREEZING, summary.STILLNESS
    found = (documents.read(path, shape) for path, shape in zip(files, shapes, strict=True))
    moved = tables.read(options.table, ["element_mean"])["element_mean"].to_numpy()
    with documents.fitting(*files, options.table):
        return summary.of_motion(*found, moved)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("metadata", "corpus", "tokens", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    # No value, as when the workflow has none to give, is the same as no option.
    for name in ("measured", "phases", "table", "freezing", "stillness"):
        arguments.add_argument(f"--{name}", type=Path, nargs="?")
    command.run(main, arguments)
