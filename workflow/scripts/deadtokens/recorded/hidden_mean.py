"""The mean hidden state of every step, from a run's own file or that of another of its training.

Crucible 2 records gradients and Crucible 3 the hidden states that make them; both are one training.
"""

from pathlib import Path

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files.access import Reader
from deadtokens.files.storage import open_reader
from deadtokens.recorded.naming import CRUCIBLE, SERIES

NAME = CRUCIBLE["h_mean"].name  # in every series
PATTERN = {NAME: (CRUCIBLE["h_mean"].dtype, ("steps", "elements"))}
LOSSES = tuple({series["loss"].name: None for series in SERIES.values()})
OF_LOSS = (("F32", "BF16", "U16"), ("states",))


def read(file: Reader, other: Path | None = None) -> np.ndarray | None:
    """h_mean (T, D) float32, row s of the step from s to s+1; None if nothing holds it.

    The file's own goes before `other`, a trajectory of the same training, of whatever series.
    UserError unless that one holds h_mean and has the same loss at every step, bit for bit, which
    no other training has.
    """
    if NAME in file.fields:
        file.expect(PATTERN)
        return file.read(NAME)
    if other is None:
        return None
    with open_reader(other) as source:
        source.expect(PATTERN)
        difference = _difference(_loss(file), _loss(source), file.path)
        if difference is None:
            return source.read(NAME)
    raise UserError(
        f"{other}: {difference}, so its h_mean is that of another training. Give the trajectory of "
        "a run that differs in nothing but in what it records, made on the same type of machine."
    )


def _loss(file: Reader) -> np.ndarray:
    """The bits of the loss of every state, (T+1,) uint32 of float32 or uint16 of bfloat16."""
    name = next((name for name in LOSSES if name in file.fields), LOSSES[0])
    file.expect({name: OF_LOSS})
    loss = file.read(name)
    return loss.view(np.uint32) if loss.dtype == np.float32 else loss


def _difference(own: np.ndarray, found: np.ndarray, path: Path) -> str | None:
    if own.shape != found.shape:
        return f"it has {len(found) - 1:,} steps, {path} has {len(own) - 1:,}"
    if own.dtype != found.dtype:
        bits = 8 * found.itemsize, 8 * own.itemsize
        return f"its loss has {bits[0]} bits, that of {path} {bits[1]}"
    different = np.flatnonzero(own != found)
    return (
        f"its loss differs from that of {path} at step {different[0]:,}" if len(different) else None
    )
