"""The gauge of W: a vector added to every row changes no probability, but every position.

Definitions: docs/physics.md. What is said of positions, norms, cells and directions of rows is said
in two readings: `as_stored`, which rounding sees, and `relative` to the mean of all rows, which the
softmax sees. Rows of one time less each other are the same in both.
"""

import numpy as np

AS_STORED, RELATIVE = READINGS = ("as_stored", "relative")


def mean(rows: np.ndarray) -> np.ndarray:
    """The mean of rows (n, D), each of the same weight: (D,) float64."""
    return rows.mean(axis=0, dtype=np.float64)


def readings(rows: np.ndarray, origin: np.ndarray) -> dict[str, np.ndarray]:
    """Rows (n, D) as they are and less `origin` (D,), the mean of all rows; float64."""
    stored = rows.astype(np.float64)
    return {AS_STORED: stored, RELATIVE: stored - origin}
