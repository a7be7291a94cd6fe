"""The mean hidden state of every step, from a run's own file or that of another of its training.

Crucible 2 records gradients and Crucible 3 the hidden states that make them; both are one training.
"""

from pathlib import Path

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files.storage import open_reader
from deadtokens.files.trajectory import TrajectoryReader

NAME, LOSS = "h_mean", "loss"
PATTERN = {NAME: ("F32", ("steps", "elements"))}
OF_LOSS = {LOSS: ("F32", ("states",))}


def read(file: TrajectoryReader, other: Path | None = None) -> np.ndarray | None:
    """h_mean (T, D) float32, row s of the step from s to s+1; None if nothing holds it.

    The file's own goes before `other`, a trajectory of the same training. UserError unless that one
    holds h_mean and has the same loss at every step, bit for bit, which no other training has.
    """
    if NAME in file.fields:
        file.expect(PATTERN)
        return file.read(NAME)
    if other is None:
        return None
    with open_reader(other) as source:
        source.expect(PATTERN | OF_LOSS)
        file.expect(OF_LOSS)
        own, found = file.read(LOSS), source.read(LOSS)
        if own.shape != found.shape:
            steps = len(found) - 1, len(own) - 1
            told = f"it has {steps[0]:,} steps, {file.path} has {steps[1]:,}"
        else:
            different = np.flatnonzero(own.view(np.uint32) != found.view(np.uint32))
            if len(different) == 0:
                return source.read(NAME)
            told = f"its loss differs from that of {file.path} at step {different[0]:,}"
    raise UserError(
        f"{other}: {told}, so its h_mean is that of another training. Give the trajectory of a run "
        "that differs in nothing but in what it records, made on the same type of machine."
    )
