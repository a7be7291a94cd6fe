"""Ranges of what a run records of its tokens, over all steps and tokens."""

from collections.abc import Iterable

import numpy as np

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, N, D) values), a time chunk each


def norm_range(chunks: Chunks, first_row: int) -> list[float]:
    """Smallest and largest |x|₂ of any token, from `first_row` on; x is (k, N, D) in each chunk."""
    return _range(np.linalg.norm(values, axis=2) for values in _from(first_row, chunks))


def mean_range(chunks: Chunks, first_row: int) -> list[float]:
    """Smallest and largest mean over the elements of any token, from `first_row` on."""
    return _range(values.mean(axis=2) for values in _from(first_row, chunks))


# Quantity of a trajectory, name in the summary, statistic; from the first step on, since moments
# are zero before it.
RANGES = (
    ("m", "momentum_norm", norm_range),
    ("v", "mean_variance", mean_range),
    ("g", "gradient_norm", norm_range),
)


def _from(first_row: int, chunks: Chunks) -> Iterable[np.ndarray]:
    for start, values in chunks:
        if start + len(values) > first_row:
            yield values[max(0, first_row - start) :]


def _range(tables: Iterable[np.ndarray]) -> list[float]:
    lowest, highest = zip(*((table.min(), table.max()) for table in tables), strict=True)
    return [float(min(lowest)), float(max(highest))]
