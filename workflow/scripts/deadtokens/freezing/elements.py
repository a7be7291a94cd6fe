"""Elements beside tokens: which bits of the rows change at each step, and when they do last.

A token is still while all of its D elements are, so what is said of tokens is said of an extreme of
D. Definitions: docs/physics.md.
"""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from deadtokens import lattice
from deadtokens.recorded.rows import TokenRows

CHUNK_BYTES = 8_000_000  # of weights read at a time; larger chunks leave the cache


def changes(rows: TokenRows) -> Iterator[np.ndarray]:
    """Whether the bits of each element change, (n, D) bool of every step, in bounded memory."""
    for _, weights in rows.chunks("W", CHUNK_BYTES, overlap=1):
        for before, after in itertools.pairwise(weights):
            yield before != after


def at_power_of_two(bits: np.ndarray) -> np.ndarray:
    """Whether each bfloat16 value is a power of two at which cells change their size, bool.

    Of its two neighbours that nearer to zero is half as far, so that an update away from zero can
    be lost there which moves what lies below. Any sign.
    """
    magnitude = bits & np.uint16(lattice.MAGNITUDE)
    below = np.maximum(magnitude, 1) - np.uint16(1)
    return (magnitude < lattice.INFINITY) & (lattice.ulp(below) < lattice.ulp(magnitude))


def last_motion(changes: Iterable[np.ndarray]) -> np.ndarray:
    """The last step at which each changes, (n, D) int32, −1 for none."""
    last = None
    for step, changed in enumerate(changes, start=1):
        if last is None:
            last = np.full(changed.shape, -1, np.int32)
        last[changed] = step
    return last
