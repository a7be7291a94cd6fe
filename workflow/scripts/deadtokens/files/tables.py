"""Tables as CSV files: columns by name, a row per step, token or whatever it is of."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from deadtokens.errors import UserError
from deadtokens.files import opening
from deadtokens.files.documents import AGAIN

LINE_END = "\r\n"  # as RFC 4180 has it


def write(path: Path, table: pd.DataFrame) -> None:
    """Numbers are written so that they are read back as they were, missing values empty."""
    # A float32 is read back as a float64, so it needs the digits of one.
    narrow = table.select_dtypes(np.float32).columns
    wide = table.astype(dict.fromkeys(narrow, np.float64))
    wide.to_csv(path, index=False, lineterminator=LINE_END, encoding="utf-8")


def read(path: Path, columns: Iterable[str] = (), text: Iterable[str] = ()) -> pd.DataFrame:
    """All columns hold numbers, int64 or float64, but those in `text`; missing ones are NaN.

    columns: those that have to be there; `text` may name others that are not. UserError if one is
    not there, if the file is damaged, or what should be a number is none.
    """
    names, rows = _lines(path)
    for name in columns:
        if name not in names:
            raise _damaged(path, f"has no column {name}, but {', '.join(names)}")
    table = pd.DataFrame(rows, columns=names, dtype=str)
    numbers = {name: _numbers(path, table[name]) for name in names if name not in {*text}}
    return table.assign(**numbers)


def read_any(path: Path) -> pd.DataFrame:
    """A table of whatever columns: numbers where all of a column that is not missing is numbers,
    text elsewhere. UserError if it is damaged."""
    names, rows = _lines(path)
    table = pd.DataFrame(rows, columns=names, dtype=str)
    for name in names:
        found = pd.to_numeric(table[name].replace("", np.nan), errors="coerce")
        if not (found.isna() & (table[name] != "")).any():
            table[name] = found
    return table


def _lines(path: Path) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and rows of as many values each; UserError if damaged.

    By csv, as pandas would fill up rows that were cut short and rename columns that stand twice.
    """
    content = opening.text(path)
    try:
        names, *rows = csv.reader(io.StringIO(content, newline=""), strict=True)
    except csv.Error as error:
        raise _damaged(path, f"no CSV: {error}") from None
    except ValueError:
        raise _damaged(path, "is empty, not even the names of columns are there") from None
    if len(set(names)) < len(names) or not names:
        raise _damaged(path, f"expected a name of its own for each column, found {names}")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise _damaged(path, f"row {number} has {len(row)} values for {len(names)} columns")
    if not content.endswith("\n"):
        raise _damaged(path, "its last line has no end, so it was cut short")
    return names, rows


def _numbers(path: Path, column: pd.Series) -> pd.Series:
    found = pd.to_numeric(column, errors="coerce")
    wrong = np.flatnonzero(found.isna() & (column != ""))
    if len(wrong):
        row, value = wrong[0] + 1, column[wrong[0]]
        raise _damaged(path, f"{column.name} is {value[:40]!r} in row {row}, expected a number")
    # Whole numbers beyond 64 bits would stay Python's, and no rows are of no type.
    return found if found.dtype.kind in "if" else found.astype(float)


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path}: {what}. {AGAIN}")
