"""The rows of chosen tokens of a trajectory, whatever its series, its storage and its rows.

Runs record the rows of dead tokens or of all; the corpus' masks say which rows of all are whose.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import layout, masks
from deadtokens.files.access import Reader
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.recorded import naming as names
from deadtokens.recorded.naming import MADE, STATE
from deadtokens.recorded.steps import Chunks, Rows, Step, each, numbers

POPULATIONS = ("dead", "live", "all")
NUMBERS = ("U16", "BF16", "F32")  # as which a trajectory holds them
BFLOAT16 = ("U16", "BF16")  # both hold bit patterns


class TokenRows:
    """The rows of dead, live or all tokens, in chunks of time; memory for a chunk and no more.

    dead_mask: (V,) bool, see `read_dead_mask`. `token_ids` (n,) int64, ascending, is the token of
    each row; `recorded` is the population whose rows the file holds, dead or all. Raises UserError
    if the file is of another vocabulary or corpus than the mask, or does not record these tokens.
    """

    def __init__(self, trajectory: Reader, naming: str, dead_mask: np.ndarray, population: str):
        if population not in POPULATIONS:
            raise UserError(
                f"population: {population!r}, expected one of {', '.join(POPULATIONS)}."
            )
        self.path = trajectory.path
        self._trajectory = trajectory
        table = names.stored(naming)
        self._stored = {quantity: table[quantity] for quantity in (*STATE, *MADE)}
        recorded = self._recorded_tokens(dead_mask)
        wanted = {"dead": dead_mask, "live": ~dead_mask, "all": np.ones_like(dead_mask)}[population]
        if not wanted.any():
            raise UserError(
                f"{self.path}: there is no {population} token in this run's vocabulary."
            )
        self.recorded = "dead" if len(recorded) == dead_mask.sum() else "all"
        kept = wanted[recorded]
        if kept.sum() < wanted.sum():
            raise UserError(
                f"{self.path}: the rows of {population} tokens are wanted, but those of dead "
                "tokens alone are recorded. Record them with rows: all."
            )
        self.token_ids = recorded[kept]
        self._places = slice(None) if kept.all() else np.flatnonzero(kept)

    def __contains__(self, quantity: str) -> bool:
        return self._stored[quantity].name in self._trajectory.fields

    def field(self, quantity: str) -> tuple[str, tuple[int, ...]]:
        """Dtype in the file and shape, (rows, n, D), of these tokens; p_mean has no D."""
        name = self._stored[quantity].name
        # The same tokens as in the field that they are known by.
        self._trajectory.expect({other: _pattern(other) for other in (self._known_by, name)})
        dtype, (rows, _, *elements) = self._trajectory.fields[name]
        return dtype, (rows, len(self.token_ids), *elements)

    def first_row(self, quantity: str) -> int:
        """The row that belongs to the first step: row 0 may stand for what there was before."""
        return 1 - self._stored[quantity].first

    def read(self, quantity: str, start: int, stop: int) -> np.ndarray:
        """The rows start..stop-1 as they are stored: (k, n, D), bfloat16 as bit patterns."""
        self.field(quantity)
        return self._trajectory.read(self._stored[quantity].name, start, stop)[:, self._places]

    def chunks(
        self, quantity: str, max_bytes: int, overlap: int = 0
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, rows) as `Reader.chunks` does, of these tokens alone.

        `max_bytes` bounds what is read at a time, the rows of all recorded tokens.
        """
        self.field(quantity)
        name = self._stored[quantity].name
        for start, rows in self._trajectory.chunks(name, max_bytes, overlap):
            yield start, rows[:, self._places]

    def values(self, quantity: str, max_bytes: int) -> Iterator[tuple[int, np.ndarray]]:
        """`chunks` as numbers: bfloat16 values widened to float32, float32 as it is."""
        for start, rows in self.chunks(quantity, max_bytes):
            yield start, numbers(rows)

    def number_of_steps(self, quantities: Iterable[str]) -> int:
        """The steps that the file records of each of these quantities; UserError if they differ."""
        found = {name: self.field(name)[1][0] - self.first_row(name) for name in quantities}
        if len(set(found.values())) > 1:
            stated = ", ".join(f"{steps} of {name}" for name, steps in found.items())
            raise UserError(
                f"{self.path}: expected as many steps of each quantity, found {stated}. It was "
                "damaged, or is the file of another series: make it again."
            )
        return next(iter(found.values()))

    def steps(self, quantities: Sequence[str], max_bytes: int) -> Iterator[Step]:
        """Every step with these quantities, from the first to the last.

        `max_bytes` bounds what is read at a time, the rows of all recorded tokens; a step at least.
        """
        return each(self._chunks_of_steps(quantities, max_bytes))

    def step(self, number: int, quantities: Sequence[str]) -> Step:
        """The same for one step alone, counted from 1."""
        return next(each([(number - 1, self._rows_of_steps(quantities, number - 1, number))]))

    def _chunks_of_steps(self, quantities: Sequence[str], max_bytes: int) -> Chunks:
        total = self.number_of_steps(quantities)
        fields = (self._trajectory.fields[self._stored[name].name] for name in quantities)
        at_once = max(1, max_bytes // sum(layout.row_bytes(field) for field in fields))
        for start in range(0, total, at_once):
            stop = min(total, start + at_once)
            yield start, self._rows_of_steps(quantities, start, stop)

    def _rows_of_steps(self, quantities: Sequence[str], start: int, stop: int) -> Rows:
        """The rows of steps start+1..stop; of a state those before the first of them, too."""
        firsts = {name: 0 if name in STATE else self.first_row(name) for name in quantities}
        return {
            name: self.read(name, first + start, first + stop + (name in STATE))
            for name, first in firsts.items()
        }

    def _recorded_tokens(self, dead_mask: np.ndarray) -> np.ndarray:
        """The token of each row in the file, by their number."""
        fields = self._trajectory.fields
        recorded = [stored.name for stored in self._stored.values() if stored.name in fields]
        if not recorded:
            wanted = ", ".join(stored.name for stored in self._stored.values())
            raise UserError(
                f"{self.path}: no rows of tokens in this file (one of {wanted}); it holds "
                f"{', '.join(fields) or 'nothing'}. Is it the file of another series?"
            )
        has_own = masks.mask_name(self._trajectory) is not None
        own = masks.read_dead(self._trajectory, numbers_too=True) if has_own else dead_mask
        self._known_by = recorded[0]
        self._trajectory.expect({self._known_by: _pattern(self._known_by)})
        shape = fields[self._known_by][1]
        choices = np.arange(len(dead_mask)), np.flatnonzero(dead_mask)
        of_number = {len(tokens): tokens for tokens in choices}
        tokens = of_number.get(shape[1] if len(shape) > 1 else None)
        if tokens is None or not np.array_equal(own, dead_mask):
            raise UserError(
                f"{self.path}: {self._known_by} {shape} and the masks do not belong together, "
                f"for those mark {dead_mask.sum()} dead tokens among {len(dead_mask)}. Give the "
                "trajectory and the masks.safetensors of one run."
            )
        return tokens


def _pattern(name: str) -> layout.Pattern:
    """Quantities have the same tokens, and all but probabilities the same elements."""
    if name == "p_mean":
        return "F32", ("rows of p_mean", "tokens")
    return NUMBERS, (f"rows of {name}", "tokens", "elements")


def read_dead_mask(path: Path) -> np.ndarray:
    """Which tokens are dead, (V,) bool, from a file of masks; UserError if it is none."""
    with TrajectoryReader(path) as file:
        return masks.read_dead(file)
