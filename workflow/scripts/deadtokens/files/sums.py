"""Checksums of the rows that a killed run left, so that it resumes from no damaged row.

They lie beside the unfinished file and cover all that was on the disk at the last flush. Rows that
came after it are written again by the run that resumes.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from deadtokens.errors import UserError
from deadtokens.files import documents
from deadtokens.files.access import Writer


def beside(path: Path) -> Path:
    """Where the checksums of an unfinished file lie."""
    return path.with_name(path.name + ".sums")


class RowSums:
    """A CRC-32 per field over its rows in the order of time.

    first_steps: the step that row 0 of each field belongs to. With `resume` the rows in the file
    are held against the checksums beside it: UserError if they differ or are gone.
    """

    def __init__(self, file: Writer, first_steps: Mapping[str, int], resume: bool):
        self._file, self._first_steps = file, dict(first_steps)
        self._path = beside(file.path)
        self._new_path = self._path.with_name(self._path.name + ".new")
        self._new_path.unlink(missing_ok=True)  # half written when the run was killed
        self._step, self._sums = -1, dict.fromkeys(first_steps, 0)
        if resume:
            self._check()
        else:
            self._path.unlink(missing_ok=True)

    def extend(self, step: int) -> None:
        """Cover the rows up to this step, which are on the disk; what is covered stays so."""
        if step > self._step:
            self._sums, self._step = self._over_rows(self._step, step, self._sums), step
            with self._new_path.open("w", encoding="utf-8") as file:
                json.dump({"step": step, "sums": self._sums}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(self._new_path, self._path)

    def _over_rows(self, done: int, step: int, sums: Mapping[str, int]) -> dict[str, int]:
        """The sums of rows up to `done`, continued over those after it up to `step`."""
        return {
            name: self._file.checksum(name, max(0, done + 1 - first), step + 1 - first, sums[name])
            for name, first in self._first_steps.items()
        }

    def _check_step(self) -> None:
        """ValueError if the checksums are of more rows than there are."""
        for name, first in self._first_steps.items():
            rows = self._file.fields[name][1][0]
            if not -1 <= self._step < rows + first:
                raise ValueError(f"step {self._step:,}, but {name} has {rows:,} rows")

    def _check(self) -> None:
        advice = f"Delete {self._file.path} to start again."
        try:
            kept = documents.read(self._path, {"step": int, "sums": {str: int}})
            self._step, self._sums = kept["step"], kept["sums"]
            self._check_step()
        except (UserError, ValueError) as error:
            raise UserError(f"{self._path}: no readable checksums ({error}). {advice}") from None
        found = self._over_rows(-1, self._step, dict.fromkeys(self._first_steps, 0))
        damaged = [name for name in found if found[name] != self._sums.get(name)]
        if damaged:
            raise UserError(
                f"{self._file.path}: rows of {', '.join(damaged)} up to step {self._step} do not "
                f"match their checksums, so the file was damaged. {advice}"
            )
