"""What an unfinished run needs to resume: where it lies, how it is written, when it is trusted.

A run's state is one dictionary of tensors (parameters, both moments, last_motion_step) and the
number of steps taken; nothing in a run draws random numbers once the model is built, and the
order of the examples is a function of the step, so that is all. Files are safetensors: no pickle.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from deadtokens.errors import UserError
from deadtokens.files import documents, opening, provenance, sums
from deadtokens.files.trajectory import full_disk_reported

log = logging.getLogger("fimbulwinter")

START_AGAIN = "Delete it to start again."
ABOUT = {"run": str, "step": int, "sha256": str}  # what every checkpoint says of itself
# What safetensors and torch raise on files that are none, or hold dtypes that torch has not.
UNREADABLE = (
    *(SafetensorError, OSError, ValueError, TypeError, LookupError),
    *(AttributeError, RuntimeError, MemoryError),
)


def identity(**deciding: object) -> str:
    """A digest of everything that decides a run's bits; values are JSON."""
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def file_digests(**paths: Path | None) -> dict[str, str]:
    """The SHA-256 of each file's content, under its name; what is None has none."""
    digests = {}
    for name, path in paths.items():
        if path is not None:
            with path.open("rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def named(steps: Sequence[int], paths: Sequence[Path]) -> dict[int, Path]:
    """Where the checkpoint of each of these steps goes; UserError unless each has a place."""
    if len(steps) != len(paths):
        raise UserError(
            f"save_checkpoint_at: {list(steps)}, but {len(paths)} paths for checkpoints were "
            "given. Give one for each step."
        )
    return dict(zip(steps, paths, strict=True))


def write(
    path: Path, state: Mapping[str, torch.Tensor], step: int, run: str, **more: object
) -> None:
    """Write a state so that at any moment the file under `path` is complete: the old or the new.

    `more` is JSON that is kept beside run and step.
    """
    about = {"run": run, "step": step, **more}
    about["sha256"] = _digest(state, about)
    # One entry, for safetensors writes several in any order, and equal states get equal bytes.
    content = save(dict(state), {"checkpoint": json.dumps(about)})
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    _sync_folder(path.parent)


def read(
    path: Path, run: str, remedy: str = START_AGAIN
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """A state, and its run, step and what else was kept.

    UserError if the file is damaged or belongs to another run; it ends with the remedy.
    """
    try:
        os.close(opening.descriptor(path))
        with safe_open(path, framework="pt") as file:
            about = documents.parse((file.metadata() or {}).get("checkpoint", "{}"))
            documents.check(about, ABOUT)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except UNREADABLE as error:
        raise _unusable(path, f"no readable checkpoint ({error})", remedy) from error
    if about.pop("sha256") != _digest(state, about):
        raise _unusable(path, "the content does not match its SHA-256", remedy)
    if about["run"] != run:
        raise _unusable(path, f"it belongs to the run {about['run']}, not to {run}", remedy)
    return state, about


def fill(
    state: Mapping[str, torch.Tensor],
    saved: Mapping[str, torch.Tensor],
    path: Path,
    remedy: str = START_AGAIN,
) -> None:
    """Fill a state in place from a saved one of the same kinds; UserError if the two differ.

    Nothing is cast: a state of another dtype is refused, for a cast would change it unseen
    (docs/numerics.md, 4).
    """
    for name in sorted(saved.keys() | state.keys()):
        there, here = (_kind(tensors.get(name)) for tensors in (saved, state))
        if there != here:
            raise _unusable(path, f"{name} is {there} there and {here} in the run", remedy)
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(saved[name])


class Workspace:
    """The working files of an unfinished run, beside its output or on a scratch disk.

    A context manager. `kept` are the checkpoints that are outputs of their own, by step; they get
    their final names with the trajectory. With `scratch` the working files lie there, in a folder
    of the run's own, until they are complete. One process at a time: UserError if another one is
    at work on the same run.
    """

    def __init__(
        self,
        output: Path,
        run: str,
        checkpoint_seconds: float,
        kept: Mapping[int, Path] | None = None,
        scratch: Path | None = None,
    ):
        self.output = output
        self.run = run
        self.kept = dict(kept or {})
        self.folder = output.parent if scratch is None else scratch / _own_name(output)
        self.rows = self._partial(output)
        self.checkpoint = self.folder / f".checkpoint.{run[:12]}.safetensors"
        self._lock_file = self.rows.with_suffix(".lock")
        self._interval = checkpoint_seconds
        self._written = time.monotonic()

    def __enter__(self) -> Self:
        for folder in (self.folder, *(path.parent for path in (self.output, *self.kept.values()))):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self._lock_file)
        for other in self._of_other_settings():
            log.warning("%s is left of other settings, code or machine; it is not used", other)
        return self

    def __exit__(self, *exception) -> None:
        self._lock_file.unlink(missing_ok=True)
        self._lock.close()

    def restore(self, state: Mapping[str, torch.Tensor]) -> int:
        """Fill the state from the last checkpoint; the number of steps done, 0 to start again."""
        if not self.checkpoint.exists():
            return 0
        saved, about = read(self.checkpoint, self.run)
        needed = [self._partial(path) for s, path in self.kept.items() if s <= about["step"]]
        for path in (self.rows, *needed):
            if not path.exists():
                # So it looks after a kill between the renames of `finish` and what follows.
                log.warning("%s: %s is gone; the run starts again", self.checkpoint, path.name)
                self.checkpoint.unlink()
                return 0
        fill(state, saved, self.checkpoint)
        log.info("resuming after step %d from %s", about["step"], self.checkpoint)
        return about["step"]

    def checkpoint_due(self) -> bool:
        """Whether so much time has passed that a checkpoint is worth its while."""
        return time.monotonic() - self._written >= self._interval

    def write_checkpoint(self, state: Mapping[str, torch.Tensor], step: int) -> None:
        """Write a checkpoint; every row up to `step` must be on the disk before."""
        write(self.checkpoint, state, step, self.run)
        self._written = time.monotonic()

    def keep(
        self, state: Mapping[str, torch.Tensor], step: int, run: str, elapsed: Mapping[str, int]
    ) -> None:
        """Write the checkpoint of this step that is an output, under the name of the run."""
        write(self._partial(self.kept[step]), state, step, run, elapsed=dict(elapsed))

    def finish(self, **made_from: Any) -> None:
        """Give the complete outputs their final names, and remove all working files.

        made_from: what `provenance.put` records of them. UserError if they lie on another disk and
        have no room beside their final places.
        """
        complete = {path: self._partial(path) for path in (self.output, *self.kept.values())}
        beside = {path: _brought_beside(path, partial) for path, partial in complete.items()}
        provenance.put(beside, **made_from)
        for path in complete:
            _sync_folder(path.parent)
        for partial in complete.values():
            partial.unlink(missing_ok=True)
        self.checkpoint.unlink(missing_ok=True)
        self.checkpoint.with_name(self.checkpoint.name + ".new").unlink(missing_ok=True)
        sums.beside(self.rows).unlink(missing_ok=True)
        for other in self._of_other_settings():
            other.unlink(missing_ok=True)

    def _of_other_settings(self) -> list[Path]:
        """Working files of the same output that this run cannot use."""
        patterns = [f".{self.output.stem}.*.lock", ".checkpoint.*.safetensors*"]
        patterns += [f".{path.stem}.*.partial*" for path in (self.output, *self.kept.values())]
        folders = {self.folder, self.output.parent}
        found = (
            path for folder in folders for pattern in patterns for path in folder.glob(pattern)
        )
        return sorted(path for path in found if f".{self.run[:12]}." not in path.name)

    def _partial(self, path: Path) -> Path:
        """Where an output lies until all are complete."""
        return self.folder / f".{path.stem}.{self.run[:12]}.partial"


def scratch(name: str | None) -> Path | None:
    """The folder of this name, in which $VARIABLES are filled in; None where none is named.

    UserError if a variable is not set here.
    """
    if not name:
        return None
    filled = os.path.expanduser(os.path.expandvars(name))
    if "$" in filled:
        raise UserError(
            f"cluster.scratch: {name!r} names a variable that is not set on this machine; expected "
            "a folder. Set the variable in the job's environment, or name a folder."
        )
    return Path(filled)


def _own_name(output: Path) -> str:
    """A folder's name for the working files of this output, apart from all others on the disk."""
    folder = output.parent.resolve()
    return f"{folder.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"


def _brought_beside(path: Path, partial: Path) -> Path:
    """The complete file on the disk of its final place, under a name that is not final yet."""
    if _on_one_disk(partial, path.parent):
        return partial
    beside = path.with_name(partial.name)
    try:
        with full_disk_reported(beside, partial.stat().st_size):
            shutil.copyfile(partial, beside)
            with beside.open("rb") as file:
                os.fsync(file.fileno())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


def _on_one_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def _locked(path: Path) -> IO:
    """The file, open and locked until it is closed, be it by the end of the process."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_nlink:
            return file
    except BlockingIOError:
        pass
    except OSError:
        log.warning("%s: this file system knows no locks", path.parent)
        return file
    file.close()
    raise UserError(f"{path}: another process is at work on this run. Wait for it, or end it.")


def _digest(state: Mapping[str, torch.Tensor], about: Mapping[str, object]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {_kind(tensor)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _kind(tensor: torch.Tensor | None) -> str:
    return "absent" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"


def _unusable(path: Path, what: str, remedy: str) -> UserError:
    return UserError(f"{path}: cannot resume from this checkpoint: {what}. {remedy}")


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
