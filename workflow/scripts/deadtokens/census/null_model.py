"""The null model of black holes: a cloud all of whose tokens are moved by the same, and rounded.

Nothing that distinguishes tokens moves them, so whatever meets or parts does so by rounding alone.
Three readings. `pushed`: from the rounded cloud on, at each step the update that most of the run's
tokens have in common (`common_update`) is added and the sum rounded, as an update to a weight in
bfloat16 is. `stepwise`: the same with what the mean of the recorded rows was moved by. Where only
some rows moved, that is less than the update was, and is lost where it is below half a cell.
`at_once`: the cloud in float32, the whole drift of the mean added, rounded once.
"""

import numpy as np
import pandas as pd

from deadtokens.census import common_update, formats, in_time
from deadtokens.census.formats import BFLOAT16
from deadtokens.census.rounding import rounded

READINGS = PUSHED, STEPWISE, AT_ONCE = ("pushed", "stepwise", "at_once")
# Of the common update at each step: elements in which a token changed, those of them in which all
# tokens agree, and the tokens that agree in one, summed over these elements.
AGREEMENT = ("changed_elements", "agreed_elements", "agreeing_tokens")


def moved(bits: np.ndarray, increment: np.ndarray) -> np.ndarray:
    """A rounded cloud a step further: (n, D) bits and (D,) float64 in, (n, D) bits out.

    The sum is float32 before it is rounded, as that of a weight and its update. An increment of 0
    leaves the sign of a zero.
    """
    after = rounded(formats.values(bits, BFLOAT16) + increment.astype(np.float32))
    return np.where(increment == 0, bits, after)


class NullModel:
    """All readings along the states of a run, with their censuses.

    cloud: (n, D) float32, the initial rows before they were rounded. `centres` (T+1, D) float64 is
    where the mean of the cloud would be: its own, plus the recorded drift.
    """

    def __init__(self, cloud: np.ndarray, most_pairs: int, ranks: int):
        self._cloud = cloud
        self._pushed = self._stepwise = rounded(cloud)
        self._rows: np.ndarray | None = None  # the recorded ones
        self._first: np.ndarray | None = None
        self._last: np.ndarray | None = None
        self._own = cloud.mean(axis=0, dtype=np.float64)
        self._agreement: list[tuple[int, int, int]] = []
        self.centres: list[np.ndarray] = []
        self._followers = {
            reading: in_time.Follower(BFLOAT16, most_pairs, ranks) for reading in READINGS
        }

    def add(self, rows: np.ndarray) -> None:
        """The next state, by the recorded rows, (n, D) bits."""
        agreement = 0, 0, 0
        if self._rows is None:
            self._first = self._last = centroid(rows)
        elif not np.array_equal(rows, self._rows):
            middle = centroid(rows)
            self._stepwise = moved(self._stepwise, middle - self._last)
            common = common_update.of(self._rows, rows)
            self._pushed = moved(self._pushed, common.update)
            self._last = middle
            agreeing = common.agreeing[common.changed]
            agreement = len(agreeing), int((agreeing == len(rows)).sum()), int(agreeing.sum())
        self._rows = rows.copy()
        self._agreement.append(agreement)
        drift = self._last - self._first
        self._followers[PUSHED].add(self._pushed)
        self._followers[STEPWISE].add(self._stepwise)
        self._followers[AT_ONCE].add(rounded(self._cloud + drift.astype(np.float32)))
        self.centres.append(self._own + drift)

    def table(self) -> pd.DataFrame:
        """A row per reading and state: what a `Follower` leaves, and AGREEMENT of `pushed`."""
        of_reading = [of.table().assign(reading=name) for name, of in self._followers.items()]
        table = pd.concat(of_reading, ignore_index=True)
        table.insert(0, "reading", table.pop("reading"))
        agreement = pd.DataFrame(self._agreement, columns=[*AGREEMENT])
        return table.join(agreement.set_index(table.index[table["reading"] == PUSHED])).astype(
            dict.fromkeys(AGREEMENT, "Int64")
        )


def centroid(bits: np.ndarray) -> np.ndarray:
    """The mean of rows: (n, D) bfloat16 bits in, (D,) float64 out."""
    return formats.values(bits, BFLOAT16).mean(axis=0, dtype=np.float64)
