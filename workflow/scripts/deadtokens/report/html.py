"""What pages share: escaped text, tables, and a style that holds inside and outside the report.

A page is a fragment in a `<section class="fimbulwinter">`, so that the opening page of the report
can hold it as it is; browsers show a fragment alone just as well.
"""

import re
from html import escape

import pandas as pd

# The report's own stylesheet undoes most of a browser's defaults, so all that is needed is here.
STYLE = """\
.fimbulwinter { font: 14px/1.45 system-ui, sans-serif; color: #222; max-width: 72rem; }
.fimbulwinter { --line: #ddd; --heavy: #888; --faint: #5f5f5f; }
.fimbulwinter h3 { font-size: 1.15em; font-weight: 600; margin: 1.8em 0 0.4em; }
.fimbulwinter p { margin: 0.4em 0; max-width: 48rem; }
.fimbulwinter table { border-collapse: collapse; width: 100%; margin: 0.6em 0 1em; }
.fimbulwinter th { text-align: left; font-weight: 600; border-bottom: 1px solid var(--heavy); }
.fimbulwinter th, .fimbulwinter td { padding: 0.35em 0.8em 0.35em 0; vertical-align: top; }
.fimbulwinter td { border-bottom: 1px solid var(--line); }
.fimbulwinter small { color: var(--faint); display: block; font-size: 0.88em; }
.fimbulwinter pre { white-space: pre-wrap; font-size: 0.88em; background: none; color: inherit; }
.fimbulwinter summary { cursor: pointer; font-weight: 600; margin: 0.4em 0; }
@media (prefers-color-scheme: dark) {
  :root { color-scheme: dark; }
  .fimbulwinter { color: #dfe3e8; --line: #3a414c; --heavy: #7d8794; --faint: #a7b0bb; }
}
"""


def page(style: str, *parts: str) -> str:
    """A fragment with its style."""
    body = "\n".join(parts)
    return f'<section class="fimbulwinter">\n<style>\n{STYLE}{style}</style>\n{body}\n</section>\n'


def heading(text: str) -> str:
    return f"<h3>{escape(text)}</h3>"


def paragraph(text: str) -> str:
    """Text; what stands between backticks in it is code."""
    marked = re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))
    return f"<p>{marked}</p>"


def folded(summary: str, *parts: str) -> str:
    """HTML that is opened by a click on its summary, or by Enter."""
    body = "\n".join(parts)
    return f"<details>\n<summary>{escape(summary)}</summary>\n{body}\n</details>"


def table(cells: pd.DataFrame) -> str:
    """A table; the names of the columns are text, the cells are HTML."""
    as_they_are = [str] * len(cells.columns)
    return cells.rename(columns=escape).to_html(
        index=False, border=0, justify="left", escape=False, formatters=as_they_are
    )
