"""Tables for people as Markdown.

pandas' own needs tabulate, which pads cells by what it finds installed: not everywhere alike.
"""

import pandas as pd


def table(text: pd.DataFrame) -> str:
    """A table of text, its columns as the header. Bars stand as HTML: they would end a cell."""
    lines = [text.columns, ["---"] * len(text.columns), *text.itertuples(index=False, name=None)]
    return "".join(map(_line, lines))


def _line(cells: "pd.Index | list[str] | tuple[str, ...]") -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"
