"""What readers and writers of trajectories do, of whatever format, and what all of them share.

`Reader` and `Writer` say what may be relied on; `storage` opens and creates files of every format.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import layout
from deadtokens.files.layout import NUMPY_DTYPE, Field

if TYPE_CHECKING:
    import torch

    Array = np.ndarray | torch.Tensor


@runtime_checkable
class Reader(Protocol):
    """Lazy access to a file of named arrays: memory for the rows asked for, and no more.

    `fields` holds dtype and shape of every key, but those of dtypes that numpy has not: `foreign`
    has the names of theirs. A context manager.
    """

    path: Path
    fields: Mapping[str, Field]
    foreign: Mapping[str, str]

    def require(self, *names: str) -> None:
        """Raise UserError unless all these keys are there, of dtypes that numpy has."""

    def expect(self, fields: Mapping[str, layout.Pattern]) -> None:
        """Raise UserError unless all these keys are there, of these dtypes and shapes."""

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """A fresh array of the rows start..stop-1 of axis 0 (all of them by default)."""

    def chunks(
        self, name: str, max_bytes: int, overlap: int = 0
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, rows) from the first row to the last, each array within `max_bytes`."""

    def close(self) -> None:
        """Close the file; a second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, exception_type, exception, traceback) -> None: ...


@runtime_checkable
class Writer(Protocol):
    """A file with fields laid out beforehand, filled row by row. A context manager: the file is
    complete on the disk once its block ends without an exception.
    """

    path: Path
    fields: Mapping[str, Field]

    def write_row(self, name: str, t: int, array: "Array") -> None:
        """Write row `t` of axis 0."""

    def write_rows(self, name: str, start: int, array: "Array") -> None:
        """Write consecutive rows of axis 0, from row `start` on."""

    def write(self, name: str, array: "Array") -> None:
        """Write a whole field."""

    def checksum(self, name: str, start: int, stop: int, before: int = 0) -> int:
        """A checksum of the rows start..stop-1 as they lie in the file, continued from `before`."""

    def flush(self) -> None:
        """Wait until all that is written is on the disk."""

    def close(self) -> None:
        """Close the file as it is; a second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, exception_type, exception, traceback) -> None: ...


class OpenFile:
    """An open descriptor that closes itself: what reader and writer share."""

    _descriptor: int | None

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception) -> None:
        self.close()


class RowReader:
    """What every reader makes of its `path`, `fields`, `foreign` and `read`."""

    path: Path
    fields: Mapping[str, Field]
    foreign: Mapping[str, str]

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """A fresh array of the rows start..stop-1 of axis 0 (all of them by default)."""
        raise NotImplementedError

    def require(self, *names: str) -> None:
        """Raise UserError unless all these keys are there, of dtypes that numpy has."""
        missing = [name for name in names if name not in self.fields]
        for name in missing:
            if name in self.foreign:
                raise UserError(
                    f"{self.path}: {name} is {self.foreign[name]}, which cannot be read here; "
                    f"expected one of {', '.join(NUMPY_DTYPE)}."
                )
        if missing:
            raise UserError(
                f"{self.path}: no {', '.join(missing)} in this file; it holds "
                f"{', '.join(self.fields) or 'nothing'}. Is it the file of another rule?"
            )

    def expect(self, fields: Mapping[str, layout.Pattern]) -> None:
        """Raise UserError unless all these keys are there, of these dtypes and shapes.

        A dtype may be several; a size may be a name, which stands for one number in all of them.
        """
        self.require(*fields)
        if found := layout.mismatch(self.fields, fields):
            raise UserError(
                f"{self.path}: {found}. It is the file of another rule or run, or was damaged: "
                "make it again."
            )

    def chunks(
        self, name: str, max_bytes: int, overlap: int = 0
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, rows) from the first row to the last, each array within `max_bytes`.

        Every array begins with the last `overlap` rows of the one before. An array has at least
        `overlap` + 1 rows, be they ever so large.
        """
        self.require(name)
        dtype, shape = self.fields[name]
        row_bytes = max(1, layout.field_bytes((dtype, shape[1:])))
        rows = max(overlap + 1, max_bytes // row_bytes)
        for start in range(0, max(0, shape[0] - overlap), rows - overlap):
            yield start, self.read(name, start, start + rows)


class RowWriter:
    """What every writer makes of its `fields` and `_put`: arrays are held to the field they go to.

    Arrays are numpy arrays or CPU torch tensors of exactly the field's dtype and shape; for U16 and
    BF16 both uint16 bit patterns and bfloat16 tensors are taken.
    """

    fields: Mapping[str, Field]

    def write_row(self, name: str, t: int, array: "Array") -> None:
        """Write row `t` of axis 0."""
        self.write_rows(name, t, _as_numpy(array)[None])

    def write_rows(self, name: str, start: int, array: "Array") -> None:
        """Write consecutive rows of axis 0, from row `start` on."""
        dtype, (rows, *row_shape) = self.fields[name]
        values = _checked(name, array, dtype, (len(array), *row_shape))
        if not 0 <= start <= start + len(values) <= rows:
            raise IndexError(f"{len(values)} rows from {start} on do not fit {name!r}, of {rows}")
        self._put(name, start, values)

    def write(self, name: str, array: "Array") -> None:
        """Write a whole field."""
        dtype, shape = self.fields[name]
        values = _checked(name, array, dtype, shape)
        self._put(name, 0, values if shape else values[None])

    def _put(self, name: str, start: int, values: np.ndarray) -> None:
        """Write rows that are those of the field, from row `start` on."""
        raise NotImplementedError


def _as_numpy(array) -> np.ndarray:
    torch = sys.modules.get("torch")  # a tensor can only come from a torch that is loaded already
    if torch is not None and isinstance(array, torch.Tensor):
        array = array.detach()
        array = (array.view(torch.uint16) if array.dtype == torch.bfloat16 else array).numpy()
    return np.asarray(array)


def _checked(name: str, array, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array as it lies in the file; TypeError or ValueError if it is not the field's."""
    values = _as_numpy(array)
    if values.dtype != NUMPY_DTYPE[dtype]:
        raise TypeError(f"{name!r} is {dtype}, not {values.dtype}")
    if values.shape != shape:
        raise ValueError(f"{name!r} takes {shape}, not {values.shape}")
    return np.ascontiguousarray(values)
