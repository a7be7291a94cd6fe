"""HDF5 files: where HDF5 puts the rows of each field, and reading them in chunks of time.

A file without compression is laid out by HDF5 itself, into memory, where all but its rows takes
some kilobytes. Written to disk in one go it is complete and closed before its first row, and rows
go straight to their place: a writer killed at any moment leaves a file that every HDF5 opens.
"""

import contextlib
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import opening
from deadtokens.files.access import OpenFile, RowReader
from deadtokens.files.fileobjects import SparseFile
from deadtokens.files.hdf5_checks import Checks
from deadtokens.files.layout import NUMPY_DTYPE, Field, row_bytes

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SLOTS_PER_CHUNK = 10  # of the chunk cache's hash table: what HDF5 recommends, at least
BITS_OF = "bits_of"  # attribute of a dataset of bfloat16 bit patterns that were given as BF16
# Built in: deflate, shuffle, Fletcher's checksum, szip, n-bit, scale-offset; h5py's LZF.
FILTERS = (*range(1, 7), h5py.h5z.FILTER_LZF)
LINKS = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "a link into another file"}
# What h5py raises on damaged files, besides what it means to.
DAMAGED = (
    *(AttributeError, ArithmeticError, LookupError, MemoryError, OSError),
    *(RuntimeError, SystemError, TypeError, ValueError),
)


