"""Rounding to bfloat16: which value a number is rounded to, and which numbers are rounded to it."""

import numpy as np

from deadtokens.census import formats
from deadtokens.census.formats import BFLOAT16

FLOAT32 = formats.BY_DTYPE["F32"]


def rounded(values: np.ndarray) -> np.ndarray:
    """The bits of the nearest bfloat16 values, ties to even: float32 in, uint16 out."""
    return formats.rounded_to_bfloat16(values.astype(np.float32).view(np.uint32), FLOAT32)


def cell(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Between which numbers values are rounded to these bfloat16 bits: low and high, float64.

    The two zeros share what is rounded to zero, by its sign.
    """
    magnitude = bits & np.uint16(BFLOAT16.magnitude)
    value = formats.values(magnitude, BFLOAT16).astype(np.float64)
    above = formats.values(magnitude + np.uint16(1), BFLOAT16).astype(np.float64)
    below = formats.values(np.maximum(magnitude, 1) - np.uint16(1), BFLOAT16).astype(np.float64)
    inner, outer = np.where(magnitude == 0, 0.0, (value + below) / 2), (value + above) / 2
    negative = bits > BFLOAT16.magnitude
    return np.where(negative, -outer, inner), np.where(negative, -inner, outer)
