"""Several fields of a trajectory in chunks of the same steps."""

from collections.abc import Iterator

import numpy as np

from deadtokens.files import layout
from deadtokens.files.trajectory import TrajectoryReader

MOMENTS_AFTER = ("m", "v")  # row t is the state after step t


def weights_and_moments(
    file: TrajectoryReader, max_bytes: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (first row, W (k+1, n, D), m, v (k, n, D)) of k steps, about `max_bytes` in all.

    W begins with the weights before the first of these steps; m and v are those after each.
    A chunk has one step at least.
    """
    names = ("W", *MOMENTS_AFTER)
    file.require(*names)
    steps = file.fields["W"][1][0] - 1
    rows = max(1, max_bytes // sum(layout.row_bytes(file.fields[name]) for name in names))
    for start in range(0, steps, rows):
        stop = min(steps, start + rows)
        moments = (file.read(name, start + 1, stop + 1) for name in MOMENTS_AFTER)
        yield start, file.read("W", start, stop + 1), *moments


def at(file: TrajectoryReader, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W before a step (counted from 1), m and v after it, (n, D) each."""
    moments = (file.read(name, step, step + 1)[0] for name in MOMENTS_AFTER)
    return file.read("W", step - 1, step)[0], *moments
