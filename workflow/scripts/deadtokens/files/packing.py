"""Compressed HDF5 files: rows wait in a window until a chunk of time is full, then it is packed.

HDF5 moves compressed chunks about and leaves no readable file when it is killed, so nothing is
HDF5 until the last row is written. Until then there are two files: in the window, a safetensors
file, lie the rows of one chunk of every field, and the fields without chunks; in the pack, record
after record, the chunks that have left the window. From these the HDF5 file is made in one go and
in a fixed order: equal rows give equal bytes, however often a writer was killed.

Chunks go along time, for it is there that a trajectory repeats itself: few tokens over many steps,
which HDF5's own filters (shuffle, deflate) shrink and every HDF5 reads.
"""

import contextlib
import errno
import itertools
import math
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import h5py
import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import hdf5
from deadtokens.files.access import RowWriter
from deadtokens.files.fileobjects import Output
from deadtokens.files.layout import NUMPY_DTYPE, Field
from deadtokens.files.pack import Pack
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter, full_disk_reported

# Elements of a row within a chunk: the row before must lie within deflate's reach of 32 kB.
ROW_ELEMENTS = 1024
LEVEL = 1  # of deflate; level 4 makes files a tenth smaller, at down to half the speed
HELD_BYTES = 16_000_000  # of rows in memory at a time
# In the window: which chunk of every field lies there, -1 for none; what the pack must hold.
HELD, PACKED = "held_chunk", "packed_bytes"


