"""What a program says of a failure that is the user's or the machine's, not the program's own."""

import argparse
import errno
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from deadtokens.errors import UserError

ADVICE = {
    errno.ENOSPC: "Free some space and start again.",
    errno.EDQUOT: "The quota is used up. Delete something, or have it raised, and start again.",
    errno.EFBIG: "The limit on the size of files is reached (`ulimit -f`, or that of the disk).",
    errno.EACCES: "Check who owns it and its folder.",
    errno.EPERM: "Check who owns it and its folder.",
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Check the path.",
    errno.EISDIR: "Check the path.",
    errno.EIO: "The disk or the network failed. Look after it and start again.",
    errno.ESTALE: "The network file system lost it. Start again.",
    errno.EROFS: "The disk is read-only. Let the results go to another one.",
    errno.EMFILE: "Raise the limit on open files (`ulimit -n`).",
    errno.ENOMEM: "Give the program more memory, or end other programs.",
    errno.ENAMETOOLONG: "Give it a shorter name.",
    errno.ELOOP: "Its links lead in a circle. Check the path.",
    errno.EPIPE: "Whatever read the output has ended.",
}
OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
# How libraries that are no Python report an error of the operating system: Rust's, HDF5's.
OF_THE_SYSTEM = re.compile(r"\(os error (\d+)\)|\berrno = (\d+)")
NO_MEMORY = re.compile(r"can't allocate memory|out of memory|memory allocation of \d+ bytes", re.I)


def message(error: Exception, options: argparse.Namespace) -> str | None:
    """One message that names the file and what to do; None if the program itself is at fault."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and NO_MEMORY.search(str(error))
    ):
        return f"not enough memory for {_files(options)}. {ADVICE[errno.ENOMEM]}"
    if isinstance(error, UnicodeDecodeError):
        return _not_utf8(error, options)
    if isinstance(error, json.JSONDecodeError):
        named = _with_content(error.doc.encode("utf-8", "surrogatepass"), options)
        return f"{named}: not JSON, or cut short: {error}. Make it again."
    if isinstance(error, UnicodeEncodeError):
        half = ascii(error.object[error.start])
        return (
            f"{_files(options)}: a text with {half}, half of a character, which no file can hold. "
            "Write the character itself in the configuration."
        )
    if isinstance(error, OSError):
        return _of_system(error, options)
    found = OF_THE_SYSTEM.search(str(error))
    if found:
        number = int(found[1] or found[2])
        return _of_system(OSError(number, os.strerror(number)), options)
    return None


def _of_system(error: OSError, options: argparse.Namespace) -> str:
    number = error.errno
    if number is None and (found := OF_THE_SYSTEM.search(str(error))):
        number = int(found[1] or found[2])
    # A copy that fails names what it is a copy of first.
    file = (number in OF_WRITING and error.filename2) or error.filename
    named = file if isinstance(file, str | bytes | os.PathLike) else None
    where = os.fsdecode(named) if named else _files(options)
    what = error.strerror or (os.strerror(number) if number else str(error))
    return f"{where}: {what}. {ADVICE.get(number, 'Start again.')}"


def _not_utf8(error: UnicodeDecodeError, options: argparse.Namespace) -> str:
    """The error itself knows bytes and no file."""
    byte = error.object[error.start]
    return (
        f"{_with_content(error.object, options)}: not UTF-8: a byte {byte:#04x} that stands for no "
        "character. Save it as UTF-8, or make it again."
    )


def _with_content(content: bytes, options: argparse.Namespace) -> str:
    """The file that holds this, or all files where none does."""
    return next((str(path) for path in _paths(options) if _holds(path, content)), _files(options))


def _holds(path: Path, content: bytes) -> bool:
    try:
        return content in path.read_bytes()
    except OSError:
        return False


def _files(options: argparse.Namespace) -> str:
    return ", ".join(map(str, _paths(options))) or "the command line"


def _paths(options: argparse.Namespace) -> list[Path]:
    """The files that the program was given, to read and to write, but for its log."""
    values = (value for name, value in vars(options).items() if name != "log")
    return [path for value in values for path in _each(value) if isinstance(path, Path)]


def _each(value: object) -> Iterable:
    return value if isinstance(value, list | tuple) else (value,)
