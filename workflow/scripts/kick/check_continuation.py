"""Check bit for bit that resumed runs begin at the seam, and one of them as if never stopped.

    python workflow/scripts/kick/check_continuation.py \\
        --settings '{"seam": 100, "vocab_size": 50257, "runs": [
                     {"run": "wordybird1b_everything", "source": "wordybird1b", "whole": true},
                     {"run": "wordybird3", "source": "wordybird1", "whole": false}]}' \\
        --resumed results/wordybird1b_everything/trajectory.safetensors \\
                  results/wordybird3/trajectory.safetensors \\
        --sources results/wordybird1b/trajectory.safetensors \\
                  results/wordybird1/trajectory.safetensors \\
        --masks results/corpora/wordybird/masks.safetensors --report check.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files.storage import open_reader
from deadtokens.kick import continuation
from deadtokens.kick import untrained_motion as motion
from deadtokens.training.masks import load_masks

CHUNK_BYTES = 32_000_000


def main(options):
    """Where each run begins; of the run that restored everything, every step and loss."""
    masks, seam = (
        load_masks(options.masks, options.settings["vocab_size"]),
        options.settings["seam"],
    )
    report = []
    entries = zip(options.settings["runs"], options.resumed, options.sources, strict=True)
    for entry, resumed_path, source_path in entries:
        names = entry["run"], entry["source"]
        with open_reader(resumed_path) as resumed, open_reader(source_path) as source:
            pairs = _pairs(resumed, source, seam, masks.dead_mask, entry["whole"])
            steps = continuation.check_rows(*names, pairs, masks.dead_indices, seam)
            if entry["whole"]:
                found, expected = resumed.read("losses", 1), source.read("losses", seam + 1)
                continuation.check_losses(*names, found, expected[: len(found)], seam)
        report.append(entry | ({"equal_steps": steps} if entry["whole"] else {}))
    with command.finished(options.report) as (path,):
        tokens = len(masks.dead_indices)
        command.write_json(path, {"seam": seam, "tokens": tokens, "equal_at_the_seam": report})


def _pairs(resumed, source, seam, untrained, whole):
    """Rows of both at the same steps, in chunks; those at the seam alone unless it is the whole."""
    (_, own, _), (_, theirs, _) = (
        motion.weights_shape(f.path, f.fields) for f in (resumed, source)
    )
    own, theirs = (
        motion.untrained_rows(file.path, rows, untrained)
        for file, rows in ((resumed, own), (source, theirs))
    )
    beginning = [(0, resumed.read("embeddings", 0, 1))]
    for start, rows in resumed.chunks("embeddings", CHUNK_BYTES) if whole else beginning:
        there = source.read("embeddings", seam + start, seam + start + len(rows))
        yield start, rows[:, own], there[:, theirs]


if __name__ == "__main__":
    arguments = command.parser(__doc__, "seam", "vocab_size", "runs")
    arguments.add_argument("--resumed", type=Path, nargs="+", required=True)
    arguments.add_argument("--sources", type=Path, nargs="+", required=True)
    arguments.add_argument("--masks", type=Path, required=True, help="which tokens are untrained")
    arguments.add_argument("--report", type=Path, required=True, help="JSON: what agrees")
    command.run(main, arguments)
