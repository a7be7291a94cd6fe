"""The lattice of bfloat16 values: ULP, lattice displacement, lattice steps, from bit patterns.

Definitions: docs/physics.md. Bit patterns are uint16 arrays of any shape. Every function is
elementwise and exact for all 65,536 patterns; none warns about overflow, for an infinite
displacement is a result, which callers count.
"""

import numpy as np

MAGNITUDE = 0x7FFF
INFINITY = 0x7F80  # the NaN patterns follow it
MANTISSA_BITS = 7
# 2 ** (max(E, 1) - 134): zero and subnormals share the cell of the smallest normal numbers.
ULP_OF_EXPONENT = np.ldexp(np.float32(1), np.maximum(np.arange(256, dtype=np.int32), 1) - 134)


def to_float32(bits: np.ndarray) -> np.ndarray:
    """The values of bfloat16 bit patterns, exactly: uint16 in, float32 out."""
    return np.left_shift(bits, 16, dtype=np.uint32).view(np.float32)


def ulp(bits: np.ndarray) -> np.ndarray:
    """The distance from each value to its neighbour in the same binade: uint16 in, float32 out."""
    return ULP_OF_EXPONENT.take((bits & MAGNITUDE) >> MANTISSA_BITS)


def displacement(previous: np.ndarray, current: np.ndarray) -> np.ndarray:
    """ΔW′: how far each element went, in cells of the lattice where it started; float32.

    Difference and quotient are taken in float32 as in the published notebooks, so the result
    overflows to infinity where an element leaves the neighbourhood of zero.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return (to_float32(current) - to_float32(previous)) / ulp(previous)


def order_index(bits: np.ndarray) -> np.ndarray:
    """The place of each value among all bfloat16 values in ascending order; both zeros are 0.

    int16, so widen it before taking differences. Infinity follows the largest finite value and the
    NaN patterns follow infinity, so that every pattern has a place.
    """
    sign = bits.view(np.int16) >> 15  # 0 or -1: x ^ -1 is -x - 1, so what follows negates
    return ((bits & MAGNITUDE).view(np.int16) ^ sign) - sign


def lattice_steps(previous: np.ndarray, current: np.ndarray) -> np.ndarray:
    """The signed number of representable values from `previous` to `current`; int32, always finite.

    Equal to ΔW′ as long as an element stays inside one binade.
    """
    return np.subtract(order_index(current), order_index(previous), dtype=np.int32)
