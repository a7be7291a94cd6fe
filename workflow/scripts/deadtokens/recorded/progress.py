"""A run on its way, seen from outside: how far it is, its loss, and rows of any step so far."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import in_the_making, masks
from deadtokens.files.access import Reader
from deadtokens.files.storage import open_reader
from deadtokens.recorded import series
from deadtokens.recorded.naming import SERIES
from deadtokens.recorded.rows import BFLOAT16, TokenRows, read_dead_mask
from deadtokens.recorded.steps import numbers

# A trajectory is laid out, and given its final name, within moments.
TRIES, SECONDS_BETWEEN_TRIES = 3, 0.3


@dataclass(frozen=True)
class Progress:
    """One look at a trajectory, complete or in the making.

    last: the last step that is written whole, -1 for none; on_disk: the last that a flush has made
    safe; idle_seconds: since anything was written, 0 of a complete one. loss: (T+1,) float32, NaN
    where there is none yet. rows: of dead tokens, else of all; None if none can be read.
    """

    total: int
    last: int
    on_disk: int
    idle_seconds: float
    is_finished: bool
    loss: np.ndarray
    population: str
    rows: "Rows | None"


@dataclass(frozen=True)
class Rows:
    """W of some tokens, by step."""

    file: Reader
    name: str  # of W in the file
    places: np.ndarray | slice  # of these tokens among the recorded rows

    @classmethod
    def of(cls, file: Reader, naming: str, dead_mask: np.ndarray | None) -> Self | None:
        """Of the dead tokens, of all recorded ones without a mask; None if W is not there."""
        name = SERIES[naming]["W"].name
        if file.fields.get(name, ("",))[0] not in BFLOAT16 or not in_the_making.has_rows(file):
            return None
        if dead_mask is None:
            return cls(file, name, slice(None))
        dead = TokenRows(file, naming, dead_mask, "dead")
        recorded = TokenRows(file, naming, dead_mask, dead.recorded)
        return cls(file, name, np.flatnonzero(np.isin(recorded.token_ids, dead.token_ids)))

    def of_step(self, step: int) -> tuple[np.ndarray, np.ndarray] | None:
        """W before and after a step, (n, D) bit patterns; None if it is not written after all."""
        before, after = self.file.read(self.name, step - 1, step + 1)
        # A disk that lost what was not flushed gives zeros, which no trained matrix is.
        if not before.any() or not after.any():
            return None
        return before[self.places], after[self.places]


@contextmanager
def look(folder: Path, scratch: Path | None, mask_file: Path | None) -> Iterator[Progress]:
    """The newest trajectory of a run's results folder, in the making before finished.

    UserError if there is neither.
    """
    file, path = _opened(folder, scratch)
    with file:
        yield _seen(file, path, mask_file, is_finished=path == in_the_making.final(folder))


def _opened(folder: Path, scratch: Path | None, tries: int = TRIES) -> tuple[Reader, Path]:
    """The newest trajectory and its path, also of a run that begins or ends at this moment."""
    partial = in_the_making.newest(folder, scratch)
    path = partial or in_the_making.final(folder)
    if path is None:
        disk = f" (scratch: {scratch})" if scratch else ""
        raise UserError(
            f"{folder}: no run is in the making there{disk}, nor is there a finished one. "
            f"Train it: snakemake --cores 2 results/{folder.resolve().name}/metadata.json"
        )
    try:
        return in_the_making.open_unfinished(path) if partial else open_reader(path), path
    except UserError:
        if tries == 1:
            raise
        time.sleep(SECONDS_BETWEEN_TRIES)
        return _opened(folder, scratch, tries - 1)


def _seen(file: Reader, path: Path, mask_file: Path | None, is_finished: bool) -> Progress:
    naming = series.naming_of(file)
    stored = SERIES[naming]["loss"]
    file.expect({stored.name: (stored.dtype, ("states",))})
    raw = file.read(stored.name)
    total = len(raw) - 1 + stored.first
    last = total if is_finished else in_the_making.last_step(path, raw)
    on_disk = total if is_finished else in_the_making.flushed(path)
    idle = 0.0 if is_finished else in_the_making.seconds_since_written(path)
    loss = numbers(raw).astype(np.float32)
    loss[last + 1 :] = np.nan
    mask = read_dead_mask(mask_file) if mask_file else None
    if mask is None and masks.mask_name(file) is not None:
        mask = masks.read_dead(file, numbers_too=True)
    population = "all" if mask is None else "dead"
    rows = Rows.of(file, naming, mask)
    return Progress(total, last, on_disk, idle, is_finished, loss, population, rows)
