"""When tokens stop: the onset of a stretch of stillness that is long enough, or later than is seen.

Definitions: docs/physics.md. A token that has not moved for some steps may only pause, so its last
motion before the end of a record is no stop. Its *onset* is the first step after which it is still
for `still_for` steps, all of them within the first `through_step` steps of the run; a token of
which there is none is *censored*: its onset is later than the latest that can be seen there.
Steps are counted from 1, and an onset of 0 is that of a token that was still from the start.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from deadtokens.errors import UserError

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) displacements), row 0 is step 1


@dataclass(frozen=True)
class Onsets:
    """Of n tokens of one run."""

    step: np.ndarray  # (n,) int64: the onset, `latest` where it is censored
    censored: np.ndarray  # (n,) bool
    latest: int  # the latest onset that can be seen: through_step - still_for

    def of(self, tokens: np.ndarray) -> "Onsets":
        """Those of some tokens, by a mask or by places."""
        return Onsets(self.step[tokens], self.censored[tokens], self.latest)

    @property
    def order(self) -> np.ndarray:
        """Times that stand in the order of the onsets, (n,): censored ones share one after all."""
        return np.where(self.censored, self.latest + 1, self.step)


def onsets(chunks: Chunks, threshold: float, still_for: int, through_step: int) -> Onsets:
    """The onset of each token, from its |ΔW′|₂ at every step.

    At least the threshold is motion; NaN is none. What lies beyond `through_step` is not looked at,
    so that runs of any length are judged alike. UserError if there are fewer steps.
    """
    last, found = None, None  # (n,) last motion so far, 0 for none; onset, -1 for none yet
    for start, l2 in chunks:
        moving = l2[: max(0, through_step - start)] >= np.float32(threshold)
        if last is None:
            last, found = np.zeros(l2.shape[1], np.int64), np.full(l2.shape[1], -1, np.int64)
        for step, moves in enumerate(moving, start=start + 1):
            paused = moves & (found < 0) & (step - 1 - last >= still_for)
            found[paused] = last[paused]
            last[moves] = step
        if start + len(l2) >= through_step:
            break
    else:
        raise UserError(
            f"the displacement ends before step {through_step}: give that of a run of so many "
            "steps, or set an earlier through_step."
        )
    latest = through_step - still_for
    found = np.where((found < 0) & (last <= latest), last, found)
    censored = found < 0
    return Onsets(np.where(censored, latest, found), censored, latest)
