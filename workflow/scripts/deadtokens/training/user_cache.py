"""Files in the user's cache, trusted if nobody else can have written them and a checksum agrees.

What another user can write to is not read, whatever it says of itself: a checksum shows damage and
no intent. Content is given as bytes that were checked: a file that changes later changes nothing.
"""

import contextlib
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

LARGEST = 2**26  # bytes; what is larger was not written here
CHECKSUM_BYTES = hashlib.sha256().digest_size  # at a file's end, of its name and content
OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Unusable(Exception):
    """A file or folder that is there and cannot be used; says which and why."""


def read(name: str) -> bytes | None:
    """The content of a kept file, None if there is none; `Unusable` if it cannot be trusted."""
    path = _folder() / name
    with _unusable_if_refused(path):
        try:
            folder = _open_folder(path.parent)
        except FileNotFoundError:
            return None
        with _closed(folder):
            # A link is not followed, and nobody writes to a pipe that lies here.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            try:
                descriptor = os.open(name, flags, dir_fd=folder)
            except FileNotFoundError:
                return None
        with _closed(descriptor):
            return _checked(path, descriptor)


def keep(name: str, content: bytes) -> None:
    """Keep content under this name, in place of what lies there; `Unusable` if that cannot be."""
    path = _folder() / name
    with _unusable_if_refused(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _closed(_open_folder(path.parent)) as folder:
            partial = f".partial.{uuid.uuid4().hex}.{name}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            descriptor = os.open(partial, flags, 0o600, dir_fd=folder)
            try:
                with open(descriptor, "wb") as file:
                    file.write(content + _checksum(name, content))
                os.replace(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(partial, dir_fd=folder)
                raise


def _folder() -> Path:
    # A relative path is to be ignored, says the XDG Base Directory Specification.
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        cache = Path(named if os.path.isabs(named) else "~/.cache").expanduser()
    except RuntimeError as error:
        raise Unusable(f"there is no folder to keep files in: {error}") from None
    return cache / "fimbulwinter"


def _open_folder(path: Path) -> int:
    """A folder that stays the same one while its path may become another's."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    reason = _open_to_others(path, os.fstat(descriptor))
    if reason:
        os.close(descriptor)
        raise Unusable(f"{path} {reason}")
    return descriptor


def _checked(path: Path, descriptor: int) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Unusable(f"{path} is no ordinary file")
    if reason := _not_ours(found):
        raise Unusable(f"{path} {reason}")
    if found.st_size > LARGEST:
        raise Unusable(f"{path} is damaged: {found.st_size} bytes")
    with open(descriptor, "rb", closefd=False) as file:
        kept = file.read()
    content, checksum = kept[:-CHECKSUM_BYTES], kept[-CHECKSUM_BYTES:]
    if checksum != _checksum(path.name, content):
        raise Unusable(f"{path} is damaged: its checksum does not agree")
    return content


def _open_to_others(path: Path, found: os.stat_result) -> str | None:
    """How another user could put files into a folder or another folder in its place, or None."""
    if reason := _not_ours(found):
        return reason
    if path.is_symlink() and path.lstat().st_uid != os.geteuid():
        return "is a link of another user's"
    for above in path.resolve().parents:
        mode = above.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return f"lies in {above}, which is writable by everybody"
    return None


def _not_ours(found: os.stat_result) -> str | None:
    if found.st_uid != os.geteuid():
        return f"belongs to another user (uid {found.st_uid})"
    if found.st_mode & OF_OTHERS:
        return f"is writable by others (mode {stat.S_IMODE(found.st_mode):o}; chmod go-w mends it)"
    return None


def _checksum(name: str, content: bytes) -> bytes:
    return hashlib.sha256(f"{name}\0".encode() + content).digest()


@contextlib.contextmanager
def _closed(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _unusable_if_refused(path: Path) -> Iterator[None]:
    """What the system says within it is `Unusable`, too."""
    try:
        yield
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror or error}") from None
