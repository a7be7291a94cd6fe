"""The onset of the freeze: how much of a run's tokens is frozen when, and the spread over seeds.

Definitions: docs/physics.md. A token that moves at the last step is not frozen, for the run does
not say when it would stop: what lies beyond the run is None, *never in T steps*, and not a number.
"""

from collections.abc import Sequence

import numpy as np

# Two-sided 95% points of Student's t by degrees of freedom, from 1 on (Fisher & Yates, table III).
STUDENT_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def frozen(last: np.ndarray, steps: int) -> np.ndarray:
    """The share of tokens that are frozen after each step, (T,) float64.

    last: (n,) last motions, −1 for none. Frozen after step t: no motion later in the run, which
    must have steps left to tell: of a token that moves at the last step it does not.
    """
    stopped = np.sort(last[last < steps])
    return np.searchsorted(stopped, np.arange(1, steps + 1), side="right") / len(last)


def times(last: np.ndarray, steps: int) -> dict[str, int | None]:
    """Median freeze, the lower of two, and last motion of any token; None: never in T steps."""
    median, latest = (int(np.sort(last)[i]) for i in ((len(last) - 1) // 2, -1))
    return {
        "median_freeze": median if median < steps else None,
        "last_motion": latest if latest < steps else None,
    }


def over_seeds(values: Sequence[float | None]) -> dict[str, object]:
    """Mean over seeds and its 95% interval by Student's t, as a JSON object.

    Seeds differ in initial weights and in the order of the batches, so the interval is of another
    seed's run on the same text and machine. With a value that is None neither can be had: `never`
    counts them, `least` is the smallest of the others. ValueError for more than ten seeds.
    """
    known = [value for value in values if value is not None]
    told = {"seeds": len(values), "never": len(values) - len(known)}
    told |= {"least": min(known, default=None), "mean": None, "low": None, "high": None}
    if len(known) < len(values) or not known:
        return told
    told["mean"] = float(np.mean(known))
    if len(known) > 1:
        if len(known) - 1 > len(STUDENT_95):
            raise ValueError(f"{len(known)} seeds: the table of Student's t has ten at most")
        half = STUDENT_95[len(known) - 2] * np.std(known, ddof=1) / np.sqrt(len(known))
        told |= {"low": told["mean"] - float(half), "high": told["mean"] + float(half)}
    return told
