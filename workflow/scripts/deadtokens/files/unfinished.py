"""Names for files in the making, of one process each; what a killed one left is removed."""

import contextlib
import fcntl
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

PREFIX = ".partial."


@contextlib.contextmanager
def names(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """Names beside the final ones, `.partial.OWN.NAME`; what lies under them at the end is removed.

    A lock file, `.partial.OWN.lock`, shows the others in a folder that their process is alive.
    """
    own = f"{PREFIX}{uuid.uuid4().hex[:12]}"
    unfinished = tuple(path.with_name(f"{own}.{path.name}") for path in paths)
    locks = [folder / f"{own}.lock" for folder in {path.parent for path in paths}]
    with contextlib.ExitStack() as held:
        for lock in locks:
            held.enter_context(_locked(lock))
            _remove_left_ones(lock.parent, but=own)
        try:
            yield unfinished
        finally:
            for path in (*unfinished, *locks):
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[IO]:
    with path.open("w") as file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file


def _remove_left_ones(folder: Path, but: str) -> None:
    """Remove what processes left that are not alive any more."""
    for lock in folder.glob(f"{PREFIX}*.lock"):
        own = lock.name.removesuffix(".lock")
        if own == but:
            continue
        with contextlib.suppress(OSError), lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in (*folder.glob(f"{own}.*"), lock):
                left.unlink(missing_ok=True)
