"""Trajectory files: safetensors written row by row in place, and read in chunks of time.

Header and size of a safetensors file are known before its first row, so a writer lays the whole
file out at once and fills it; a disk that is too small shows then and not hours later. Neither side
holds more than the rows it is asked for. Any safetensors reader opens the files.
"""

import contextlib
import errno
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import layout, opening
from deadtokens.files.access import OpenFile, RowReader, RowWriter
from deadtokens.files.layout import LENGTH_BYTES, NUMPY_DTYPE, Field, Layout
from deadtokens.files.provenance import Verifier

DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class TrajectoryWriter(OpenFile, RowWriter):
    """A safetensors file with the given fields, laid out at once and filled in place.

    `resume` continues an existing file of exactly these fields. What is never written reads as
    zeros. Leaving a `with` block without an exception waits until everything is on the disk.

    Raises UserError if the disk is too small, or the file to resume with is not of these fields.
    With `laid_out`, the file is of another format that holds rows as they are (`hdf5.RowLayout`).
    """

    def __init__(
        self,
        path: str | Path,
        fields: dict[str, Field],
        resume: bool = False,
        laid_out: Layout | None = None,
    ):
        self.path = Path(path)
        self.fields = dict(fields)
        self._layout = laid_out or layout.lay_out(self.fields)
        self._descriptor = (_open if resume else _create)(self.path, self._layout)

    @property
    def needed(self) -> int:
        """How many bytes of the disk the file takes."""
        return self._layout.needed

    def write_columns(self, name: str, row: int, first: int, values: np.ndarray) -> None:
        """Write consecutive entries of axis 1 of one row, from `first` on."""
        self._write_at(self._layout.column_start(name, row, first), values)

    def checksum(self, name: str, start: int, stop: int, before: int = 0) -> int:
        """The CRC-32 of the rows start..stop-1 as they lie in the file, continued from `before`."""
        size = layout.row_bytes(self.fields[name])
        for offset, first, end in self._layout.stretches(name, start, stop):
            for row in range(end - first):
                content = os.pread(self._descriptor, size, offset + row * size)
                before = zlib.crc32(content, before)
        return before

    def flush(self) -> None:
        """Wait until all that is written is on the disk."""
        with full_disk_reported(self.path, self._layout.needed):
            os.fsync(self._descriptor)

    def __exit__(self, exception_type, exception, traceback) -> None:
        try:
            if exception_type is None:
                self.flush()
        finally:
            self.close()

    def _put(self, name: str, start: int, values: np.ndarray) -> None:
        for offset, first, end in self._layout.stretches(name, start, start + len(values)):
            self._write_at(offset, values[first - start : end - start])

    def _write_at(self, offset: int, values: np.ndarray) -> None:
        left = memoryview(values.reshape(-1).view(np.uint8))
        with full_disk_reported(self.path, self._layout.needed):
            while left:
                written = os.pwrite(self._descriptor, left, offset)
                left, offset = left[written:], offset + written


def write_file(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a safetensors file of whole numpy arrays; uint16 is stored as U16."""
    names = {dtype: name for name, dtype in NUMPY_DTYPE.items() if name != "BF16"}
    fields = {name: (names[array.dtype], array.shape) for name, array in arrays.items()}
    with TrajectoryWriter(path, fields) as file:
        for name, array in arrays.items():
            file.write(name, array)


class TrajectoryReader(OpenFile, RowReader):
    """Lazy access to a safetensors file: memory for the rows asked for, and no more.

    `fields` holds dtype and shape of every key, but those of dtypes that numpy has not: `foreign`
    says theirs. Raises UserError if the file is missing, truncated or no safetensors file.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._descriptor = opening.descriptor(self.path)
        try:
            self._verify = Verifier(self.path, self._descriptor)
            self._layout = self._read_layout()
        except BaseException:
            self.close()
            raise
        self.fields = self._layout.fields
        self.foreign = self._layout.foreign

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """A fresh array of the rows start..stop-1 of axis 0 (all of them by default)."""
        self.require(name)
        dtype, shape = self.fields[name]
        if shape:
            start, stop, _ = slice(start, stop).indices(shape[0])
            shape = (max(0, stop - start), *shape[1:])
        values = np.empty(shape, NUMPY_DTYPE[dtype])
        self._read_at(self._layout.row_start(name, start), values)
        return values

    def read_columns(self, name: str, row: int, first: int, into: np.ndarray) -> None:
        """Fill an array with consecutive entries of axis 1 of one row, from `first` on."""
        self._read_at(self._layout.column_start(name, row, first), into)

    def _read_at(self, offset: int, values: np.ndarray) -> None:
        content = left = memoryview(values.reshape(-1).view(np.uint8))
        start = offset
        while left:
            count = self._pread_into(left, offset)
            if count == 0:
                raise UserError(f"{self.path}: was cut short while it was read.")
            left, offset = left[count:], offset + count
        self._verify(start, content)

    def _pread_into(self, buffer: memoryview, offset: int) -> int:
        try:
            return os.preadv(self._descriptor, [buffer], offset)
        except OSError as error:
            raise opening.unreadable(self.path, error) from error

    def _read_layout(self) -> Layout:
        size = os.fstat(self._descriptor).st_size
        self._verify.check_stretch(0, min(size, LENGTH_BYTES))
        start = bytearray(LENGTH_BYTES)
        read = self._pread_into(memoryview(start), 0)
        length = int.from_bytes(start, "little")
        if read < LENGTH_BYTES or length > layout.LONGEST_HEADER:
            raise UserError(f"{self.path}: not a safetensors file. Make it again.")
        header = bytearray(min(LENGTH_BYTES + length, size))
        self._read_at(0, np.frombuffer(header, np.uint8))
        try:
            found = layout.parse(bytes(header))
        except ValueError as error:
            raise UserError(f"{self.path}: truncated or damaged: {error}. Make it again.") from None
        if size != found.size:
            raise UserError(
                f"{self.path}: truncated or damaged: {size} bytes where its header states "
                f"{found.size}. Delete it and make it again."
            )
        return found


def _create(path: Path, wanted: Layout) -> int:
    """Create the file in its full size; nothing is left of it if the disk is too small."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        with full_disk_reported(path, wanted.needed):
            if hasattr(os, "posix_fallocate"):
                for offset, size in wanted.reserved:
                    os.posix_fallocate(descriptor, offset, size)
            elif wanted.needed > shutil.disk_usage(path.parent).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.truncate(descriptor, wanted.size)
            for offset, content in wanted.frame.items():
                os.pwrite(descriptor, content, offset)
    except BaseException:
        os.close(descriptor)
        path.unlink()
        raise
    return descriptor


def _open(path: Path, wanted: Layout) -> int:
    """Open a file to resume with."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file to resume with. Start again.") from None
    size = os.fstat(descriptor).st_size
    frame = wanted.frame.items()
    if size != wanted.size or any(os.pread(descriptor, len(c), at) != c for at, c in frame):
        os.close(descriptor)
        raise UserError(
            f"{path}: {size} bytes that are not laid out for what this run records "
            f"({wanted.size} bytes: {', '.join(wanted.fields)}). Delete it to start again."
        )
    return descriptor


@contextlib.contextmanager
def full_disk_reported(path: Path, size: int) -> Iterator[None]:
    """Turn a full disk into a UserError that says how much is needed and how much is free."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_IS_FULL:
            raise
        free = shutil.disk_usage(path.parent).free
        raise UserError(
            f"{path}: {error.strerror}. The file needs {size:,} bytes and {free:,} are free there. "
            "Free some space, or let the results go to a larger disk."
        ) from error
