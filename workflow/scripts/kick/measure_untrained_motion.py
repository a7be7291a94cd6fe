"""Measure how far every untrained token of a Wordybird run moves at every step.

    python workflow/scripts/kick/measure_untrained_motion.py --settings '{"vocab_size": 50257}' \\
        --trajectory results/wordybird3/trajectory.safetensors \\
        --origin results/wordybird1/trajectory.safetensors \\
        --masks results/corpora/wordybird/masks.safetensors --motion untrained_motion.safetensors

The origin is the trajectory that it all began with: the run's own, unless it was resumed.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

import numpy as np

from deadtokens import lattice
from deadtokens.files.storage import open_reader
from deadtokens.files.trajectory import TrajectoryWriter
from deadtokens.kick import untrained_motion as motion
from deadtokens.training.masks import load_masks

CHUNK_BYTES = 32_000_000


def main(options):
    """One pass over the weights, in chunks of time."""
    masks = load_masks(options.masks, options.settings["vocab_size"])
    with open_reader(options.trajectory) as file, open_reader(options.origin) as begun:
        shape, origin_shape = (motion.weights_shape(f.path, f.fields) for f in (file, begun))
        rows = motion.untrained_rows(file.path, shape[1], masks.dead_mask)
        origin_rows = motion.untrained_rows(begun.path, origin_shape[1], masks.dead_mask)
        origin = begun.read("embeddings", 0, 1)[0, origin_rows]
        steps, n_tokens = shape[0] - 1, len(rows)
        progress = command.Progress(steps, unit="step")
        with (
            command.finished(options.motion) as (path,),
            TrajectoryWriter(path, motion.motion_fields(steps, n_tokens)) as output,
        ):
            for start, weights in file.chunks("embeddings", CHUNK_BYTES, overlap=1):
                for name, values in motion.motion(weights[:, rows], origin).items():
                    output.write_rows(name, start, values)
                progress(start + len(weights) - 1)
            output.write("losses", lattice.to_float32(file.read("losses")))
            output.write("untrained_indices", masks.dead_indices)
            output.write("elements", np.array(shape[2]))


if __name__ == "__main__":
    arguments = command.parser(__doc__, "vocab_size")
    arguments.add_argument("--trajectory", type=Path, required=True)
    arguments.add_argument("--origin", type=Path, required=True)
    arguments.add_argument("--masks", type=Path, required=True, help="which tokens are untrained")
    arguments.add_argument("--motion", type=Path, required=True, help="safetensors to write")
    command.run(main, arguments)
