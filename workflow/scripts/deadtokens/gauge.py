"""The gauge of W: a vector added to every row changes no probability, but every position.

Definitions: docs/physics.md. What is said of positions, norms, cells and directions of rows is said
in two readings: `as_stored`, which rounding sees, and `relative` to the mean of all rows, which the
softmax sees. Rows of one time less each other are the same in both.
"""

import numpy as np

from deadtokens import lattice

AS_STORED, RELATIVE = READINGS = ("as_stored", "relative")


def mean(rows: np.ndarray) -> np.ndarray:
    """The mean of rows (n, D), each of the same weight: (D,) float64."""
    return rows.mean(axis=0, dtype=np.float64)


def readings(rows: np.ndarray, origin: np.ndarray) -> dict[str, np.ndarray]:
    """Rows (n, D) as they are and less `origin` (D,), the mean of all rows; float64."""
    stored = rows.astype(np.float64)
    return {AS_STORED: stored, RELATIVE: stored - origin}


def ulp_of_numbers(values: np.ndarray) -> np.ndarray:
    """The cell of the binade that any finite numbers lie in, bfloat16 values or not; float64.

    Of bfloat16 values it is their `ulp`. Zero and what is below the normal numbers have 2^-133.
    """
    _, exponent = np.frexp(np.asarray(values, dtype=np.float64))  # |x| = f 2^e, 1/2 <= f < 1
    smallest = np.where(np.equal(values, 0), -125, np.maximum(exponent, -125))
    return np.ldexp(1.0, smallest - 1 - lattice.MANTISSA_BITS)
