"""Number formats of embedding matrices, as data: their bits, their order, their exponents.

A matrix travels as the bit patterns of its values, unsigned integers as wide as the format. The
order index of a value is its place among all values of the format in ascending order; both zeros
are 0 (docs/physics.md, as `lattice.order_index` has it for bfloat16 alone).
"""

from dataclasses import dataclass

import numpy as np

SIGN_OF_BFLOAT16 = 0x8000
ROUNDED_BITS = 16  # of float32, that bfloat16 has not


@dataclass(frozen=True)
class Format:
    """A floating-point format: sign, exponent, mantissa, in this order, of `bits` bits in all."""

    name: str
    bits: int
    mantissa_bits: int

    @property
    def magnitude(self) -> int:
        """All bits but the sign."""
        return (1 << (self.bits - 1)) - 1

    @property
    def infinity(self) -> int:
        """The magnitude of infinity; the NaN patterns follow it."""
        return self.magnitude >> self.mantissa_bits << self.mantissa_bits

    @property
    def dtype(self) -> np.dtype:
        """Of arrays of bit patterns."""
        return np.dtype(f"<u{self.bits // 8}")


BFLOAT16 = Format("bfloat16", 16, 7)
# By the dtype of a safetensors file; U16 is how published trajectories hold bfloat16.
BY_DTYPE = {
    "BF16": BFLOAT16,
    "U16": BFLOAT16,
    "F16": Format("float16", 16, 10),
    "F32": Format("float32", 32, 23),
}


def exponent(bits: np.ndarray, form: Format) -> np.ndarray:
    """The exponent field of each value, int16."""
    return ((bits & form.magnitude) >> form.mantissa_bits).astype(np.int16)


def at_power_of_two(bits: np.ndarray, form: Format) -> np.ndarray:
    """Whether each value is plus or minus a power of two at which the size of cells changes, bool.

    The two smallest exponents have cells of one size, so theirs are none.
    """
    magnitude = bits & form.magnitude
    powers = magnitude & ((1 << form.mantissa_bits) - 1) == 0
    return powers & (magnitude >= 2 << form.mantissa_bits) & (magnitude < form.infinity)


def order_index(bits: np.ndarray, form: Format) -> np.ndarray:
    """The place of each value among all of its format, int16 or int32; both zeros are 0.

    Widen it before taking differences.
    """
    magnitude = (bits & form.magnitude).view(f"<i{form.bits // 8}")
    return np.where(bits > form.magnitude, -magnitude, magnitude)


def values(bits: np.ndarray, form: Format) -> np.ndarray:
    """The values of bit patterns, exactly, as float32."""
    if form is BFLOAT16:
        return np.left_shift(bits, ROUNDED_BITS, dtype=np.uint32).view(np.float32)
    if form.bits == 16:
        return bits.view(np.float16).astype(np.float32)
    return bits.view(np.float32)


def has_nonfinite(bits: np.ndarray, form: Format) -> np.ndarray:
    """Which rows hold a NaN or an infinity: (n, D) in, (n,) bool out."""
    return ((bits & form.magnitude) >= form.infinity).any(axis=1)


def rounded_to_bfloat16(bits: np.ndarray, form: Format) -> np.ndarray:
    """The bfloat16 bits of float16 or float32 values, to the nearest, ties to even, uint16.

    A NaN stays one, whatever of its mantissa is cut off.
    """
    wide = values(bits, form).view(np.uint32)
    last = (wide >> ROUNDED_BITS) & 1  # a tie goes to the neighbour whose last bit is 0
    half = np.uint32((1 << (ROUNDED_BITS - 1)) - 1)
    with np.errstate(over="ignore"):
        rounded = ((wide + half + last) >> ROUNDED_BITS).astype(np.uint16)
    is_nan = (wide & BY_DTYPE["F32"].magnitude) > BY_DTYPE["F32"].infinity
    return np.where(is_nan, np.uint16(BFLOAT16.infinity | 1), rounded)
