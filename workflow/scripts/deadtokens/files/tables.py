"""Tables as CSV files: columns by name, a row per step, token or whatever it is of."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def write(path: Path, columns: Mapping[str, Sequence | np.ndarray]) -> None:
    """Columns of one length; numbers are written so that they are read back as they were."""
    values = (c.tolist() if isinstance(c, np.ndarray) else c for c in columns.values())
    with open(path, "w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([columns, *zip(*values, strict=True)])


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows, one at least, that all have the names of the first, in its order."""
    write(path, {name: [row[name] for row in rows] for name in rows[0]})


def read(path: Path, dtype: type = float, text: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Columns of this dtype, and of str those whose names are in `text`; none has to be there."""
    with open(path, newline="", encoding="utf-8") as lines:
        names, *rows = csv.reader(lines)
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return {
        name: np.array(column, dtype=str if name in text else dtype)
        for name, column in zip(names, columns, strict=True)
    }


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of text, empty where there is no value."""
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
