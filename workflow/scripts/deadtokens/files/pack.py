"""A file of compressed chunks that are written one after the other and found again after a kill."""

import contextlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files.access import OpenFile

# Number of the field, number of the chunk, number of blobs, CRC-32 of sizes and blobs, and last of
# all what makes it valid.
HEAD = struct.Struct("<4q8s")
WHOLE = b"complete"
SIZE = np.dtype("<i8")  # of a blob; the sizes lie between head and blobs


class Pack(OpenFile):
    """Records of blobs, each under a field and a chunk number; the last one written counts.

    A record that a kill cut short is not there: its head is written after its blobs. `size` is that
    of the file. Raises UserError if the file to resume with does not exist.
    """

    def __init__(self, path: Path, resume: bool):
        self.path = path
        self._places: dict[tuple[int, int], tuple[int, np.ndarray, int]] = {}  # blobs, sizes, CRC
        mode = os.O_RDWR if resume else os.O_RDWR | os.O_CREAT | os.O_TRUNC
        try:
            self._descriptor = os.open(path, mode, 0o666)
        except FileNotFoundError:
            raise UserError(f"{path}: there is no such file to resume with. Start again.") from None
        self.size = self._scan()

    def append(self, field: int, chunk: int, count: int, blobs: Iterable[bytes]) -> None:
        """Add a record of `count` blobs; it is on the disk when this returns."""
        os.truncate(self._descriptor, self.size)
        sizes = np.empty(count, SIZE)
        begin = end = self.size + HEAD.size + sizes.nbytes
        check = 0
        for number, blob in enumerate(blobs):
            self._write(blob, end)
            check = zlib.crc32(blob, check)
            sizes[number] = len(blob)
            end += len(blob)
        check = zlib.crc32(sizes, check)
        self._write(sizes.tobytes(), begin - sizes.nbytes)
        os.fsync(self._descriptor)
        self._write(HEAD.pack(field, chunk, count, check, WHOLE), self.size)
        os.fsync(self._descriptor)
        self._places[field, chunk] = begin, sizes, check
        self.size = end

    def __contains__(self, record: tuple[int, int]) -> bool:
        return record in self._places

    def blobs(self, field: int, chunk: int) -> Iterator[bytes]:
        """The blobs of a record, one after the other; UserError before the first if damaged."""
        begin, sizes, expected = self._places[field, chunk]
        check = 0
        for blob in self._read(begin, sizes):
            check = zlib.crc32(blob, check)
        if zlib.crc32(sizes, check) != expected:
            raise self.damaged("a chunk does not match its CRC-32")
        yield from self._read(begin, sizes)

    def damaged(self, what: str) -> UserError:
        """The exception for a file that cannot be resumed."""
        return UserError(
            f"{self.path}: cannot resume with these rows: {what}. Delete it to start again."
        )

    def _scan(self) -> int:
        """Find all complete records; the end of the last one."""
        end, size = 0, os.fstat(self._descriptor).st_size
        with contextlib.suppress(struct.error):  # at the end of the file
            while True:
                head = os.pread(self._descriptor, HEAD.size, end)
                field, chunk, count, check, mark = HEAD.unpack(head)
                begin = end + HEAD.size + count * SIZE.itemsize
                if mark != WHOLE or not end + HEAD.size <= begin <= size:
                    break  # the first is what a kill leaves, the second is damage
                listed = os.pread(self._descriptor, count * SIZE.itemsize, end + HEAD.size)
                sizes = np.frombuffer(listed, SIZE)
                if (sizes < 0).any() or sum(sizes.tolist()) > size - begin:
                    break
                self._places[field, chunk] = begin, sizes, check
                end = begin + int(sizes.sum())
        return end

    def _read(self, offset: int, sizes: np.ndarray) -> Iterator[bytes]:
        for size in sizes.tolist():
            yield os.pread(self._descriptor, size, offset)
            offset += size

    def _write(self, content: bytes, offset: int) -> None:
        left = memoryview(content)
        while left:
            written = os.pwrite(self._descriptor, left, offset)
            left, offset = left[written:], offset + written
