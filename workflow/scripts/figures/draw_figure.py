"""Draw a figure from the tables that it is made of.

    python workflow/scripts/figures/draw_figure.py phases/lifecycle \\
        --settings '{"title": "Crucible 2", "width_mm": 180, "dpi": 200}' \\
        --table lifecycle.safetensors --summary lifecycle.json --figure lifecycle.png

QUESTION/NAME stands for the module deadtokens/QUESTION/draw_NAME.py, which says what it reads:
`draw_figure.py phases/lifecycle --help`. planning/figures.py lists all figures of the workflow.
"""

from deadtokens.program import command, drawing  # first: what follows takes its time

# isort: split
from functools import partial
from pathlib import Path


def main(module, options):
    """The picture of `options.figure`, of the kind that its extension says."""
    drawing.save(module.draw, module.INPUTS, options)


if __name__ == "__main__":
    module = drawing.chosen(__doc__)
    arguments = command.parser(f"{module.__doc__}", "title", "width_mm", "dpi")
    arguments.add_argument("name", metavar="QUESTION/NAME", help="which figure")
    for name, (_, meaning) in module.INPUTS.items():
        arguments.add_argument(f"--{name}", type=Path, required=True, help=meaning)
    arguments.add_argument("--figure", type=Path, required=True, help="PNG, SVG or PDF to draw")
    command.run(partial(main, module), arguments)
