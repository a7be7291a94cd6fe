"""Which tokens never occur in the model corpus: read from a mask file, and checked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import masks
from deadtokens.files.trajectory import TrajectoryReader


@dataclass(frozen=True)
class Masks:
    """Dead tokens, and those that live."""

    dead_mask: np.ndarray  # (V,) bool
    dead_indices: np.ndarray  # (n_dead,) int64, ascending

    @property
    def live_mask(self) -> np.ndarray:
        """(V,) bool."""
        return ~self.dead_mask

    @property
    def live_indices(self) -> np.ndarray:
        """(n_live,) int64, ascending."""
        return np.flatnonzero(self.live_mask)


def load_masks(path: Path, vocab_size: int) -> Masks:
    """Masks of a vocabulary; UserError if they are of another one or contradict themselves."""
    with TrajectoryReader(path) as file:
        name = masks.mask_name(file) or "dead_mask"
        # What the other programs take the tokens' places from.
        file.require(name, name.replace("mask", "indices"))
        dead = masks.read_dead(file)
    if len(dead) != vocab_size:
        raise UserError(
            f"{path}: {name} has {len(dead)} flags, but the run's vocab_size is {vocab_size}. "
            "Make the masks with the tokenizer of this run."
        )
    return Masks(dead, np.flatnonzero(dead))
