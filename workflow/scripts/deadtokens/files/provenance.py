"""What is known of each complete file: its checksums, and what it was made from.

It lies beside the file NAME as `.provenance/NAME.json`, written with the file by `put`. A file
without it was not made here; one that differs from it was changed or exchanged since. Such a file
is neither read (`check`, `Verifier`) nor overwritten (`refuse_foreign`).
"""

import base64
import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from deadtokens.errors import UserError
from deadtokens.files.checksums import Checksums, blocks

FOLDER = ".provenance"
# The environment of a program: "unverified" leaves out all checks of what is read; "none" also all
# records, for results in a bucket, where a record does not go along with its file.
KEPT = "FIMBULWINTER_PROVENANCE"
# Readers of these formats check what they read, so that a large file is read once.
READ_BY_BLOCKS = (".safetensors", ".h5")
READ_AT_ONCE_BYTES = 1 << 26


@dataclass(frozen=True)
class Record:
    """A file as it was when it was made."""

    checksums: Checksums
    mtime_ns: int
    identity: str | None  # of all that decides its content (planning/identity.py); None by hand
    made_by: Mapping[str, Any]  # JSON, for people: program, settings, digests of inputs

    @classmethod
    def of(cls, path: Path, identity: str | None, made_by: Mapping[str, Any]) -> Self:
        """Of a complete file, which is read from end to end."""
        return cls(Checksums.of(path), path.stat().st_mtime_ns, identity, made_by)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """ValueError, KeyError or TypeError if it is none."""
        blocks = base64.b64decode(values["blocks"], validate=True)
        checksums = Checksums(int(values["bytes"]), blocks)
        if checksums.digest != values["digest"]:
            raise ValueError("its checksums contradict each other")
        made_by = dict(values["made_by"])
        return cls(checksums, int(values["mtime_ns"]), values["identity"], made_by)

    def to_json(self) -> dict[str, Any]:
        return {
            "bytes": self.checksums.size,
            "digest": self.checksums.digest,
            "mtime_ns": self.mtime_ns,
            "identity": self.identity,
            "made_by": self.made_by,
            "blocks": base64.b64encode(self.checksums.blocks).decode(),
        }


def place(path: Path) -> Path:
    """Where the record of a file lies."""
    return path.parent / FOLDER / f"{path.name}.json"


def recorded(path: Path) -> tuple[Record, ...]:
    """The record of a file, none if this is not known; two if a kill came while it was replaced.

    UserError if the record is damaged.
    """
    where = place(path)
    try:
        # A folder that is opened is looked up again, also on a network file system.
        with contextlib.suppress(FileNotFoundError), os.scandir(where.parent):
            pass
        values = json.loads(where.read_text("utf-8"))
        records = [Record.from_json(values)]
        if values.get("replaces"):
            records.append(Record.from_json(values["replaces"]))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{where}: no readable record of {path.name} ({error}). Delete both to have the file "
            "made again."
        ) from None
    return tuple(records)


def record_of(path: Path) -> Record | None:
    """The record that an existing file agrees with; None if there is none.

    A file of the recorded size and time of change is not read: damage shows when it is used.
    """
    stat = path.stat()
    same_size = [r for r in recorded(path) if r.checksums.size == stat.st_size]
    for record in same_size:
        if record.mtime_ns == stat.st_mtime_ns:
            return record
    found = Checksums.of(path) if same_size else None
    return next((record for record in same_size if record.checksums == found), None)


def refuse_foreign(*paths: Path) -> None:
    """UserError if one of these exists and was not made here, or was changed since."""
    for path in paths:
        if _is_recording() and path.exists() and record_of(path) is None:
            raise UserError(foreign(path))


def foreign(path: Path) -> str:
    """What to say of a file that was not made here, or was changed since."""
    found = (
        f"differs from what {place(path)} recorded when it was made"
        if recorded(path)
        else f"was not made by this workflow: there is no {place(path)}"
    )
    return (
        f"{path}: {found}. It is neither used nor overwritten. Move it elsewhere to keep it, or "
        "delete it to have it made."
    )


