"""What was fetched so far, kept beside the place of the text under a hidden name.

A fetch that was killed continues at the document after the last one that is safely there. A
complete text stays under the hidden name too, as a second name of the same file where the disk has
such, so that whoever removes the result, a changed rule for instance, need not fetch it again.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Self

from deadtokens.errors import UserError

log = logging.getLogger("fimbulwinter")

FORMAT = 1  # of a kept text: what stands between documents, and what counts as one
PIECE_BYTES = 1 << 20
# What decides the text of a part; whether it is the expected one (sha256) does not.
DECIDES = ("repository", "revision", "config", "split", "column", "skip", "bytes")


@dataclass(frozen=True)
class Taken:
    """What was taken of one part of a text."""

    commit: str
    next_document: int  # number in the split of the first document that was not looked at
    documents: int = 0
    bytes: int = 0
    sha256: str = hashlib.sha256().hexdigest()
    first_id: str | None = None
    last_id: str | None = None
    is_complete: bool = False


class Kept:
    """A text in the making and what it was made from; opened by one process at a time.

    parts: entries of the configuration. Of what lies there, the beginning that belongs to them is
    kept, whatever follows is dropped. UserError if another process is at it.
    """

    def __init__(self, text: Path, parts: Sequence[Mapping]):
        self._path = text.with_name(f".fetched.{text.name}")
        self._state = self._path.with_name(f"{self._path.name}.json")
        self._parts = [{name: part[name] for name in DECIDES} for part in parts]
        self.taken: list[Taken] = []

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as opened:
            self._file = opened.enter_context(_alone(self._path))
            self.taken = self._standing()
            if not self.is_complete:
                self._make_own(opened)
            self._hash = self._hash_of_last()
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._opened.close()

    @property
    def is_complete(self) -> bool:
        return len(self.taken) == len(self._parts) and all(t.is_complete for t in self.taken)

    @property
    def bytes(self) -> int:
        return sum(taken.bytes for taken in self.taken)

    def begin(self, commit: str, first_document: int) -> None:
        """The next part, as this commit has it."""
        self.taken.append(Taken(commit, first_document))
        self._hash = hashlib.sha256()

    def append(self, text: bytes, taken: Taken) -> None:
        """More of the last part, of which this is taken now, safely on the disk."""
        self._file.write(text)
        self._hash.update(text)
        known = {"bytes": self.taken[-1].bytes + len(text), "sha256": self._hash.hexdigest()}
        self.taken[-1] = replace(taken, **known)
        self._save()

    def give(self, place: Path) -> None:
        """The complete text under another name, the same file where that is possible."""
        try:
            os.link(self._path, place)
        except OSError:  # a file system without a second name for a file
            shutil.copyfile(self._path, place)

    def _save(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        known = {"format": FORMAT, "parts": self._parts, "taken": [asdict(t) for t in self.taken]}
        new = self._state.with_name(f"{self._state.name}.{uuid.uuid4().hex[:12]}")
        new.write_text(json.dumps(known), encoding="utf-8")
        os.replace(new, self._state)

    def _standing(self) -> list[Taken]:
        """What is known of the parts whose text lies there unchanged."""
        try:
            known = json.loads(self._state.read_text(encoding="utf-8"))
            pairs = zip(known["parts"], known["taken"], strict=False)
            found = [(part, Taken(**taken)) for part, taken in pairs]
            is_ours = known["format"] == FORMAT
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError):
            is_ours = False
        if not is_ours:
            log.warning("%s is damaged or of another version: fetching it again", self._state)
            return []
        standing = []
        self._file.seek(0)
        for wanted, (part, taken) in zip(self._parts, found, strict=False):
            if part != wanted or _digest(self._file, taken.bytes) != taken.sha256:
                break
            standing.append(taken)
            if not taken.is_complete:
                break
        return standing

    def _make_own(self, opened: contextlib.ExitStack) -> None:
        """Cut off what does not belong to it; a file that has another name is copied before."""
        if os.fstat(self._file.fileno()).st_nlink > 1:
            own = self._path.with_name(f"{self._path.name}.{uuid.uuid4().hex[:12]}")
            with self._path.open("rb") as whole, own.open("wb") as copy:
                shutil.copyfileobj(whole, copy, PIECE_BYTES)
            os.replace(own, self._path)
            self._file = opened.enter_context(_alone(self._path))
        self._file.truncate(self.bytes)
        self._file.seek(self.bytes)

    def _hash_of_last(self) -> "hashlib._Hash":
        digest = hashlib.sha256()
        if self.taken:
            self._file.seek(self.bytes - self.taken[-1].bytes)
            for piece in _pieces(self._file, self.taken[-1].bytes):
                digest.update(piece)
        return digest


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[IO[bytes]]:
    """The file, made if it is not there, open to this process alone where there are locks."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{path}: another process is fetching this text. Wait until it has ended."
            ) from None
        except OSError:  # a file system without locks
            pass
        yield file


def _digest(file: IO[bytes], size: int) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(file, size):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size and (piece := file.read(min(size, PIECE_BYTES))):
        size -= len(piece)
        yield piece
