"""The findings: a template of words, and the files from which it takes every number.

In the template each file has a name. `onset("still", arm="published")` is a fact of it (`facts`),
`onset.run` the folder that it lies in, `onset.path` where it is in results/; a file of tables or
text has `rows` or `text`. A file that is not there, because the configuration says so, is not
defined: `{% if onset is defined %}`. Filters write numbers (`wording`), tables are `tables`.
"""

import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from jinja2 import meta

from deadtokens.errors import UserError
from deadtokens.files import documents, opening, tables
from deadtokens.report import facts, findings_tables, typed_numbers, verdicts, wording

Content = Mapping[str, Any] | pd.DataFrame | str
NAME = "the template"  # of the template in a message
# What the template has beside its files: the figures of the notebooks, and words for what is not.
GIVEN = ("published", "not_run")
# What a page was made of: paths in results/ by the names of the template.
MANIFEST = {"sources": {str: str}, "absent": {str: str}}


@dataclass(frozen=True)
class Source:
    """A file that the findings are made from: where it lies in results/, and what it says."""

    path: str
    content: Content

    @property
    def run(self) -> str:
        """The folder that it lies in: a run, or a comparison of runs."""
        return Path(self.path).parent.name

    @property
    def rows(self) -> pd.DataFrame:
        """A table's rows."""
        return self.content

    @property
    def text(self) -> str:
        """A Markdown file as it is."""
        return self.content

    def __call__(self, name: str, **keys: str) -> Any:
        """A fact of it by its name; KeyError or `verdicts.Missing` if there is none."""
        return facts.fact(Path(self.path).name, self.content, name, **keys)


def read(path: Path) -> Content:
    """JSON as an object, CSV as a table, Markdown as text; UserError if it is damaged."""
    if path.suffix == ".json":
        return documents.read(path)
    if path.suffix == ".csv":
        return tables.read_any(path)
    return opening.text(path)


def render(
    template: str,
    sources: Mapping[str, Source],
    absent: Mapping[str, str],
    published: Mapping[str, Mapping],
) -> str:
    """The findings as Markdown; UserError for a template that asks for what is not there.

    sources: by name; absent: the paths in results/ of those that the configuration leaves out;
    published: the figures of the notebooks by experiment, whose names may stand in the template.
    """
    check(template, {*sources}, {*absent}, [*published])

    def not_run(name: str) -> str:
        return f"*Not run: `results/{absent[name]}` is not among the results of this page.*"

    try:
        text = (
            _environment()
            .from_string(template)
            .render(**sources, published=published, not_run=not_run)
        )
    except (jinja2.TemplateError, verdicts.Missing, *documents.STUMBLES) as error:
        raise UserError(
            f"{NAME}, line {_line(error)}: {type(error).__name__}: {error}. Facts and their places "
            "stand in deadtokens/report/facts.py; if a file has other keys now, change it there."
        ) from error
    return wording.filled(re.sub(r"\n{3,}", "\n\n", text))


def check(template: str, sources: set[str], absent: set[str], experiments: list[str]) -> None:
    """UserError unless the template uses the files that are given, all of them, and no number of
    its own."""
    try:
        used = meta.find_undeclared_variables(_environment().parse(template)) - {*GIVEN}
    except jinja2.TemplateSyntaxError as error:
        raise UserError(f"{NAME}, line {error.lineno}: {error.message}.") from None
    if unknown := sorted(used - sources - absent):
        raise UserError(
            f"{NAME} uses {', '.join(unknown)}; findings.sources has {', '.join(sorted(sources))}. "
            "Add it there."
        )
    if unused := sorted((sources | absent) - used):
        raise UserError(
            f"findings.sources has {', '.join(unused)}, which {NAME} does not use. Remove it."
        )
    if typed := typed_numbers.typed(template, experiments):
        line, number = typed[0]
        raise UserError(
            f"{NAME}, line {line}: {number!r} is typed by hand ({len(typed)} in all); every number "
            "of the findings comes from a file. Take it from one."
        )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= wording.FILTERS | findings_tables.FILTERS
    return environment


def _line(error: BaseException) -> int | str:
    """Of the template, where it went wrong; jinja writes it into the traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno for f in reversed(frames) if f.filename == "<template>"), "?")


def copy_of(name: str, path: str) -> str:
    """The name of a source's copy: its own in the template, and what kind of file it is."""
    return f"{name}{Path(path).suffix}"


def from_copies(folder: Path, template: str, published: Mapping[str, Mapping]) -> str:
    """The page, written from the copies of its sources that `copy_findings.py` left."""
    manifest = documents.read(folder / "findings.json", MANIFEST)
    sources = {
        name: Source(path, read(folder / copy_of(name, path)))
        for name, path in manifest["sources"].items()
    }
    return render(template, sources, manifest["absent"], published)


def check_sizes(paths: Iterable[Path], largest: int) -> None:
    """UserError if one of these files has more bytes than are to be copied."""
    for path in paths:
        size = path.stat().st_size
        if size > largest:
            raise UserError(
                f"{path} has {size:,} bytes; allowed: {largest:,} for a copy beside the findings. "
                "Take the numbers from a smaller file."
            )
