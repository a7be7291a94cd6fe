"""The onset of the freeze: when the tokens of a run, and their elements, come to rest.

Definitions: docs/physics.md. An onset later than the last step whose following `still_for` steps
end within `through_step` is not seen: it is censored there. What is compared is finite for any run,
one that stops altogether too, and does not depend on what a run does after `through_step`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens.causes.course import COLUMNS, UNITS
from deadtokens.errors import UserError

# Not a count, but a step or None.
MEDIAN = "median_onset"


@dataclass(frozen=True)
class Horizon:
    """Which steps are looked at: 1 to `through_step`, and rests of `still_for` steps within."""

    through_step: int
    still_for: int

    @property
    def latest_onset(self) -> int:
        """The last step that can be seen to be an onset."""
        return self.through_step - self.still_for


def through(course: pd.DataFrame, path: str, horizon: Horizon) -> pd.DataFrame:
    """The rows of a course (`causes.course.table`) up to `through_step`, and no onset beyond it.

    UserError if it is shorter, or of rests of another length.
    """
    steps = len(course) - 1
    if steps < horizon.through_step:
        raise UserError(
            f"{path} has {steps} steps; through_step is {horizon.through_step}: give runs of so "
            "many steps at least, or set through_step lower."
        )
    unseen = int(course["tokens_before_onset"].isna().sum())
    if unseen != min(horizon.still_for, steps + 1):
        raise UserError(
            f"{path} shows no onset in its last {unseen} steps; still_for is {horizon.still_for}: "
            "give a course that was made with this still_for."
        )
    seen = course.loc[course["step"] <= horizon.through_step, list(COLUMNS)].reset_index(drop=True)
    beyond = seen["step"] > horizon.latest_onset
    return seen.assign(
        **{f"{u}_before_onset": seen[f"{u}_before_onset"].mask(beyond) for u in UNITS}
    )


def check(courses: dict[str, pd.DataFrame]) -> None:
    """UserError unless all courses, by path, are of as many tokens."""
    first = next(iter(courses))
    expected = courses[first]["tokens"].iloc[0]
    for path, course in courses.items():
        found = course["tokens"].iloc[0]
        if found != expected:
            raise UserError(
                f"{path} is of {found:,.0f} tokens, {first} of {expected:,.0f}: give courses of "
                "the same tokens, as runs on one corpus leave them."
            )


def numbers(course: pd.DataFrame, unit: str, horizon: Horizon) -> dict[str, float | int | None]:
    """What is compared over seeds and arms, of one run's tokens or elements.

    course: as `through` leaves it. onset: the restricted mean, in steps: the mean of onsets, those
    not seen taken as the latest that could be (the restricted mean survival time: Royston and
    Parmar, BMC Medical Research Methodology 13 (2013), 152). median_onset: the lower median, None
    if fewer than half are seen. reached: share whose onset is seen. still: share without a motion
    in the last `still_for` steps. rate: motions per unit and step in these. Later motion after an
    onset shows in `still`, which counts who is at rest at the end.
    """
    total, latest = int(course[unit].iloc[0]), horizon.latest_onset
    before = course[f"{unit}_before_onset"].to_numpy(float)[: latest + 1]
    # The mean of min(onset, latest) is the sum over s < latest of the share with onset > s.
    reached = total - before
    half = np.flatnonzero(reached >= (total - 1) // 2 + 1)
    lately = course[f"{unit}_moving"].to_numpy(float)[-horizon.still_for :]
    return {
        "onset": float(before[:latest].sum() / total),
        MEDIAN: int(half[0]) if len(half) else None,
        "reached": float(reached[-1] / total),
        "still": 1 - float(course[f"{unit}_moved_lately"].iloc[-1]) / total,
        "rate": float(lately.sum() / total / horizon.still_for),
    }


def width(course: pd.DataFrame) -> int:
    """The number of elements of a token's row, D."""
    return int(course["elements"].iloc[0] // course["tokens"].iloc[0])
