"""A recorded run one step after the other: the one way in which analyses walk along it.

Steps are counted from 1: step t leads from the state t-1 (W, m, v) to the state t, by what it makes
on its way (g, p_mean).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from deadtokens import lattice
from deadtokens.recorded.naming import STATE

Rows = Mapping[str, np.ndarray]  # by quantity, as they are stored: bfloat16 as bit patterns
# (steps before the first of these k, rows): W, m, v (k+1, n, D), g (k, n, D), p_mean (k, n)
Chunks = Iterable[tuple[int, Rows]]


@dataclass(frozen=True)
class Step:
    """One step of n tokens, of those quantities alone that were asked for.

    before, after: W, m and v, (n, D) each. made: g (n, D), p_mean (n,). `number` counts from 1.
    """

    number: int
    before: Rows
    after: Rows
    made: Rows


def each(chunks: Chunks) -> Iterator[Step]:
    """Every step of chunks of consecutive steps, without a copy."""
    for start, rows in chunks:
        states = [name for name in rows if name in STATE]
        made = [name for name in rows if name not in STATE]
        for i in range(_length(rows)):
            yield Step(
                start + i + 1,
                {name: rows[name][i] for name in states},
                {name: rows[name][i + 1] for name in states},
                {name: rows[name][i] for name in made},
            )


def numbers(rows: np.ndarray) -> np.ndarray:
    """Stored rows as float32: bit patterns of bfloat16 (uint16) widened, float32 as it is."""
    return lattice.to_float32(rows) if rows.dtype == np.uint16 else rows


def _length(rows: Rows) -> int:
    name, values = next(iter(rows.items()))
    return len(values) - (name in STATE)
