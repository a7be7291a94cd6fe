"""How the files that a figure is drawn from are read."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from deadtokens.files import documents
from deadtokens.files.layout import Pattern
from deadtokens.files.trajectory import TrajectoryReader

# By the option of the program that draws: how its file is read, and what it holds.
Inputs = Mapping[str, tuple[Callable[[Path], object], str]]


def json_of(shape: object) -> Callable[[Path], dict]:
    """How a JSON file of this shape is read (`documents`)."""
    return partial(documents.read, shape=shape)


def fields_of(patterns: Mapping[str, Pattern]) -> Callable[[Path], dict]:
    """How these fields of a safetensors file are read, by name."""

    def read(path: Path) -> dict:
        with TrajectoryReader(path) as file:
            file.expect(patterns)
            return {name: file.read(name) for name in patterns}

    return read
