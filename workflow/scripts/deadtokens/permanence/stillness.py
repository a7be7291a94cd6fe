"""Stillness: the times in which none of the tokens moves.

Definitions: docs/physics.md. Steps are counted from 1: step t leads from W[t-1] to W[t].
"""

import numpy as np
import pandas as pd

LISTED_RUNS = 10  # the longest; the table holds all of them


def runs(n_moving: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The maximal runs of steps at which nothing moves, in the order of time.

    n_moving: moving tokens at each step, (T,), see `phases.count_moving`. First step and length of
    each run.
    """
    still = np.concatenate([[False], np.asarray(n_moving) == 0, [False]])
    edges = np.flatnonzero(still[1:] != still[:-1])  # a run begins and ends in turn
    starts, ends = edges[::2], edges[1::2]
    return starts + 1, ends - starts


def table(starts: np.ndarray, lengths: np.ndarray) -> pd.DataFrame:
    """A row per run."""
    return pd.DataFrame({"start": starts, "length": lengths})


def summary(
    n_moving: np.ndarray,
    n_tokens: int,
    motion_threshold: float,
    still_for: int,
    population: str = "dead",
) -> dict[str, object]:
    """How still the tokens are, as a JSON object; None stands for what there is not.

    `final` is the run that reaches the last step. `longest_over_second` compares the two longest
    runs, whichever they are, as the seed does; `final_over_longest_other` the final run with all
    before it; both are at least so much, as the end of the run cuts the final one short. `stopped`:
    whether that is so long that all tokens count as stopped, see `stopping`. `median` is the upper
    one, as the seed takes it. population: see `phases.summary`.
    """
    starts, lengths = runs(n_moving)
    by_length = np.argsort(-lengths, kind="stable")  # of equal ones the earlier first
    listed = [_run(starts[i], lengths[i], len(n_moving)) for i in by_length[:LISTED_RUNS].tolist()]
    descending = lengths[by_length].tolist()
    still_at_the_end = len(starts) > 0 and starts[-1] + lengths[-1] > len(n_moving)
    final = _run(starts[-1], lengths[-1], len(n_moving)) if still_at_the_end else None
    longest_other = lengths[:-1].max() if still_at_the_end and len(lengths) > 1 else None
    return {
        "population": population,
        "steps": len(n_moving),
        "tokens": n_tokens,
        "motion_threshold": motion_threshold,
        "still_for": still_for,
        "stopped": final is not None and final["length"] >= still_for,
        "still_steps": int(lengths.sum()),
        "count": len(lengths),
        "longest": listed,
        "longest_over_second": descending[0] / descending[1] if len(descending) > 1 else None,
        "final": final,
        "final_over_longest_other": float(lengths[-1] / longest_other) if longest_other else None,
        "mean": float(lengths.mean()) if len(lengths) else None,
        "median": sorted(descending)[len(descending) // 2] if descending else None,
        "fewest_moving": int(n_moving.min()),
    }


def _run(start: int, length: int, steps: int) -> dict[str, int | bool]:
    end = int(start + length) - 1
    return {"start": int(start), "end": end, "length": int(length), "final": end == steps}
