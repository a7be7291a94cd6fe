"""Embedding matrices in files: checked, and read as bit patterns."""

import difflib
from pathlib import Path

import numpy as np

from deadtokens.census import formats
from deadtokens.census.formats import Format
from deadtokens.errors import UserError
from deadtokens.files import masks
from deadtokens.files.storage import open_reader
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.recorded import naming as names
from deadtokens.recorded.rows import TokenRows

SHOWN = 5


def of_tensor(paths: list[Path], name: str) -> tuple[np.ndarray, Format]:
    """The bits of a tensor, (n, D), from the file that holds it, and their format.

    UserError if no file does, or if it is no matrix of floating-point numbers.
    """
    there: dict[str, Path] = {}
    for path in paths:
        with TrajectoryReader(path) as file:
            there |= dict.fromkeys((*file.fields, *file.foreign), path)
            if name in file.fields:
                return _checked(file, name)
            if name in file.foreign:
                raise UserError(_no_format(path, name, file.foreign[name]))
    near = difflib.get_close_matches(name, there, n=SHOWN, cutoff=0.3) or list(there)[:SHOWN]
    raise UserError(
        f"{', '.join(map(str, paths))}: no tensor {name}; the nearest names are "
        f"{', '.join(near) or 'none'}. Name one of them."
    )


def of_run(
    trajectory: Path, mask_file: Path, naming: str, step: int
) -> tuple[np.ndarray, Format, np.ndarray, np.ndarray]:
    """W of a recorded run after a step: bits (n, D), format, token ids (n,), which are dead (n,).

    UserError if the run has not so many steps.
    """
    with TrajectoryReader(mask_file) as file:
        dead = masks.read_dead(file)
    with open_reader(trajectory) as file:
        recorded = [stored.name for stored in names.stored(naming).values()]
        file.require(names.stored(naming)["W"].name)
        rows = TokenRows(file, naming, dead, "dead")
        if rows.recorded == "all":
            rows = TokenRows(file, naming, dead, "all")
        dtype, shape = rows.field("W")
        steps = shape[0] - rows.first_row("W")
        if not 0 <= step <= steps:
            raise UserError(
                f"{trajectory}: step {step} is asked for, but it records steps 0 to {steps} of "
                f"{recorded[0]}. Set step to one of them, or to null for the last."
            )
        at = step + rows.first_row("W") - 1
        bits = rows.read("W", at, at + 1)[0]
        form = formats.BY_DTYPE[dtype]
        return bits.view(form.dtype), form, rows.token_ids, dead[rows.token_ids]


def _checked(file: TrajectoryReader, name: str) -> tuple[np.ndarray, Format]:
    dtype, shape = file.fields[name]
    if len(shape) != 2 or 0 in shape:
        raise UserError(
            f"{file.path}: {name} has the shape {shape}; expected a matrix, a row per token, of "
            "two axes that are not empty. Name the tensor of the embeddings."
        )
    if dtype not in formats.BY_DTYPE:
        raise UserError(_no_format(file.path, name, dtype))
    form = formats.BY_DTYPE[dtype]
    return file.read(name).view(form.dtype), form


def _no_format(path: Path, name: str, dtype: str) -> str:
    return (
        f"{path}: {name} is {dtype}; expected one of {', '.join(formats.BY_DTYPE)}. Save the model "
        "in one of these."
    )