class PackingWriter(RowWriter):
    """A `Writer` whose file is HDF5 once its `with` block ends without an exception.

    Before that, `path` is the pack and the window lies beside it as `path`.window. With `resume`
    both are resumed, or a finished file is. Rows may come in any order, but going back and
    forth between chunks packs each time. The window's disk space is reserved; how much the packed
    chunks take nobody knows beforehand. They lie there twice while the HDF5 file is made.
    """

    def __init__(
        self,
        path: str | Path,
        fields: Mapping[str, Field],
        chunk_rows: int,
        attributes: Mapping,
        resume: bool = False,
    ):
        self.path = Path(path)
        self.fields = dict(fields)
        self._attributes = dict(attributes)
        names = [name for name, field in self.fields.items() if hdf5.is_chunked(field)]
        self._numbers = {name: number for number, name in enumerate(names)}
        self._chunks = {name: _chunk_shape(self.fields[name], chunk_rows) for name in names}
        self._window_path, self._new_path = self._beside(".window"), self._beside(".new")
        if resume and hdf5.is_hdf5(self.path):
            self._unpack()
        with contextlib.ExitStack() as files:
            self._window = files.enter_context(
                TrajectoryWriter(self._window_path, self._window_fields(), resume)
            )
            if not resume:
                self._window.write(HELD, np.full(len(names), -1))
            self._in_window = files.enter_context(TrajectoryReader(self._window_path))
            self._pack = files.enter_context(Pack(self.path, resume))
            self._files = files.pop_all()
        if self._pack.size < self._in_window.read(PACKED):
            self.close()
            raise self._pack.damaged("some chunks are lost")
        self._held = dict(zip(names, self._in_window.read(HELD).tolist(), strict=True))
        self._changed = {name for name in names if self._held[name] >= 0}

    def checksum(self, name: str, start: int, stop: int, before: int = 0) -> int:
        """Nothing new: packed chunks have checksums of their own."""
        return before

    def flush(self) -> None:
        """Wait until all that is written is on the disk."""
        self._window.flush()  # what is in the pack is on the disk already

    def close(self) -> None:
        """Close the files as they are, to resume with; a second call does nothing."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exception_type, exception, traceback) -> None:
        try:
            if exception_type is None:
                for name in self._chunks:
                    self._pack_window(name)
                self._write_hdf5()
                os.replace(self._new_path, self.path)
                self._window_path.unlink()
        finally:
            self.close()

    def _put(self, name: str, start: int, values: np.ndarray) -> None:
        if name not in self._chunks:
            if self.fields[name][1]:
                self._window.write_rows(name, start, values)
            else:
                self._window.write(name, values.reshape(()))
            return
        chunk_rows, stop = self._chunks[name][0], start + len(values)
        for chunk in range(start // chunk_rows, -(-stop // chunk_rows)):
            first = max(start, chunk * chunk_rows)
            end = min(stop, (chunk + 1) * chunk_rows)
            self._hold(name, chunk)
            self._window.write_rows(name, first % chunk_rows, values[first - start : end - start])
            self._changed.add(name)

    def _hold(self, name: str, chunk: int) -> None:
        """Let the window hold this chunk; the one that it held is packed."""
        if self._held[name] == chunk:
            return
        self._pack_window(name)
        number = self._numbers[name]
        # A kill from here on finds no chunk in the window: the pack has the one before and this.
        self._window.write_row(HELD, number, np.int64(-1))
        self._window.flush()
        packed = (number, chunk) in self._pack
        blobs = self._pack.blobs(number, chunk) if packed else itertools.repeat(None)
        for first, columns in self._column_groups(name):
            self._write_columns(name, first, self._decoded(name, columns, blobs))
        self._window.write_row(HELD, number, np.int64(chunk))
        self._held[name] = chunk

    def _pack_window(self, name: str) -> None:
        if name not in self._changed:
            return
        with full_disk_reported(self.path, self._pack.size + self._window.needed):
            self._pack.append(
                self._numbers[name], self._held[name], self._blob_count(name), self._encoded(name)
            )
        self._window.write(PACKED, np.int64(self._pack.size))
        self._changed.remove(name)

    def _encoded(self, name: str) -> Iterator[bytes]:
        """The chunks of HDF5 that the window of a field makes, by their first column."""
        shape = self._chunks[name]
        for first, columns in self._column_groups(name):
            rows = self._read_columns(name, first, columns)
            for at in range(0, columns, shape[1]):
                part = rows[:, at : at + shape[1]]
                chunk = np.zeros(shape, part.dtype)
                chunk[:, : part.shape[1]] = part
                shuffled = chunk.reshape(-1).view(np.uint8).reshape(-1, chunk.itemsize).T
                yield zlib.compress(np.ascontiguousarray(shuffled), LEVEL)

    def _decoded(self, name: str, columns: int, blobs: Iterator[bytes | None]) -> np.ndarray:
        """The next so many columns of a chunk, (rows, columns, ...); zeros where there is none."""
        shape, dtype = self._chunks[name], NUMPY_DTYPE[self.fields[name][0]]
        rows = np.zeros((shape[0], columns, *shape[2:]), dtype)
        for at in range(0, columns, shape[1]):
            if (blob := next(blobs)) is not None:
                shuffled = np.frombuffer(zlib.decompress(blob), np.uint8)
                flat = np.ascontiguousarray(shuffled.reshape(dtype.itemsize, -1).T).view(dtype)
                part = rows[:, at : at + shape[1]]
                part[:] = flat.reshape(shape)[:, : part.shape[1]]
        return rows

    def _column_groups(self, name: str) -> Iterator[tuple[int, int]]:
        """(first column, columns) of the parts of a window that are held in memory at a time."""
        shape, columns = self._chunks[name], self.fields[name][1][1]
        chunk_bytes = math.prod(shape) * NUMPY_DTYPE[self.fields[name][0]].itemsize
        step = shape[1] * max(1, HELD_BYTES // chunk_bytes)
        for first in range(0, columns, step):
            yield first, min(step, columns - first)

    def _read_columns(self, name: str, first: int, columns: int) -> np.ndarray:
        shape = self._chunks[name]
        rows = np.empty((shape[0], columns, *shape[2:]), NUMPY_DTYPE[self.fields[name][0]])
        for row, values in enumerate(rows):
            self._in_window.read_columns(name, row, first, values)
        return rows

    def _write_columns(self, name: str, first: int, rows: np.ndarray) -> None:
        for row, values in enumerate(rows):
            self._window.write_columns(name, row, first, values)

    def _write_hdf5(self) -> None:
        with full_disk_reported(self._new_path, self._pack.size):
            if self._pack.size > shutil.disk_usage(self.path.parent).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            with Output(self._new_path, "w+") as output:
                with h5py.File(output, "w") as file:
                    file.attrs.update(self._attributes)
                    for name, field in self.fields.items():
                        self._write_dataset(file, name, field, output)
                output.check()
                os.fsync(output.fileno())

    def _write_dataset(self, file: h5py.File, name: str, field: Field, output: Output) -> None:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if name not in self._chunks:
            values = self._in_window.read(name)
            dataset = hdf5.create_dataset(file, name, field, None, create)
            if values.size:
                dataset[()] = values
            return
        create.set_shuffle()
        create.set_deflate(LEVEL)
        dataset = hdf5.create_dataset(file, name, field, self._chunks[name], create)
        for chunk, offsets in self._hdf5_chunks(name):
            if (self._numbers[name], chunk) in self._pack:
                blobs = self._pack.blobs(self._numbers[name], chunk)
                for offset, blob in zip(offsets, blobs, strict=True):
                    dataset.id.write_direct_chunk(offset, blob)
                    output.check()

    def _unpack(self) -> None:
        """Make window and pack of a finished file, which a kill kept from being used."""
        with hdf5.Hdf5Reader(self.path) as file:
            if file.fields != self.fields:
                raise UserError(
                    f"{self.path}: holds {', '.join(file.fields)}, which is not laid out for what "
                    f"this run records ({', '.join(self.fields)}). Delete it to start again."
                )
            with TrajectoryWriter(self._window_path, self._window_fields()) as window:
                window.write(HELD, np.full(len(self._chunks), -1))
                for name in self.fields.keys() - self._chunks.keys():
                    window.write(name, file.read(name))
            with Pack(self._new_path, resume=False) as pack:
                for name, number in self._numbers.items():
                    for chunk, offsets in self._hdf5_chunks(name):
                        if blobs := file.packed_chunks(name, offsets):
                            pack.append(number, chunk, len(offsets), blobs)
        os.replace(self._new_path, self.path)

    def _hdf5_chunks(self, name: str) -> Iterator[tuple[int, list[tuple[int, ...]]]]:
        """(chunk of time, the places of HDF5's chunks in it), from the first to the last."""
        shape, (rows, columns, *rest) = self._chunks[name], self.fields[name][1]
        for chunk in range(-(-rows // shape[0])):
            starts = range(0, columns, shape[1])
            yield chunk, [(chunk * shape[0], start, *(0 for _ in rest)) for start in starts]

    def _blob_count(self, name: str) -> int:
        return -(-self.fields[name][1][1] // self._chunks[name][1])

    def _window_fields(self) -> dict[str, Field]:
        fields = {HELD: ("I64", (len(self._chunks),)), PACKED: ("I64", ())}
        for name, (dtype, shape) in self.fields.items():
            rows = (self._chunks[name][0],) if name in self._chunks else shape[:1]
            fields[name] = (dtype, (*rows, *shape[1:]))
        return fields

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)


def _chunk_shape(field: Field, chunk_rows: int) -> tuple[int, ...]:
    _, (rows, columns, *rest) = field
    wide = min(columns, max(1, ROW_ELEMENTS // math.prod(rest)))
    return (min(chunk_rows, rows), wide, *rest)
