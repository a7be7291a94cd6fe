"""Which tokens never occur in the model corpus: read from a mask file, and checked."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files.trajectory import TrajectoryReader

# Flannel speaks of dead tokens, Wordybird of untrained ones.
KEYS = (("dead_mask", "dead_indices"), ("untrained_mask", "untrained_indices"))


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
        mask, indices = next((keys for keys in KEYS if keys[0] in file.fields), KEYS[0])
        file.require(mask, indices)
        masks = Masks(file.read(mask), file.read(indices))
    if masks.dead_mask.shape != (vocab_size,) or masks.dead_mask.dtype != bool:
        raise UserError(
            f"{path}: {mask} is {masks.dead_mask.dtype} of shape {masks.dead_mask.shape}, but "
            f"the run's vocab_size is {vocab_size}. Make the masks with the tokenizer of this run."
        )
    if not np.array_equal(masks.dead_indices, np.flatnonzero(masks.dead_mask)):
        raise UserError(
            f"{path}: {indices} ({len(masks.dead_indices)}) are not the ascending places where "
            f"{mask} is true ({masks.dead_mask.sum()}). Make the masks again."
        )
    if not masks.dead_indices.size:
        raise UserError(
            f"{path}: no dead token, so there is nothing to record. Use a tokenizer that was "
            "trained on more text than the model corpus."
        )
    return masks
