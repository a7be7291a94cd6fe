"""Random integers that are the same on every platform and with every version of every library.

A stream is a 64-bit key. Its n-th word is splitmix64's (Steele, Lea, Flood 2014, "Fast splittable
pseudorandom number generators"): `mix(key + (n + 1) * GAMMA)`, so any word can be had without
those before it. Unsigned 64-bit integer arithmetic alone: no state, no floating point.
"""

import numpy as np

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def mix(values: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser: a permutation of the 64-bit integers that leaves no pattern.

    Takes and gives uint64 of any shape of at least one axis (numpy warns of overflow in scalars).
    """
    mixed = values ^ (values >> np.uint64(30))
    mixed *= _FACTORS[0]
    mixed ^= mixed >> np.uint64(27)
    mixed *= _FACTORS[1]
    mixed ^= mixed >> np.uint64(31)
    return mixed


def stream_key(seed: int, purpose: str) -> np.ndarray:
    """The key, shape (1,), of a seed's stream for one purpose."""
    key = mix(np.array([seed % 2**64], np.uint64))
    for letter in purpose.encode():
        key = mix(key * GAMMA + np.uint64(letter))
    return key


def words(key: np.ndarray, positions: np.ndarray | range) -> np.ndarray:
    """The 64-bit words at these positions of the streams; `key` and `positions` broadcast."""
    return mix(key + (np.asarray(positions).astype(np.uint64) + np.uint64(1)) * GAMMA)


def below(bits: np.ndarray, bound: int | np.ndarray) -> np.ndarray:
    """Integers in [0, bound), bound <= 2**32, from the upper halves of 64-bit words; as int64."""
    return (((bits >> _HALF) * np.asarray(bound).astype(np.uint64)) >> _HALF).astype(np.int64)


class WeightedChoice:
    """Draws indices in proportion to integer weights (Walker's alias method, in integers)."""

    def __init__(self, weights: np.ndarray | list[int]):
        weights = [int(weight) for weight in weights]
        size, total = len(weights), sum(weights)
        share = [weight * size for weight in weights]  # a column holds `total` of it
        alias = list(range(size))
        small = [column for column in range(size) if share[column] < total]
        large = [column for column in range(size) if share[column] >= total]
        while small and large:
            column, giver = small.pop(), large[-1]
            alias[column] = giver
            share[giver] -= total - share[column]
            if share[giver] < total:
                small.append(large.pop())
        self._alias = np.array(alias, np.int64)
        self._threshold = np.array([(part << 32) // total for part in share], np.uint64)

    def __call__(self, bits: np.ndarray) -> np.ndarray:
        """Indices, int64, of the shape of `bits` (uint64 words, one per index)."""
        column = below(bits, len(self._alias))
        return np.where((bits & _LOW_HALF) < self._threshold[column], column, self._alias[column])


def zipf_weights(size: int, offset_tenths: int, bend: int) -> np.ndarray:
    """Integer weights by rank 1, 2, ..., proportional to 1 / ((rank + offset) (1 + rank / bend)).

    Zipf-Mandelbrot with exponent 1, falling off faster beyond the bend, as the words outside the
    core of a language do (Ferrer i Cancho & Sole 2001); int64.
    """
    rank = np.arange(1, size + 1, dtype=np.int64)
    return 2**62 // ((10 * rank + offset_tenths) * (bend + rank))
