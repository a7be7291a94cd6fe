"""The rows of chosen tokens of a trajectory, whatever its series, its storage and its rows.

Runs record the rows of dead tokens or of all; the corpus' masks tell which rows of all are whose.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deadtokens import lattice
from deadtokens.errors import UserError
from deadtokens.files import layout, masks, series
from deadtokens.files.trajectory import TrajectoryReader

WHICH = ("dead", "live", "all")
OF_STEPS = ("g", "p_mean")  # made in a step; all else is there before the first
NUMBERS = ("U16", "BF16", "F32")  # as which a trajectory holds them
BFLOAT16 = ("U16", "BF16")  # both hold bit patterns


class TokenRows:
    """The rows of dead, live or all tokens, in chunks of time; memory for a chunk and no more.

    dead_mask: (V,) bool, see `read_dead_mask`. `token_ids` (n,) int64, ascending, tells the token
    of each row. Raises UserError if the file is of another vocabulary or corpus than the mask, or
    does not record these tokens.
    """

    def __init__(
        self, trajectory: TrajectoryReader, naming: str, dead_mask: np.ndarray, which: str
    ):
        if which not in WHICH:
            raise UserError(f"tokens: {which!r}, expected one of {', '.join(WHICH)}.")
        self.path = trajectory.path
        self._trajectory = trajectory
        self._stored = series.stored(naming)
        recorded = self._recorded_tokens(dead_mask)
        wanted = {"dead": dead_mask, "live": ~dead_mask, "all": np.ones_like(dead_mask)}[which]
        if not wanted.any():
            raise UserError(f"{self.path}: there is no {which} token in this run's vocabulary.")
        kept = wanted[recorded]
        if kept.sum() < wanted.sum():
            raise UserError(
                f"{self.path}: the rows of {which} tokens are wanted, but those of dead tokens "
                "alone are recorded. Record them with rows: all."
            )
        self.token_ids = recorded[kept]
        self._places = slice(None) if kept.all() else np.flatnonzero(kept)

    def __contains__(self, quantity: str) -> bool:
        return self._stored[quantity][0] in self._trajectory.fields

    def field(self, quantity: str) -> tuple[str, tuple[int, ...]]:
        """Dtype in the file and shape, (rows, n, D), of these tokens; p_mean has no D."""
        name, _ = self._stored[quantity]
        # The same tokens as in the field that told which they are.
        self._trajectory.expect({other: _pattern(other) for other in (self._told_by, name)})
        dtype, (rows, _, *elements) = self._trajectory.fields[name]
        return dtype, (rows, len(self.token_ids), *elements)

    def first_row(self, quantity: str) -> int:
        """The row that belongs to the first step: row 0 may stand for what there was before."""
        return 1 - self._stored[quantity][1]

    def read(self, quantity: str, start: int, stop: int) -> np.ndarray:
        """The rows start..stop-1 as they are stored: (k, n, D), bfloat16 as bit patterns."""
        self.field(quantity)
        return self._trajectory.read(self._stored[quantity][0], start, stop)[:, self._places]

    def chunks(
        self, quantity: str, max_bytes: int, overlap: int = 0
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, rows) as `TrajectoryReader.chunks` does, of these tokens alone.

        `max_bytes` bounds what is read at a time, the rows of all recorded tokens.
        """
        self.field(quantity)
        name, _ = self._stored[quantity]
        for start, rows in self._trajectory.chunks(name, max_bytes, overlap):
            yield start, rows[:, self._places]

    def steps(
        self, quantities: Sequence[str], max_bytes: int
    ) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Yield (first step - 1, rows) of k steps, all quantities together about `max_bytes`.

        Rows of what exists before the first step (W, m, v) are (k+1, n, D), from the state before
        the first of these steps on; rows of g (k, n, D) and p_mean (k, n), one for each step. A
        chunk has one step at least, and all quantities, and v, must be there.
        """
        fields = {name: self.field(name) for name in quantities}
        one_row = sum(layout.row_bytes(field) for field in fields.values())
        steps = self.field("v")[1][0] - 1
        rows = max(1, max_bytes // one_row)
        for start in range(0, steps, rows):
            stop = min(steps, start + rows)
            yield (
                start,
                {
                    name: self.read(name, start + self.first_row(name), stop + self.first_row(name))
                    if name in OF_STEPS
                    else self.read(name, start, stop + 1)
                    for name in fields
                },
            )

    def values(self, quantity: str, max_bytes: int) -> Iterator[tuple[int, np.ndarray]]:
        """`chunks` as numbers: bfloat16 values widened to float32, float32 as it is."""
        dtype, _ = self.field(quantity)
        for start, rows in self.chunks(quantity, max_bytes):
            yield start, lattice.to_float32(rows) if dtype in BFLOAT16 else rows

    def _recorded_tokens(self, dead_mask: np.ndarray) -> np.ndarray:
        """The token of each row in the file, by their number."""
        fields = self._trajectory.fields
        names = [name for name, _ in self._stored.values() if name in fields]
        if not names:
            wanted = ", ".join(name for name, _ in self._stored.values())
            raise UserError(
                f"{self.path}: no rows of tokens in this file (one of {wanted}); it holds "
                f"{', '.join(fields) or 'nothing'}. Is it the file of another series?"
            )
        has_own = masks.mask_name(self._trajectory) is not None
        own = masks.read_dead(self._trajectory, numbers_too=True) if has_own else dead_mask
        self._told_by = names[0]
        self._trajectory.expect({names[0]: _pattern(names[0])})
        shape = fields[names[0]][1]
        choices = np.arange(len(dead_mask)), np.flatnonzero(dead_mask)
        of_number = {len(tokens): tokens for tokens in choices}
        recorded = of_number.get(shape[1] if len(shape) > 1 else None)
        if recorded is None or not np.array_equal(own, dead_mask):
            raise UserError(
                f"{self.path}: {names[0]} {shape} and the masks do not belong together, which tell "
                f"of {dead_mask.sum()} dead tokens among {len(dead_mask)}. Give the trajectory and "
                "the masks.safetensors of one run."
            )
        return recorded


def _pattern(name: str) -> layout.Pattern:
    """Quantities have the same tokens, and all but probabilities the same elements."""
    if name == "p_mean":
        return "F32", ("rows of p_mean", "tokens")
    return NUMBERS, (f"rows of {name}", "tokens", "elements")


def read_dead_mask(path: Path) -> np.ndarray:
    """Which tokens are dead, (V,) bool, from a file of masks; UserError if it is none."""
    with TrajectoryReader(path) as file:
        return masks.read_dead(file)
