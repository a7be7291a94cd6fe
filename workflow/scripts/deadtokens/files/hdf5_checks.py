"""An HDF5 file held against its record: HDF5 reads by itself, so what it reads is read once more.

What lies between the values, HDF5's own account of the file, is checked when the file is opened;
rows when they are asked for, compressed chunks once.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import h5py

from deadtokens.files.provenance import Verifier


class Piece(NamedTuple):
    """Where the file holds the values of some rows of a dataset."""

    first: int
    end: int
    offset: int
    size: int
    row_bytes: int | None  # None if rows do not lie there one after the other


class Checks:
    """Checks of what is read; UserError where it differs from the record, nothing without one."""

    def __init__(self, path: Path, descriptor: int, datasets: Mapping[str, h5py.Dataset]):
        self._verify = Verifier(path, descriptor)
        self._done: set[int] = set()
        self._pieces = {}
        if self._verify.has_record:
            self._pieces = {name: list(_pieces(d)) for name, d in datasets.items()}
            self._check_between(os.fstat(descriptor).st_size)

    def rows(self, name: str, start: int, stop: int) -> None:
        """Check what holds the rows start..stop-1 of a dataset."""
        for piece in self._pieces.get(name, ()):
            first, end = max(start, piece.first), min(stop, piece.end)
            if first >= end:
                continue
            if piece.row_bytes is not None:
                offset = piece.offset + (first - piece.first) * piece.row_bytes
                self._verify.check_stretch(offset, (end - first) * piece.row_bytes)
            elif piece.offset not in self._done:
                self._verify.check_stretch(piece.offset, piece.size)
                self._done.add(piece.offset)

    def _check_between(self, file_size: int) -> None:
        at = 0
        pieces = sorted(p.offset for pieces in self._pieces.values() for p in pieces)
        sizes = {p.offset: p.size for pieces in self._pieces.values() for p in pieces}
        for offset in [*pieces, file_size]:
            if offset > at:
                self._verify.check_stretch(at, offset - at)
            at = max(at, offset + sizes.get(offset, 0))


def _pieces(dataset: h5py.Dataset) -> Iterator[Piece]:
    rows = dataset.shape[0] if dataset.shape else 1
    size = dataset.id.get_storage_size()
    if dataset.chunks is None:
        offset = dataset.id.get_offset()  # None of values that lie in the account itself
        if offset is not None and rows:
            yield Piece(0, rows, offset, size, size // rows)
        return
    layer = dataset.chunks[0]
    is_plain = not dataset.id.get_create_plist().get_nfilters()
    is_whole = is_plain and dataset.chunks[1:] == dataset.shape[1:]
    found: list[Piece] = []

    def note(chunk) -> None:
        first = chunk.chunk_offset[0]
        row_bytes = chunk.size // layer if is_whole else None
        found.append(Piece(first, first + layer, chunk.byte_offset, chunk.size, row_bytes))

    dataset.id.chunk_iter(note)
    yield from found
