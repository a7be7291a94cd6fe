"""Opening files to read: one message for whatever stands in the way, and it names the file."""

import os
import stat
from pathlib import Path

from deadtokens.errors import UserError


def descriptor(path: Path) -> int:
    """A descriptor of a regular file, open for reading; UserError if there is none to read."""
    try:
        # A FIFO would make a plain open wait for ever; regular files know no such waiting.
        found = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file. Make it first.") from None
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise UserError(f"{path}: is no regular file, but {_kind(path)}. Check the path.")
    return found


def content(path: Path) -> bytes:
    """All bytes of a file; UserError if it cannot be read."""
    with os.fdopen(descriptor(path), "rb") as file:
        try:
            return file.read()
        except OSError as error:
            raise unreadable(path, error) from error


def text(path: Path) -> str:
    """The content of a UTF-8 file; UserError if it cannot be read or is no UTF-8."""
    found = content(path)
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 text (byte {error.start:,}): damaged, or another file. "
            "Make it again."
        ) from None


def unreadable(path: Path, error: OSError) -> UserError:
    """The exception for a file that the system does not let us read."""
    return UserError(f"{path}: cannot be read: {error.strerror or error}. Check the file.")


def _kind(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return "a pipe" if path.is_fifo() else "a device or socket"
