"""The model corpus as token ids."""

from pathlib import Path

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files.trajectory import TrajectoryReader


def read(path: Path) -> np.ndarray:
    """The ids, int32 (n_tokens,), none of them negative; UserError if the file holds none."""
    with TrajectoryReader(path) as file:
        file.expect({"tokens": ("I32", ("n_tokens",))})
        tokens = file.read("tokens")
    if not tokens.size or tokens.min() < 0:
        found = f"an id of {tokens.min()}" if tokens.size else "no token at all"
        raise UserError(f"{path}: {found}, expected ids from 0 on. Encode the corpus again.")
    return tokens
