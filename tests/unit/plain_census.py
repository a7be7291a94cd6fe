"""The definitions of the census, written out the long way, pair by pair; and planted matrices."""

import itertools
import math
import struct

import numpy as np

from deadtokens.census import formats
from deadtokens.census.structure import Rules

BFLOAT16 = formats.BFLOAT16
RULES = Rules(
    exponent_cut=5,
    exponents_shown=20,
    plateau_growth=0.01,
    pair_limit=1_000_000,
    shells=4,
    neighbours=3,
    projections=2,
    candidates=8,
    random_seed=1,
)
# Magnitude bits and the place of the exponent's first bit, by format.
PLACES = {"bfloat16": (0x7FFF, 7), "float16": (0x7FFF, 10), "float32": (0x7FFFFFFF, 23)}
CODES = {"bfloat16": None, "float16": "e", "float32": "f"}


def value(bits: int, name: str) -> float:
    if name == "bfloat16":
        return struct.unpack(">f", struct.pack(">HH", bits, 0))[0]
    size = {"float16": ">H", "float32": ">I"}[name]
    return struct.unpack(f">{CODES[name]}", struct.pack(size, bits))[0]


def place(bits: int, name: str) -> int:
    """The order index: magnitude, negated if the sign bit is set."""
    magnitude = bits & PLACES[name][0]
    return -magnitude if bits > PLACES[name][0] else magnitude


def exponent(bits: int, name: str) -> int:
    return (bits & PLACES[name][0]) >> PLACES[name][1]


def populations(rows) -> dict[bytes, list[int]]:
    """Rows by their bytes."""
    found = {}
    for number, row in enumerate(rows):
        found.setdefault(row.tobytes(), []).append(number)
    return found


def steps(one, other, name: str) -> list[int]:
    pairs = zip(one, other, strict=True)
    return [abs(place(int(a), name) - place(int(b), name)) for a, b in pairs]


def exponent_distance(one, other, name: str) -> int:
    pairs = zip(one, other, strict=True)
    return max(abs(exponent(int(a), name) - exponent(int(b), name)) for a, b in pairs)


def distance(one, other, name: str) -> float:
    pairs = zip(one, other, strict=True)
    return math.sqrt(sum((value(int(a), name) - value(int(b), name)) ** 2 for a, b in pairs))


def neighbours(vectors, name: str) -> dict[tuple[int, int], int]:
    """L1 of every pair whose L-infinity is at most 1."""
    found = {}
    for i, j in itertools.combinations(range(len(vectors)), 2):
        apart = steps(vectors[i], vectors[j], name)
        if max(apart) <= 1:
            found[i, j] = sum(apart)
    return found


def components(number: int, pairs) -> list[set[int]]:
    """By joining sets until nothing changes."""
    sets = [{i} for i in range(number)]
    for i, j in pairs:
        one = next(s for s in sets if i in s)
        other = next(s for s in sets if j in s)
        if one is not other:
            sets.remove(other)
            one |= other
    return sets


def normal(rows: int, dimensions: int, seed: int = 0, sigma: float = 0.02) -> np.ndarray:
    """The bits of a matrix of bfloat16 normal numbers."""
    numbers = np.random.default_rng(seed).normal(0, sigma, (rows, dimensions)).astype(np.float32)
    return formats.rounded_to_bfloat16(numbers.view(np.uint32), formats.BY_DTYPE["F32"])


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """300 x 48 normal bits with four black holes of 40, 7, 3 and 2 tokens, shuffled; and the place
    where each row of the unshuffled matrix went.

    The first three are neighbours of each other, one by a face, one by a corner; the fourth is far.
    """
    bits = normal(300, 48, seed, sigma=2e-6)  # many exponents below the structure
    base = np.where(bits[0] & 0x8000, 0xBC40, 0x3C40).astype(np.uint16)  # the middle of a binade
    bits[:40] = base
    bits[40:47] = base
    bits[40:47, 3] += 1
    bits[47:50] = base
    bits[47:50, [5, 6, 7]] -= 1
    bits[50] = bits[60]
    order = np.random.default_rng(seed + 1).permutation(len(bits))
    shuffled = np.empty_like(bits)
    shuffled[order] = bits
    return shuffled, order
