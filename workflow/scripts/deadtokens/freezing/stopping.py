"""Who has stopped: the one place where a pause is distinguished from a stop.

A token (or an element) has *stopped* at its last motion if it was still for `still_for` steps at
least from there to the end of the run. A later last motion is *censored*: it may be a pause.
"""

import numpy as np


def stopped(last: np.ndarray, steps: int, still_for: int) -> np.ndarray:
    """Whether each is known to have stopped, bool.

    last: last motions, −1 for none; one that never moved was still for all `steps`.
    """
    return np.maximum(last, 0) <= steps - still_for


def too_short(steps: int, still_for: int) -> str | None:
    """Why no token that moved can be known to have stopped in a run of so many steps, or None."""
    if steps > still_for:
        return None
    return (
        f"a run of {steps:,} steps cannot show a token still for {still_for:,} after a motion "
        "(freezing.still_for)"
    )
