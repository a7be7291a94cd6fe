"""What an unfinished run needs to go on: where it lies, how it is written, when it is trusted.

A run's state is one dictionary of tensors (parameters, both moments, last_motion_step) and the
number of steps behind it; nothing in a run draws random numbers once the model is built, and the
order of the examples is a function of the step, so that is all. Files are safetensors: no pickle.
"""

import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from deadtokens.errors import UserError

log = logging.getLogger("fimbulwinter")


def identity(**deciding: object) -> str:
    """A digest of everything that decides a run's bits; values are JSON."""
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, state: Mapping[str, torch.Tensor], step: int, run: str) -> None:
    """Write a state so that at any moment the file under `path` is complete: the old or the new."""
    about = {"run": run, "step": step}
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


def read(path: Path, run: str) -> tuple[dict[str, torch.Tensor], int]:
    """A state and its step; UserError if the file is damaged or belongs to another run."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("checkpoint", "{}"))
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, f"no readable checkpoint ({error})") from error
    if about.pop("sha256", None) != _digest(state, about):
        raise _damaged(path, "the content does not match its SHA-256")
    if about["run"] != run:
        raise _damaged(path, f"it belongs to the run {about['run']}, not to {run}")
    return state, about["step"]


def restore(path: Path, state: Mapping[str, torch.Tensor], run: str) -> int:
    """Fill a state in place from a checkpoint and return its step; UserError if the two differ.

    Nothing is cast: a state of another dtype is refused, for a cast would change it unseen
    (docs/numerics.md, 4).
    """
    saved, step = read(path, run)
    for name in sorted(saved.keys() | state.keys()):
        there, here = (_kind(tensors.get(name)) for tensors in (saved, state))
        if there != here:
            raise _damaged(path, f"{name} is {there} there and {here} in the run")
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(saved[name])
    return step


class Workspace:
    """The working files of an unfinished run, beside its output; a context manager.

    One process at a time: UserError if another one is at work on the same run.
    """

    def __init__(self, output: Path, run: str, checkpoint_seconds: float):
        self.output = output
        self.run = run
        stem = f".{output.stem}.{run[:12]}"
        self.rows = output.with_name(f"{stem}.partial")
        self.checkpoint = output.with_name(f".checkpoint.{run[:12]}.safetensors")
        self._lock_file = output.with_name(f"{stem}.lock")
        self._interval = checkpoint_seconds
        self._written = time.monotonic()

    def __enter__(self) -> Self:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self._lock_file)
        for other in self._of_other_settings():
            log.warning("%s is left of other settings, code or machine; it is not used", other)
        return self

    def __exit__(self, *exception) -> None:
        self._lock_file.unlink(missing_ok=True)
        self._lock.close()

    def restore(self, state: Mapping[str, torch.Tensor]) -> int:
        """Fill the state from the last checkpoint; the number of steps done, 0 to begin anew."""
        if not self.checkpoint.exists():
            return 0
        if not self.rows.exists():
            # So it looks after a kill between the two renames of `finish` and what follows.
            log.warning("%s: its rows are gone; the run begins anew", self.checkpoint)
            self.checkpoint.unlink()
            return 0
        step = restore(self.checkpoint, state, self.run)
        log.info("going on after step %d from %s", step, self.checkpoint)
        return step

    def checkpoint_due(self) -> bool:
        """Whether so much time has passed that a checkpoint is worth its while."""
        return time.monotonic() - self._written >= self._interval

    def write_checkpoint(self, state: Mapping[str, torch.Tensor], step: int) -> None:
        """Write a checkpoint; every row up to `step` must be on the disk before."""
        write(self.checkpoint, state, step, self.run)
        self._written = time.monotonic()

    def finish(self) -> None:
        """Give the complete trajectory its final name, and remove all working files."""
        os.replace(self.rows, self.output)
        _sync_folder(self.output.parent)
        self.checkpoint.unlink(missing_ok=True)
        self.checkpoint.with_name(self.checkpoint.name + ".new").unlink(missing_ok=True)
        for other in self._of_other_settings():
            other.unlink(missing_ok=True)

    def _of_other_settings(self) -> list[Path]:
        """Working files of the same output that this run cannot use."""
        folder, stem = self.output.parent, self.output.stem
        patterns = (f".{stem}.*.partial", f".{stem}.*.lock", ".checkpoint.*.safetensors*")
        found = (path for pattern in patterns for path in folder.glob(pattern))
        return sorted(path for path in found if f".{self.run[:12]}." not in path.name)


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
        tensor = state[name].detach().contiguous()
        digest.update(f"{name} {_kind(tensor)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _kind(tensor: torch.Tensor | None) -> str:
    return "absent" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path}: cannot go on from this checkpoint: {what}. Delete it to begin anew.")


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
