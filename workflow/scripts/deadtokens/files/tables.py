"""Tables as CSV files: columns by name, a row per step, token or whatever it is of."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import opening
from deadtokens.files.documents import AGAIN


def write(path: Path, columns: Mapping[str, Sequence | np.ndarray]) -> None:
    """Columns of one length; numbers are written so that they are read back as they were."""
    values = (c.tolist() if isinstance(c, np.ndarray) else c for c in columns.values())
    with open(path, "w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([columns, *zip(*values, strict=True)])


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows, one at least, that all have the names of the first, in its order."""
    write(path, {name: [row[name] for row in rows] for name in rows[0]})


class Columns(dict[str, np.ndarray]):
    """Columns by name, all of one length; one that is asked for and not there is a UserError."""

    def __init__(self, path: Path, columns: Mapping[str, np.ndarray]):
        super().__init__(columns)
        self._path = path

    def __missing__(self, name: str) -> np.ndarray:
        raise _no_column(self._path, name, self)


class Row(dict[str, str]):
    """A row of text by column; a column that is asked for and not there is a UserError."""

    def __init__(self, path: Path, values: Mapping[str, str]):
        super().__init__(values)
        self._path = path

    def __missing__(self, name: str) -> str:
        raise _no_column(self._path, name, self)


def read(path: Path, dtype: type = float, text: Sequence[str] = ()) -> Columns:
    """Columns of this dtype, and of str those whose names are in `text`; none has to be there.

    UserError if the file is damaged, or what should be a number is none.
    """
    names, rows = _lines(path)
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return Columns(
        path,
        {
            name: np.array(column, str) if name in text else _numbers(path, name, column, dtype)
            for name, column in zip(names, columns, strict=True)
        },
    )


def read_rows(path: Path, text: Sequence[str]) -> list[Row]:
    """Rows of text, empty where there is no value; all but the columns in `text` hold numbers.

    UserError if the file is damaged, or what should be a number is none.
    """
    names, rows = _lines(path)
    for name, column in zip(names, zip(*rows, strict=True) if rows else (), strict=bool(rows)):
        if name not in text:
            _numbers(path, name, [value or "nan" for value in column], float)
    return [Row(path, dict(zip(names, row, strict=True))) for row in rows]


def _lines(path: Path) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and rows of as many values each; UserError if damaged."""
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


def _numbers(path: Path, name: str, column: Sequence[str], dtype: type) -> np.ndarray:
    try:
        return np.array(column, dtype)
    except (ValueError, OverflowError):
        number, value = next((i, v) for i, v in enumerate(column, 1) if not _is(v, dtype))
        raise _damaged(
            path, f"{name} is {value[:40]!r} in row {number}, expected a number"
        ) from None


def _is(value: str, dtype: type) -> bool:
    try:
        np.array([value], dtype)
    except (ValueError, OverflowError):
        return False
    return True


def _no_column(path: Path, name: str, found: Mapping) -> UserError:
    return _damaged(path, f"has no column {name}, but {', '.join(found)}")


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path}: {what}. {AGAIN}")
