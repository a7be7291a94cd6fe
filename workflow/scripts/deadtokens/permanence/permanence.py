"""Permanence: how much a silence proves, as upper bounds on the rate of motion.

Definitions: docs/physics.md. Steps are counted from 1: step t leads from W[t-1] to W[t]. Motions
are taken as events of a Poisson process of constant rate over the time in question: of the tokens,
each on its own (`token_step`), or of all together (`step`), which asks for no independence between
tokens that the same hidden states push. Neither says that the rate stays what it was: that is what
the pending updates show, see `momentum`.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) displacements), row 0 is step 1

COLUMNS = ("still_from", "still_to", "exposure", "resumed", "rate", "lower_bound", "upper_bound")
ASSUMPTION = (
    "Motions are events of a Poisson process of constant rate. Per token-step every token is one "
    "of its own; per step all tokens together are one, whatever ties them."
)


@dataclass(frozen=True)
class Resumptions:
    """How often tokens that had been still moved again.

    Index a of exposure and resumed, int64, of one length: token-steps that found a token still for
    exactly a steps since its last motion, and how many of these made it move. n_moving: tokens that
    move at each step, (T,).
    """

    exposure: np.ndarray
    resumed: np.ndarray
    n_moving: np.ndarray
    n_tokens: int


def follow(chunks: Chunks, threshold: float) -> Resumptions:
    """One pass over |ΔW′|₂ of all tokens; at least the threshold is motion, NaN is none.

    Steps before a token's first motion are no silence since a motion and count nowhere.
    """
    exposure = resumed = np.zeros(1, np.int64)
    n_moving, still = [], None
    for _, l2 in chunks:
        if still is None:
            still = np.full(l2.shape[1], -1, np.int64)  # steps still, -1 before the first motion
        for moving in l2 >= np.float32(threshold):
            exposure = _added(exposure, still[still > 0])
            resumed = _added(resumed, still[moving & (still > 0)])
            n_moving.append(np.count_nonzero(moving))
            still = np.where(moving, 0, still + (still >= 0))
    resumed = np.pad(resumed, (0, len(exposure) - len(resumed)))
    return Resumptions(exposure, resumed, np.array(n_moving), len(still))


def upper_bound(events: int, exposure: float, confidence: float) -> float | None:
    """The rate at which so few events or fewer have a probability of 1 - confidence; None without
    exposure.

    Exact for a Poisson count (Garwood, Biometrika 28, 1936): 3.0 / exposure for no event at 95%,
    the rule of three.
    """
    return float(special.pdtri(events, 1 - confidence)) / exposure if exposure > 0 else None


def lower_bound(events: int, exposure: float, confidence: float) -> float | None:
    """The rate at which so many events or more have a probability of 1 - confidence."""
    if exposure <= 0:
        return None
    return float(special.pdtri(events - 1, confidence)) / exposure if events else 0.0


def table(found: Resumptions, confidence: float) -> pd.DataFrame:
    """A row per octave of steps still, as long as there is exposure."""
    edges = [1 << i for i in range(len(found.exposure).bit_length() + 1)]
    rows = [_rate(found, start, end, confidence) for start, end in itertools.pairwise(edges)]
    return pd.DataFrame([row for row in rows if row["exposure"]], columns=COLUMNS)


def summary(
    found: Resumptions, motion_threshold: float, still_for: Sequence[int], confidence: float
) -> dict[str, object]:
    """What the silences prove, as a JSON object; None where there is no silence to judge.

    `final_silence`: since the last motion of any token, with upper bounds on the rate. `before`:
    what moved in the window of equal length (or all there is) that ends with that motion.
    `fell_by_at_least`: the rate in that window over the bound. `still_for`: tokens that had been
    still for that many steps at least, and how often one moved again.
    """
    steps = len(found.n_moving)
    motions = np.flatnonzero(found.n_moving)
    last = int(motions[-1]) + 1 if len(motions) else 0
    silent = steps - last
    window = found.n_moving[max(last - silent, 0) : last]
    bounds = {
        "per_step": upper_bound(0, silent, confidence),
        "per_token_step": upper_bound(0, silent * found.n_tokens, confidence),
    }
    before = {
        "steps": len(window),
        "per_step": float((window > 0).mean()) if len(window) else None,
        "per_token_step": float(window.sum() / (len(window) * found.n_tokens))
        if len(window)
        else None,
    }
    return {
        "steps": steps,
        "tokens": found.n_tokens,
        "motion_threshold": motion_threshold,
        "confidence": confidence,
        "assumption": ASSUMPTION,
        "final_silence": {
            "steps": silent,
            "token_steps": silent * found.n_tokens,
            "upper_bound": bounds,
        },
        "before": before,
        "fell_by_at_least": {
            unit: before[unit] / bounds[unit] if before[unit] and bounds[unit] else None
            for unit in bounds
        },
        "still_for": {
            str(least): _rate(found, least, steps + 1, confidence) for least in still_for
        },
    }


def _rate(found: Resumptions, start: int, end: int, confidence: float) -> dict[str, object]:
    """Of tokens still for start to end - 1 steps."""
    exposure, resumed = (int(x[start:end].sum()) for x in (found.exposure, found.resumed))
    return {
        "still_from": start,
        "still_to": end - 1,
        "exposure": exposure,
        "resumed": resumed,
        "rate": resumed / exposure if exposure else None,
        "lower_bound": lower_bound(resumed, exposure, confidence),
        "upper_bound": upper_bound(resumed, exposure, confidence),
    }


def _added(counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Counts of each value, with these values counted too; longer if they are larger."""
    more = np.bincount(values, minlength=len(counts))
    more[: len(counts)] += counts
    return more
