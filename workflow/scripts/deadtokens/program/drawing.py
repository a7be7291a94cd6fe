"""What the program that draws does: find the figure, read what was found, draw it, save it."""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import Inputs
from deadtokens.files import documents

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIBRARY = Path(__file__).parents[1]


def chosen(docstring: str) -> ModuleType:
    """The module of the figure that the command line names first; ends the program if none is."""
    known = {f"{p.parent.name}/{p.stem.removeprefix('draw_')}" for p in LIBRARY.glob("*/draw_*.py")}
    arguments = argparse.ArgumentParser(
        description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("name", choices=sorted(known), metavar="QUESTION/NAME")
    asked = arguments.parse_args(sys.argv[1:2]).name
    question, name = asked.split("/")
    return importlib.import_module(f"deadtokens.{question}.draw_{name}")


def save(draw: Callable[..., "Figure"], inputs: Inputs, options: argparse.Namespace) -> None:
    """The picture of `options.figure`, of the kind that its extension says.

    `draw` takes the inputs in their order, a title and a width in mm.
    """
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
