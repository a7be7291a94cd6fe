"""Motion and phases at some steps of a run, of a run in the making too: little work, seen early.

Definitions: docs/physics.md. `phases.table` has every step of a finished run.
"""

from collections.abc import Iterable

import numpy as np

from deadtokens import displacement
from deadtokens.phases import phases
from deadtokens.phases.phases import Scheme

SCALES = {"element": "l2", "vector": "vector_ulp"}  # by the name of the scale, its norm


def grid(steps: int, points: int) -> list[int]:
    """At most so many steps of 1..T, even in their square root: what is over early is seen, too."""
    even = np.linspace(1, np.sqrt(max(1, steps)), points)
    return np.unique(np.rint(np.square(even))).astype(int).tolist()


def thinned(steps: list[int], last: int, most: int) -> list[int]:
    """Those of ascending steps that are done; at most so many, by leaving out all but each 2ᵏ-th.

    As a run goes on steps are left out and never exchanged, so that what was measured still counts.
    """
    done = [step for step in steps if step <= last]
    stride = 1
    while len(done) > most * stride:
        stride *= 2
    return done[::stride]


def measure(
    previous: np.ndarray, current: np.ndarray, scheme: Scheme, motion_threshold: float
) -> dict[str, float]:
    """Shares of the tokens at one step, by the names of the columns of phases.csv.

    previous, current: (n, D) bit patterns of the rows before and after the step. `moving`, and for
    each scale and phase the share of tokens that are in it.
    """
    goes = (previous != current).any(axis=1)
    moved = {name: np.zeros(len(goes), np.float32) for name in SCALES.values()}
    if goes.any():
        of_those = displacement.norms(previous[goes], current[goes])
        for name in moved:
            moved[name][goes] = of_those[name]
    found = {"moving": float((moved["l2"] >= np.float32(motion_threshold)).mean())}
    for scale, name in SCALES.items():
        counts = phases.phase_counts(moved[name][None], scheme)[0] / len(goes)
        found |= {
            phases.column(scale, phase): float(share)
            for phase, share in zip(scheme.phases, counts, strict=True)
        }
    return found


def due(grid_steps: Iterable[int], known: Iterable[int], last: int, at_once: int) -> list[int]:
    """Which steps to measure now: the last one, and the latest of the grid that are not known."""
    wanted = sorted({step for step in grid_steps if step <= last} - {*known}, reverse=True)
    newest = [last] if last >= 1 and last not in known else []
    return newest + [step for step in wanted if step != last][:at_once]
