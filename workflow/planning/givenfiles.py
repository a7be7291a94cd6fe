"""Files that a user names: why one cannot be read, and a path to it that is taken literally."""

import hashlib
import os
import re
import stat
from pathlib import Path

# What Snakemake takes for a wildcard, wherever it stands in a path.
BRACES = re.compile(r"[{}]")
LINKS = Path(".snakemake/given")
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe, which can be read once only"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def why_unusable(path: str) -> str | None:
    """Why there is no regular file to read at this path, and what to do; None if there is one."""
    if not path:
        return "an empty name. Give the path of a file, or null for none."
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path)
    except (OSError, ValueError) as error:
        return f"it cannot be looked at ({getattr(error, 'strerror', None) or error}). Check it."
    kind = next((words for is_kind, words in KINDS if is_kind(mode)), None)
    if kind is not None:
        return f"it is {kind}; expected a regular file."
    try:  # `os.access` asks for another user than the one who opens, where there are capabilities
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return "it may not be read (permission denied). Change its permissions."
    except OSError as error:
        return f"it cannot be opened ({error.strerror}). Check it."
    return None


def literal(path: str) -> str:
    """The path, or one to the same file that programs and Snakemake take as it stands.

    A dash at the beginning would pass for an option, so that path becomes absolute. Braces would
    pass for a wildcard; such a file gets a link in the folder that Snakemake keeps.
    """
    if BRACES.search(path):
        return str(_link(path))
    return os.path.abspath(path) if path.startswith("-") else path


def _missing(path: str) -> str:
    if path.startswith("~"):
        return f"there is no such file, for ~ is no folder here. Write {os.path.expanduser(path)}."
    if os.path.islink(path):
        return f"it is a link to {os.readlink(path)}, and there is no such file."
    return "there is no such file."


def _link(path: str) -> Path:
    """A link whose name says which file, without braces; replaced if it leads elsewhere."""
    target = os.path.abspath(path)
    digest = hashlib.sha256(os.fsencode(target)).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", os.path.basename(path))
    link = LINKS / f"{digest}-{readable[-40:]}"
    if os.path.islink(link) and os.readlink(link) == target:
        return link
    link.parent.mkdir(parents=True, exist_ok=True)
    own = link.with_name(f"{link.name}.{os.getpid()}")
    own.unlink(missing_ok=True)
    own.symlink_to(target)
    os.replace(own, link)
    return link
