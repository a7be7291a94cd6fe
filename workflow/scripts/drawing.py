"""What every step that draws does: read what was found, draw it, save the picture."""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import command
from deadtokens.figures import letters, pictures, style
from deadtokens.files import documents
from deadtokens.files.layout import Pattern
from deadtokens.files.trajectory import TrajectoryReader

if TYPE_CHECKING:  # `command` is to be imported before all that takes long
    from matplotlib.figure import Figure

# By the name of the option: how its file is read, and what it holds.
Inputs = Mapping[str, tuple[Callable[[Path], object], str]]


def run(docstring: str, draw: Callable[..., "Figure"], inputs: Inputs) -> None:
    """The whole of a program; `draw` takes the inputs in their order, a title and a width."""
    arguments = command.parser(docstring, "title", "width_mm", "dpi")
    for name, (_, meaning) in inputs.items():
        arguments.add_argument(f"--{name}", type=Path, required=True, help=meaning)
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(partial(save, draw, inputs), arguments)


def save(draw: Callable[..., "Figure"], inputs: Inputs, options: argparse.Namespace) -> None:
    """The picture of `options.figure`, of the kind that its extension tells."""
    kind, look = pictures.kind_of(options.figure), options.settings
    paths = [getattr(options, name) for name in inputs]
    readers = [read for read, _ in inputs.values()]
    found = [letters.literal(read(path)) for read, path in zip(readers, paths, strict=True)]
    title = letters.short(letters.visible(look["title"]), letters.LONGEST_TITLE)
    with (
        command.finished(options.figure) as (figure,),
        style.applied(),
        documents.fitting(*paths),
    ):
        drawing = draw(*found, title, look["width_mm"])
        style.save(drawing, figure, kind, look["dpi"])


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
