"""Columns of tables as a page holds them: packed, each once, whatever tables it stands in.

A column is described by `held`, the name of the element that holds it, and `type`:

- `uint8`, `uint16`, `uint32`: whole numbers from 0 on, in the narrowest; the highest of the type
  stands for a missing one;
- `float32`: any numbers, rounded to it, so off by at most 2^-24 of the value; NaN is missing;
- `labels`: uint8 or uint16 that count in the list `labels`;
- `text`: a JSON list, in UTF-8.

Numbers are little-endian, their first bytes before all second ones and so on, as bytes of one
place are more alike than those of one number (the shuffle filter of HDF5).
"""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from deadtokens.errors import UserError
from deadtokens.pages import parts

WHOLE = ("uint8", "uint16", "uint32")


class Held:
    """The packed columns of a page by the names of their elements; equal ones are held once."""

    def __init__(self):
        self.elements: dict[str, str] = {}
        self._names: dict[bytes, str] = {}

    def add(self, content: bytes) -> str:
        """The name of the element that holds these bytes."""
        name = self._names.setdefault(content, f"column-{len(self._names)}")
        if name not in self.elements:
            self.elements[name] = parts.packed(content)
        return name

    def text(self, values: Sequence[str]) -> dict:
        content = json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))
        return {"held": self.add(content.encode("utf-8")), "type": "text"}

    def labels(self, values: Sequence[str]) -> dict:
        """Text of few kinds, in the order in which they first stand."""
        codes, labels = pd.factorize(np.asarray(values, dtype=object))
        described = self.whole("labels", pd.Series(codes))
        return described | {"type": "labels", "code": described["type"], "labels": [*labels]}

    def whole(self, name: str, values: pd.Series) -> dict:
        """Whole numbers, missing ones NaN; UserError if they are none, or negative."""
        numbers = values.to_numpy(np.float64)
        there = numbers[~np.isnan(numbers)]
        if ((there < 0) | (there != np.floor(there))).any():
            raise UserError(f"{name} is not a whole number from 0 on in every row: make it again.")
        for kind in WHOLE:
            missing = np.iinfo(kind).max
            if there.max(initial=0) < missing:
                found = np.where(np.isnan(numbers), missing, numbers).astype(kind)
                return {"held": self.add(shuffled(found)), "type": kind}
        raise UserError(f"{name} is up to {there.max():.0f}, more than a page can hold.")

    def real(self, values: pd.Series) -> dict:
        found = values.to_numpy(np.float64).astype(np.float32)
        return {"held": self.add(shuffled(found)), "type": "float32"}


def shuffled(values: np.ndarray) -> bytes:
    """(n,) numbers: the first bytes of all, the second ones of all, and so on."""
    little = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<")))
    return little.view(np.uint8).reshape(len(values), values.dtype.itemsize).T.tobytes()
