"""Runs whose trajectory was made elsewhere (`trajectory_file`): no training is planned for them."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from planning.corpora import has_text
from planning.givenfiles import why_unusable
from planning.mistakes import ConfigurationError, RequestError

RESULTS = "results"
SUFFIX = {"safetensors": "safetensors", "hdf5": "h5"}
# Series whose files hold no masks.
WITHOUT_MASKS = ("wordybird",)


def is_adopted(run: Mapping) -> bool:
    return run["trajectory_file"] is not None


def check(runs: Mapping) -> None:
    """All but whether files are there: only those of the runs that are asked for must be.

    Raises `ConfigurationError`.
    """
    taken = {}
    for name, run in runs.items():
        if not is_adopted(run):
            continue
        key, path = f"runs.{name}.trajectory_file", run["trajectory_file"]
        if not run["keep_trajectory"]:
            raise ConfigurationError(
                f"{key} is {path!r}, and runs.{name}.keep_trajectory is false; allowed: one of "
                "them. A file that was not made here is never deleted: remove keep_trajectory."
            )
        places = {os.path.abspath(path), os.path.realpath(path)}
        inside = {os.path.abspath(RESULTS), os.path.realpath(RESULTS)}
        if any(Path(place).is_relative_to(folder) for place in places for folder in inside):
            raise ConfigurationError(
                f"{key} is {path!r}, which lies in {RESULTS}/, where this workflow makes files and "
                "deletes them. Move it elsewhere, and name it there."
            )
        other = taken.setdefault(os.path.realpath(path), key)
        if other != key:
            raise ConfigurationError(
                f"{key} and {other} name the same file, {path!r}; allowed: a trajectory for each "
                "run. Remove one of them."
            )


def leading(configuration: Mapping) -> dict[str, str]:
    """Where the links of all adopted runs are to lead, by their paths."""
    return {
        f"{RESULTS}/{name}/trajectory.{SUFFIX[run['storage']]}": os.path.realpath(
            run["trajectory_file"]
        )
        for name, run in configuration["runs"].items()
        if is_adopted(run)
    }


def file(name: str, run: Mapping, is_made: Callable[[str], bool]) -> str:
    """The run's trajectory_file; `ConfigurationError` if it cannot be read.

    is_made: whether another rule makes a file, which then need not be there yet.
    """
    path = run["trajectory_file"]
    reason = None if is_made(path) else why_unusable(path)
    if reason is not None:
        raise ConfigurationError(
            f"runs.{name}.trajectory_file is {path!r}: {reason}\nPaths are taken from the working "
            f"directory, {Path.cwd()}."
        )
    return path


def metadata(path: str) -> str | None:
    """The metadata.json beside a trajectory, if there is one to read."""
    beside = os.path.join(os.path.dirname(path), "metadata.json")
    return beside if why_unusable(beside) is None else None


def check_masks(name: str, run: Mapping, corpus: Mapping) -> None:
    """Raises `RequestError` if neither file nor corpus says which tokens are dead."""
    if run["naming"] in WITHOUT_MASKS and not has_text(corpus) and corpus["mask_file"] is None:
        raise RequestError(
            f"runs.{name}.trajectory_file is {run['trajectory_file']!r}; with `naming: "
            f"{run['naming']}` a file does not say which tokens are dead. Set corpora."
            f"{run['corpus']}.mask_file."
        )


def refuse_checkpoint(name: str, source: str, runs: Mapping) -> None:
    """Raises `RequestError` if a run would begin from a checkpoint of a run that was not made
    here: there is none."""
    if is_adopted(runs[source]):
        raise RequestError(
            f"{name} begins from a checkpoint of {source}, but {source} has a trajectory_file: it "
            f"is not trained here and leaves no checkpoint. Give {name} a trajectory_file, too, or "
            f"remove that of {source} to have it trained."
        )


def check_same_beginning(name: str, first: str, runs: Mapping) -> None:
    """Raises `RequestError` if one of a run and the run that it goes back to is made here, the
    other is not: how far tokens are from where they began would mean nothing."""
    if is_adopted(runs[name]) != is_adopted(runs[first]):
        given, made = (name, first) if is_adopted(runs[name]) else (first, name)
        raise RequestError(
            f"{name} goes back to {first}; {given} has a trajectory_file and {made} would be "
            f"trained here, to other bits. Give {made} a trajectory_file, too."
        )


def check_same_origin(key: str, name: str, source: str, runs: Mapping) -> None:
    """Raises `RequestError` if one of two runs of the same training is made here and the other is
    not: their bits differ."""
    if is_adopted(runs[name]) != is_adopted(runs[source]):
        given, made = (name, source) if is_adopted(runs[name]) else (source, name)
        raise RequestError(
            f"{key} is {source}, but {given} has a trajectory_file and {made} would be trained "
            f"here, to other bits. Give {made} a trajectory_file, or set {key} to null."
        )