class RowLayout:
    """Like `layout.Layout`, for an HDF5 file of uncompressed rows; equal arguments, equal bytes.

    Fields of two or more axes lie in chunks of `chunk_rows` rows of everything (as many as there
    are, if fewer), the others in one piece. HDF5 gives the last chunk its full size too, so a file
    is larger than its rows; the rest of that chunk is a hole and takes no disk.
    """

    def __init__(self, fields: Mapping[str, Field], chunk_rows: int, attributes: Mapping):
        self.fields = dict(fields)
        skeleton = SparseFile()
        with h5py.File(skeleton, "w") as file:
            file.attrs.update(attributes)
            self._runs = {n: _lay_out(file, n, f, chunk_rows) for n, f in fields.items()}
        self.size = skeleton.seek(0, io.SEEK_END)
        self.reserved = sorted(
            (offset, (end - first) * row_bytes(field))
            for name, field in fields.items()
            for offset, first, end in self.stretches(name, 0, _rows(field))
            if (end - first) * row_bytes(field)
        )
        self.needed = sum(size for _, size in self.reserved)
        self.frame = dict(self._between_runs(skeleton))

    def stretches(self, name: str, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield (offset, first row, end row) of each stretch of rows that lie side by side."""
        run_rows, offsets = self._runs[name]
        while start < stop:
            run, within = divmod(start, run_rows)
            end = min(stop, (run + 1) * run_rows)
            yield offsets[run] + within * row_bytes(self.fields[name]), start, end
            start = end

    def _between_runs(self, skeleton: SparseFile) -> Iterator[tuple[int, bytes]]:
        end = 0
        runs = (
            (offset, run_rows * row_bytes(self.fields[name]))
            for name, (run_rows, offsets) in self._runs.items()
            for offset in offsets
        )
        for offset, size in [*sorted(runs), (self.size, 0)]:
            if offset > end:
                skeleton.seek(end)
                yield end, skeleton.read(offset - end)
            end = offset + size


class Hdf5Reader(OpenFile, RowReader):
    """A `Reader` of HDF5 files, compressed or not, of ours or others'.

    Groups and datasets of other kinds than the fields of a trajectory are left out. A compressed
    dataset keeps one layer of its chunks in memory.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.foreign = {}
        self._file = None
        self._descriptor = opening.descriptor(self.path)  # HDF5 would wait for a pipe
        try:
            self._file = h5py.File(self.path, "r")
            datasets = {name: self._inside(name) for name in _names(self._file)}
            fields = {name: _field(dataset) for name, dataset in datasets.items() if dataset}
            self.fields = {name: field for name, field in fields.items() if field}
            self._caches = {name: _chunk_cache(datasets[name]) for name in self.fields}
            kept = {name: datasets[name] for name in self.fields}
            self._checks = Checks(self.path, self._descriptor, kept)
        except DAMAGED as error:
            self.close()
            raise self._not_opened(error) from error
        except UserError:
            self.close()
            raise
        self._open: dict[str, h5py.Dataset] = {}

    def _inside(self, name: str) -> h5py.Dataset | None:
        """The dataset of this name, None if it is no dataset; UserError if it points elsewhere."""
        link = self._file.id.links.get_info(name.encode()).type
        if link != h5py.h5l.TYPE_HARD:
            raise self._elsewhere(name, LINKS.get(link, "a link of a kind of its own"))
        if h5py.h5o.get_info(self._file.id, name.encode()).type != h5py.h5o.TYPE_DATASET:
            return None
        dataset = h5py.h5d.open(self._file.id, name.encode())
        created = dataset.get_create_plist()  # before all else: a shape is asked of the sources
        if created.get_layout() == h5py.h5d.VIRTUAL:
            raise self._elsewhere(name, "a virtual dataset, made of others")
        if created.get_external_count():
            raise self._elsewhere(name, "a dataset whose bytes lie in another file")
        used = [created.get_filter(number)[0] for number in range(created.get_nfilters())]
        if foreign := [number for number in used if number not in FILTERS]:
            raise UserError(
                f"{self.path}: {name} is packed by the filter {foreign[0]}, which is not built in "
                "and would be looked for among programs to load. Pack it again: h5repack -f GZIP=1."
            )
        return h5py.Dataset(dataset)

    def _elsewhere(self, name: str, what: str) -> UserError:
        return UserError(
            f"{self.path}: {name} is {what}. Such are never followed: what is read has to lie in "
            "the file itself. Copy the data into it, or give the file where they lie."
        )

    def _not_opened(self, error: Exception) -> UserError:
        if "unable to lock file" in str(error):
            return UserError(
                f"{self.path}: is locked by another program, which has it open to write ({error}). "
                "Close it there, or wait until that program is done, and start again. If no "
                "program has it open, the file system knows no locks: set the environment variable "
                "HDF5_USE_FILE_LOCKING=FALSE."
            )
        if "already open for write" in str(error):
            return UserError(
                f"{self.path}: cannot be opened as HDF5 ({error}). It is open in another program "
                "that still writes it, or was left open by a program that was killed. Wait for "
                "that program; if there is none: Make it again."
            )
        return UserError(
            f"{self.path}: cannot be opened as HDF5 ({error}). It was cut short, damaged, or "
            "left open by a program that was killed or still writes it. Make it again."
        )

    @property
    def attributes(self) -> dict[str, object]:
        """Those of the file; what is of a type that numpy has not is left out."""
        with self._damage_reported("an attribute"):
            return dict(_attributes(self._file))

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        super().close()
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """A fresh array of the rows start..stop-1 of axis 0 (all of them by default)."""
        self.require(name)
        dtype, shape = self.fields[name]
        rows = ()
        if shape:
            start, stop, _ = slice(start, stop).indices(shape[0])
            shape, rows = (max(0, stop - start), *shape[1:]), np.s_[start:stop]
        with self._damage_reported(name):
            values = np.empty(shape, NUMPY_DTYPE[dtype])
            if values.size:
                self._checks.rows(name, *((start, stop) if shape else (0, 1)))
                self._dataset(name).read_direct(values, rows)
        return values

    def packed_chunks(self, name: str, places: Sequence[tuple[int, ...]]) -> Iterator[bytes] | None:
        """Compressed chunks as they lie in the file, by their first element; None if unwritten."""
        with self._damage_reported(name):
            dataset = self._dataset(name).id
            if dataset.get_chunk_info_by_coord(places[0]).byte_offset is None:
                return None
            self._checks.rows(name, places[0][0], places[0][0] + 1)
        return (self._packed_chunk(name, place) for place in places)

    def _packed_chunk(self, name: str, place: tuple[int, ...]) -> bytes:
        with self._damage_reported(name):
            return self._dataset(name).id.read_direct_chunk(place)[1]

    @contextlib.contextmanager
    def _damage_reported(self, name: str) -> Iterator[None]:
        try:
            yield
        except DAMAGED as error:
            raise UserError(f"{self.path}: {name} is damaged: {error}. Make it again.") from error

    def _dataset(self, name: str) -> h5py.Dataset:
        if name not in self._open:
            identifier = h5py.h5d.open(self._file.id, name.encode(), self._caches[name])
            self._open[name] = h5py.Dataset(identifier)
        return self._open[name]


def is_hdf5(path: Path) -> bool:
    """Whether a file begins like HDF5; False if there is none."""
    if not path.exists():
        return False
    with os.fdopen(opening.descriptor(path), "rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def create_dataset(
    file: h5py.File,
    name: str,
    field: Field,
    chunks: tuple[int, ...] | None,
    create: h5py.h5p.PropDCID,
) -> h5py.Dataset:
    """A dataset without a time stamp, so that equal files have equal bytes."""
    dtype, shape = field
    create.set_obj_track_times(False)
    if chunks:
        create.set_chunk(chunks)
    # By h5py's lower level: the upper one forgets the properties of a scalar.
    kind = h5py.h5t.py_create(NUMPY_DTYPE[dtype], logical=True)
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    dataset = h5py.Dataset(h5py.h5d.create(file.id, name.encode(), kind, space, create))
    if dtype == "BF16":
        dataset.attrs[BITS_OF] = "bfloat16"
    return dataset


def is_chunked(field: Field) -> bool:
    """Whether a field is stored in chunks of time; the others are small."""
    _, shape = field
    return len(shape) > 1 and 0 not in shape


def _lay_out(file: h5py.File, name: str, field: Field, chunk_rows: int) -> tuple[int, list[int]]:
    """Create a dataset with all its space: (rows of a run, where each run starts)."""
    _, shape = field
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    early.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # else HDF5 writes gigabytes of zeros
    run_rows = min(chunk_rows, shape[0]) if is_chunked(field) else _rows(field)
    chunks = (run_rows, *shape[1:]) if is_chunked(field) else None
    dataset = create_dataset(file, name, field, chunks, early)
    if chunks is None:
        offset = dataset.id.get_offset()
        return run_rows, [] if offset is None else [offset]
    starts = {}
    dataset.id.chunk_iter(lambda info: starts.update({info.chunk_offset[0]: info.byte_offset}))
    return run_rows, [starts[row] for row in range(0, shape[0], run_rows)]


def _rows(field: Field) -> int:
    _, shape = field
    return shape[0] if shape else 1


def _names(file: h5py.File) -> list[str]:
    """The names of the root's links, none of which is followed."""
    found: list[bytes] = []
    file.id.links.iterate(found.append)
    return [name.decode("utf-8") for name in found]


def _attributes(file: h5py.File) -> Iterator[tuple[str, object]]:
    """Names and values; what is of a type that numpy has not is left out."""
    for name in file.attrs:
        with contextlib.suppress(TypeError):
            yield name, _plain(file.attrs[name])


def _field(dataset: h5py.Dataset) -> Field | None:
    """Dtype and shape of a dataset; None if it is nothing that a trajectory holds."""
    try:
        dtype = dataset.dtype
    except TypeError:  # one that numpy has not
        return None
    native = dtype.newbyteorder("<") if dtype.kind in "uif" else dtype
    names = [name for name, dtype in NUMPY_DTYPE.items() if dtype == native and name != "BF16"]
    if not names or dataset.shape is None:
        return None
    # That it is there says enough: HDF5 may search for ever for the text of a damaged attribute.
    is_bfloat16 = names[0] == "U16" and BITS_OF in dataset.attrs
    return "BF16" if is_bfloat16 else names[0], dataset.shape


def _chunk_cache(dataset: h5py.Dataset) -> h5py.h5p.PropDAID:
    """Access to a dataset such that no chunk is decompressed twice while rows are read in order."""
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    if dataset.chunks and dataset.id.get_create_plist().get_nfilters():
        pairs = zip(dataset.shape[1:], dataset.chunks[1:], strict=True)
        chunks = math.prod(-(-size // chunk) for size, chunk in pairs)
        layer = chunks * math.prod(dataset.chunks) * dataset.dtype.itemsize
        access.set_chunk_cache(SLOTS_PER_CHUNK * chunks + 1, layer, 0.0)
    return access


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
