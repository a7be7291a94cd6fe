"""Find when each dead token moves for the last time, and who stops early.

    python workflow/scripts/compute_freezing.py --settings '{"motion_threshold": 0.1}' \\
        --displacement results/crucible2/displacement.safetensors \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --tokenizer results/corpora/flannel/tokenizer.json \\
        --table freezing.csv --survival freezing_survival.csv --summary freezing.json
"""

import csv
from pathlib import Path

import numpy as np

import command
from deadtokens import lattice
from deadtokens.analysis import freezing
from deadtokens.files.storage import open_reader
from deadtokens.text import readable, vocabulary

CHUNK_BYTES = 8_000_000


def main(options):
    """A row per token, the survival curve, and when tokens freeze by script, norm and id."""
    threshold = options.settings["motion_threshold"]
    tokenizer = vocabulary.load_tokenizer(options.tokenizer)
    with open_reader(options.trajectory) as file, open_reader(options.displacement) as moved:
        file.require("W", "dead_indices")
        moved.require("l2")
        ids, start = file.read("dead_indices"), lattice.to_float32(file.read("W", 0, 1)[0])
        shapes = moved.fields["l2"][1], file.fields["W"][1]
        freezing.check(*shapes, ids, tokenizer.get_vocab_size())
        last = freezing.last_motion(moved.chunks("l2", CHUNK_BYTES), threshold)
    steps, _ = shapes[0]
    norm = np.linalg.norm(start.astype(np.float64), axis=1)
    texts, scripts = readable.describe(tokenizer, ids)
    with command.finished(options.table, options.survival, options.summary) as (table, curve, told):
        _write(table, freezing.table(ids, texts, scripts, norm, last, steps))
        _write(curve, freezing.survival(last, scripts, steps))
        command.write_json(told, freezing.summary(ids, scripts, norm, last, steps, threshold))


def _write(path, columns):
    with open(path, "w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([columns, *zip(*columns.values(), strict=True)])


if __name__ == "__main__":
    arguments = command.parser(__doc__, "motion_threshold")
    for name in ("displacement", "trajectory", "tokenizer", "table", "survival", "summary"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