def put(
    complete: Mapping[Path, Path], identity: str | None = None, made_by: Mapping | None = None
) -> None:
    """Give complete files, in `complete` by their final paths, those paths, each with its record.

    Two processes take turns. Killed in between, every final path has a file and a record of it.
    """
    if not _is_recording():
        for path, file in complete.items():
            os.replace(file, path)
        return
    records = {path: Record.of(file, identity, made_by or {}) for path, file in complete.items()}
    with _turns({path.parent / FOLDER for path in complete}):
        for path, record in records.items():
            _write(path, record, replaces=record_of(path) if path.exists() else None)
        for path, file in complete.items():
            os.replace(file, path)
        for path, record in records.items():
            _write(path, record)


def check(path: Path) -> str:
    """The digest of a file; UserError if it differs from its record, without one it passes.

    A large file whose reader checks it block by block (`Verifier`) is not read here: its digest is
    the recorded one.
    """
    records = recorded(path)
    by_blocks = path.suffix in READ_BY_BLOCKS and path.stat().st_size > READ_AT_ONCE_BYTES
    if records and (by_blocks or not is_checking()):
        return records[0].checksums.digest
    found = Checksums.of(path)
    if records and found not in [record.checksums for record in records]:
        raise UserError(damaged(path))
    return found.digest


def damaged(path: Path) -> str:
    """What to say of a file that does not have its recorded content."""
    return (
        f"{path}: its content is not what {place(path)} recorded when it was made: it was damaged, "
        "changed or exchanged. Delete it to have it made again."
    )


def is_checking() -> bool:
    """Whether files are held against their records when they are read."""
    return os.environ.get(KEPT) not in ("unverified", "none")


def _is_recording() -> bool:
    return os.environ.get(KEPT) != "none"


class Verifier:
    """Holds what is read of an open file against its record, block by block.

    Raises UserError, at once if the file is not as long as recorded.
    """

    def __init__(self, path: Path, descriptor: int):
        self._path, self._descriptor = path, descriptor
        records = recorded(path) if is_checking() else ()
        size = os.fstat(descriptor).st_size
        fitting = [record.checksums for record in records if record.checksums.size == size]
        if records and not fitting:
            raise UserError(damaged(path))
        self._checksums = fitting
        self._known: set[int] = set()  # blocks that were as recorded when they were last read

    @property
    def has_record(self) -> bool:
        """Whether there is anything to hold against."""
        return bool(self._checksums)

    def __call__(self, offset: int, content: memoryview) -> None:
        """`content` (format B) was read at this offset."""
        if not self._checksums:
            return
        read = self._descriptor, offset, content, self._known
        kept = [checksums for checksums in self._checksums if not checksums.damaged(*read)]
        if not kept:
            raise UserError(damaged(self._path))
        self._checksums = kept
        if len(kept) == 1:
            self._known.update(blocks(offset, len(content)))

    def check_stretch(self, offset: int, size: int, at_a_time: int = 1 << 23) -> None:
        """The same of bytes that another library reads."""
        if self._checksums:
            for start in range(offset, offset + size, at_a_time):
                length = min(at_a_time, offset + size - start)
                content = os.pread(self._descriptor, length, start)
                self(start, memoryview(content))


def _write(path: Path, record: Record, replaces: Record | None = None) -> None:
    where = place(path)
    new = where.with_name(f".{where.name}.{uuid.uuid4().hex}")
    values = record.to_json() | {"replaces": replaces and replaces.to_json()}
    try:
        with new.open("w", encoding="utf-8") as file:
            json.dump(values, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, where)
    finally:
        new.unlink(missing_ok=True)


@contextlib.contextmanager
def _turns(folders: set[Path]) -> Iterator[None]:
    """One process at a time in these folders, which are made; where there are locks."""
    with contextlib.ExitStack() as locked:
        for folder in sorted(folders):
            folder.mkdir(parents=True, exist_ok=True)
            file = locked.enter_context((folder / ".lock").open("a"))
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
