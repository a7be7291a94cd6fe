"""Checksums of complete files, by blocks: what is read is checked, and nothing more has to be.

XXH3 (Yann Collet, xxhash.com) of 64 bits for each block of 1 MiB; a file's digest is the XXH3 of
128 bits over those. They reveal damage and exchange, not forgery.
"""

import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import xxhash

BLOCK_BYTES = 1 << 20
DIGEST_BYTES = 8


def blocks(offset: int, size: int) -> range:
    """The numbers of the blocks that hold these bytes; none for none."""
    return range(offset // BLOCK_BYTES, -(-(offset + size) // BLOCK_BYTES)) if size else range(0)


@dataclass(frozen=True)
class Checksums:
    """The checksums of a file: its size in bytes, and a digest of 8 bytes for each block."""

    size: int
    blocks: bytes

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read a file from end to end; memory for one block."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            size = os.fstat(descriptor).st_size
            blocks = b"".join(
                xxhash.xxh3_64_digest(os.pread(descriptor, BLOCK_BYTES, start))
                for start in range(0, size, BLOCK_BYTES)
            )
        finally:
            os.close(descriptor)
        return cls(size, blocks)

    @property
    def digest(self) -> str:
        """One digest of the whole file, 32 hexadecimal digits."""
        return xxhash.xxh3_128_hexdigest(self.size.to_bytes(8, "little") + self.blocks)

    def damaged(
        self, descriptor: int, offset: int, content: memoryview, known: Container[int] = ()
    ) -> bool:
        """Whether `content`, read at `offset` of this file, lies in a block that differs.

        content: bytes (memoryview of format B). What the first and the last block hold beside it
        is read from the descriptor. `known` blocks are left out.
        """
        stop = offset + len(content)
        for number in blocks(offset, len(content)):
            if number in known:
                continue
            start = number * BLOCK_BYTES
            end = min(start + BLOCK_BYTES, self.size)
            if offset <= start and end <= stop:
                block = content[start - offset : end - offset]
            else:
                block = os.pread(descriptor, end - start, start)
            if xxhash.xxh3_64_digest(block) != self._of_block(number):
                return True
        return False

    def _of_block(self, number: int) -> bytes:
        return self.blocks[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]
