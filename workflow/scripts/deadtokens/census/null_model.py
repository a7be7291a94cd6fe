"""The null model of black holes: a cloud that is moved rigidly along a drift, and rounded.

No training: every token is moved by what the mean of all of them was moved by, so that whatever
meets or parts does so by rounding alone. Two readings. `stepwise`: from the rounded cloud on, the
increment of each step is added and the sum rounded, as an update to a weight in bfloat16 is; what
is below half a cell is lost. `at_once`: the cloud in float32, the whole drift added, rounded once.
"""

from collections.abc import Iterator

import numpy as np

from deadtokens.census import formats, in_time
from deadtokens.census.formats import BFLOAT16

READINGS = STEPWISE, AT_ONCE = ("stepwise", "at_once")
FLOAT32 = formats.BY_DTYPE["F32"]


def rounded(values: np.ndarray) -> np.ndarray:
    """The bits of the nearest bfloat16 values, ties to even: float32 in, uint16 out."""
    return formats.rounded_to_bfloat16(values.astype(np.float32).view(np.uint32), FLOAT32)


def moved(bits: np.ndarray, increment: np.ndarray) -> np.ndarray:
    """A rounded cloud a step further: (n, D) bits and (D,) float64 in, (n, D) bits out.

    The sum is float32 before it is rounded, as that of a weight and its update.
    """
    return rounded(formats.values(bits, BFLOAT16) + increment.astype(np.float32))


class NullModel:
    """Both readings along a drift that is given state by state, with their censuses.

    cloud: (n, D) float32, the initial rows before they were rounded. `centres` (T+1, D) float64 is
    where the mean of the cloud would be: its own, plus the drift.
    """

    def __init__(self, cloud: np.ndarray, most_pairs: int, ranks: int):
        self._cloud = cloud
        self._bits = rounded(cloud)
        self._first: np.ndarray | None = None
        self._last: np.ndarray | None = None
        self._own = cloud.mean(axis=0, dtype=np.float64)
        self.centres: list[np.ndarray] = []
        self._followers = {
            reading: in_time.Follower(BFLOAT16, most_pairs, ranks) for reading in READINGS
        }

    def add(self, centroid: np.ndarray) -> None:
        """The next state, by the mean of the recorded rows, (D,) float64."""
        if self._first is None:
            self._first = self._last = centroid
        if not np.array_equal(centroid, self._last):
            self._bits = moved(self._bits, centroid - self._last)
        self._last, drift = centroid, centroid - self._first
        self._followers[STEPWISE].add(self._bits)
        self._followers[AT_ONCE].add(rounded(self._cloud + drift.astype(np.float32)))
        self.centres.append(self._own + drift)

    def tables(self) -> Iterator[tuple[str, object]]:
        """(reading, table) as `in_time.Follower` leaves it."""
        for reading, follower in self._followers.items():
            yield reading, follower.table()


def centroid(bits: np.ndarray) -> np.ndarray:
    """The mean of rows: (n, D) bfloat16 bits in, (D,) float64 out."""
    return formats.values(bits, BFLOAT16).mean(axis=0, dtype=np.float64)
