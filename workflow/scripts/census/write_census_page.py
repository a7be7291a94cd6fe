"""Write a page to look at a census with: all in short, every token, every black hole.

    python workflow/scripts/census/write_census_page.py \\
        --summary census.json --vectors vectors.csv --tokens tokens.csv \\
        --components components.csv \\
        --parts workflow/report/pages/* workflow/report/census/* --page explorer.html
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.census import page
from deadtokens.files import documents, opening, tables
from deadtokens.pages.parts import named_parts

COLUMNS = {
    "tokens": (*page.PLACE, *page.TOKENS, *page.FLAGS),
    "vectors": (*page.PLACE, *page.VECTORS),
    "components": (*page.PLACE, *page.COMPONENTS),
}


def main(options):
    """All matrices and readings of a census, in one file."""
    parts = named_parts((path.name, opening.text(path)) for path in sorted(options.parts))
    summary = documents.read(options.summary, page.SUMMARY)
    paths = {name: getattr(options, name) for name in COLUMNS}
    found = {name: tables.read(paths[name], COLUMNS[name], page.TEXT) for name in COLUMNS}
    with documents.fitting(options.summary, *paths.values()):
        text = page.html(parts, summary, **found)
    with command.finished(options.page) as (path,):
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    for name in ("summary", *COLUMNS, "page"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--parts", type=Path, nargs="+", required=True, help="of the page")
    command.run(main, arguments)
