"""Which trajectory a path means, and what to say where it means none."""

from pathlib import Path

from deadtokens.errors import UserError
from deadtokens.files import in_the_making

SUGGESTED = 8  # names in a message


def trajectory_of(place: Path) -> Path:
    """The complete trajectory that a path means; UserError, with what to do, if there is none."""
    if in_the_making.is_unfinished(place):
        raise _unfinished(place.parent, place)
    if place.is_dir():
        if (found := in_the_making.final(place)) is not None:
            return found
        if (partial := in_the_making.newest(place)) is not None:
            raise _unfinished(place, partial)
        raise UserError(f"{place}: {_no_run(place)}")
    if place.exists():
        return place
    beside = place.parent if place.parent.is_dir() else None
    there = [path for path in sorted(beside.iterdir()) if not _is_hidden(path)] if beside else []
    names = ", ".join(path.name for path in there[:SUGGESTED]) or "nothing"
    raise UserError(
        f"{place}: there is no such folder or file; in {place.parent} there is {names}. Give "
        f"results/RUN or a trajectory file, or train the run: {_command(place)}"
    )


def _no_run(folder: Path) -> str:
    runs = [p.name for p in sorted(folder.iterdir()) if p.is_dir() and in_the_making.final(p)]
    if runs:
        return f"is no run, but holds some: {', '.join(runs[:SUGGESTED])}. Give one of them."
    if (folder / "metadata.json").is_file():
        return (
            "the trajectory of this run was not kept (keep_trajectory: false). Set it to true, "
            f"and train the run again: {_command(folder)}"
        )
    names = [path.name for path in sorted(folder.iterdir()) if not _is_hidden(path)]
    there = ", ".join(names[:SUGGESTED]) or "nothing"
    return f"is no run: no trajectory in it, but {there}. To train it: {_command(folder)}"


def _unfinished(folder: Path, partial: Path) -> UserError:
    name = folder.resolve().name
    return UserError(
        f"{partial}: this trajectory is still in the making. See how far it is with "
        f"`make watch RUN={name}`; open it when it is complete: {_command(folder)}"
    )


def _command(folder: Path) -> str:
    return f"snakemake --cores 2 results/{folder.resolve().name}/metadata.json"


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".")
