"""Digests of large files in one pass: SHA-256, which every program knows, and checksums by blocks.

The checksums are those of `files.checksums`, which records of files hold.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import xxhash

from deadtokens.errors import UserError
from deadtokens.files import opening
from deadtokens.files.checksums import BLOCK_BYTES, Checksums


@dataclass(frozen=True)
class Digests:
    """What a file was when it was read: checksums by blocks, SHA-256 (hexadecimal), mtime (ns)."""

    checksums: Checksums
    sha256: str
    mtime_ns: int


def of(path: Path, report: Callable[[int], None] = lambda done: None) -> Digests:
    """Read a file from end to end; memory for one block. `report` gets the bytes read so far.

    UserError if it cannot be read, or changes while it is read.
    """
    sha256 = hashlib.sha256()
    checksums, mtime_ns = _read(path, report, sha256.update)
    return Digests(checksums, sha256.hexdigest(), mtime_ns)


def checksums(path: Path, report: Callable[[int], None] = lambda done: None) -> Checksums:
    """The checksums alone, in a fraction of the time; otherwise as `of`."""
    return _read(path, report, lambda block: None)[0]


def _read(
    path: Path, report: Callable[[int], None], take: Callable[[bytes], object]
) -> tuple[Checksums, int]:
    blocks, done = [], 0
    with os.fdopen(opening.descriptor(path), "rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        try:
            while block := _full(file, BLOCK_BYTES):
                take(block)
                blocks.append(xxhash.xxh3_64_digest(block))
                done += len(block)
                report(done)
        except OSError as error:
            raise opening.unreadable(path, error) from error
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (done, after.st_mtime_ns):
        raise UserError(f"{path}: was changed while it was read. Wait until it is complete.")
    return Checksums(done, b"".join(blocks)), after.st_mtime_ns


def _full(file, size: int) -> bytes:
    """So many bytes, fewer at the end of the file alone."""
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
