"""A trajectory in the making, read while its run writes: nothing is locked, nothing is changed.

`training.checkpoints.Workspace` says where it lies: beside its final place as
`.trajectory.DIGEST.partial`, or on a scratch disk in a folder of the run's own. Every format but
compressed HDF5 has its final layout from the first moment on; of that, only what is small can be
read before the end, for it lies in a file beside the packed chunks (`files.packing`).
"""

import hashlib
import os
import time
from pathlib import Path

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import documents, hdf5, sums
from deadtokens.files.access import Reader
from deadtokens.files.storage import SUFFIX, open_reader
from deadtokens.files.trajectory import TrajectoryReader

STEM = "trajectory"
PATTERN = f".{STEM}.*.partial"
WINDOW = ".window"  # of a compressed file: what is not packed yet


def final(folder: Path) -> Path | None:
    """The complete trajectory in a run's results folder; None if there is none."""
    places = (folder / f"{STEM}{suffix}" for suffix in SUFFIX.values())
    return next((path for path in places if path.is_file()), None)


def newest(folder: Path, scratch: Path | None = None) -> Path | None:
    """The trajectory in the making of a run's results folder that was written last; None if none.

    One of other settings may be left beside it.
    """
    folders = [folder] if scratch is None else [folder, own_folder(folder, scratch)]
    found = [path for place in folders for path in place.glob(PATTERN)]
    return max(found, key=_changed, default=None)


def own_folder(folder: Path, scratch: Path) -> Path:
    """Where on a scratch disk a run of this results folder keeps what is in the making."""
    place = folder.resolve()
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()
    return scratch / f"{place.name}-{digest[:12]}"


def is_unfinished(path: Path) -> bool:
    """Whether a path is that of a trajectory in the making."""
    return path.match(PATTERN)


def open_unfinished(path: Path) -> Reader:
    """A reader of what can be read of it now; UserError if it has just been begun.

    Open it again to see what was written since.
    """
    window = path.with_name(path.name + WINDOW)
    if window.exists() and not hdf5.is_hdf5(path):
        return TrajectoryReader(window)
    return open_reader(path)


def has_rows(file: Reader) -> bool:
    """Whether rows of tokens can be read, not the loss alone."""
    return not file.path.name.endswith(WINDOW)


def flushed(path: Path) -> int:
    """The last step whose rows a flush has brought to the disk, -1 if none has yet."""
    beside = sums.beside(path)
    try:
        return documents.read(beside, {"step": int})["step"]
    except UserError:
        return -1  # not written yet, or just being replaced


def last_step(path: Path, loss: np.ndarray) -> int:
    """The last step of which every row is written, as this machine sees them; -1 if none is.

    loss: (T+1,) as stored. Steps are written in their order and nothing is written as zero bits, so
    that all steps before the last one with a loss are complete.
    """
    written = np.flatnonzero(loss.view(f"u{loss.itemsize}"))
    seen = int(written[-1]) - 1 if len(written) else -1
    return max(seen, flushed(path))


def seconds_since_written(path: Path) -> float:
    """How long ago anything was written to it, by the clock of its disk's machine."""
    return time.time() - _changed(path) / 1e9


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # finished meanwhile
        return -1
