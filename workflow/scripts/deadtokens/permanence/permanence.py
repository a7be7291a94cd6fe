"""Permanence: how much a silence proves, as bounds on the rate of motion.

Definitions: docs/physics.md. Steps are counted from 1: step t leads from W[t-1] to W[t]. One push
moves many tokens together, so what counts as independent is a block of consecutive steps, and not a
token at a step (`intervals.block_bounds`); Poisson's bounds, which take every token-step as one of
its own, stand beside. Neither says that the rate stays what it was: that is what the pending
updates show, see `momentum`. All of it is the same of tokens and of their elements.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens.statistics import intervals

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) displacements), row 0 is step 1

RATES = (
    *("exposure", "resumed", "rate", "lower_bound", "upper_bound"),
    *("upper_bound_as_seen", "poisson_lower_bound", "poisson_upper_bound"),
)
ASSUMPTION = (
    "Blocks of block_steps steps are independent of one another, and the rate is constant; within "
    "a block one push may move all. Poisson's bounds take every token at every step as one of its "
    "own."
)
UNITS = ("per_step", "per_token_step")


@dataclass(frozen=True)
class Rules:
    """How rates are bounded."""

    still_for: Sequence[int]  # steps that a token has been still at least
    confidence: float  # of each bound
    block_steps: int  # steps of a block, see `intervals`


@dataclass(frozen=True)
class Resumptions:
    """How often tokens (or elements) that had been still moved again, at every step.

    ages: (C+1,) ascending from 1. exposure, resumed: (T, C) int64, how many had been still for
    ages[c] to ages[c+1] - 1 steps since their last motion, and how many of these then moved.
    n_moving: (T,), how many move.
    """

    ages: np.ndarray
    exposure: np.ndarray
    resumed: np.ndarray
    n_moving: np.ndarray
    n_tokens: int


def moving(chunks: Chunks, threshold: float) -> Iterator[np.ndarray]:
    """Which tokens move at each step, (n,) bool: |ΔW′|₂ of at least the threshold; NaN is none."""
    for _, l2 in chunks:
        yield from l2 >= np.float32(threshold)


def follow(moves: Iterable[np.ndarray], steps: int, still_for: Sequence[int] = ()) -> Resumptions:
    """One pass over who moves at each step, bool of any shape; memory for them and for the steps.

    Steps before the first motion are no silence since a motion and count nowhere. Ages are octaves
    and what `still_for` names. Not those that are still are visited, but those that move: `since`
    counts by the step of the last motion.
    """
    ages = np.array(sorted({*octaves(steps), *(age for age in still_for if age <= steps)}))
    exposure, resumed = (np.zeros((steps, len(ages) - 1), np.int64) for _ in range(2))
    n_moving, since = np.zeros(steps, np.int64), np.zeros(steps + 1, np.int64)
    last = None
    for before, moved in enumerate(moves):  # steps done before this one
        if last is None:
            last = np.zeros(moved.size, np.int32)  # 0: no motion yet
        who = np.flatnonzero(moved)
        resuming = np.bincount(last[who], minlength=steps + 1)
        resuming[0] = 0
        # Still for a steps: the last motion was at step `before` - a.
        ends = np.maximum(before - ages + 1, 0)
        for counts, found in ((since, exposure), (resuming, resumed)):
            up_to = np.concatenate([[0], np.cumsum(counts[: before + 1])])
            found[before] = up_to[ends[:-1]] - up_to[ends[1:]]
        since -= resuming
        since[before + 1] = n_moving[before] = len(who)
        last[who] = before + 1
    return Resumptions(ages, exposure, resumed, n_moving, last.size)


def octaves(steps: int) -> list[int]:
    """1, 2, 4 … up to the first that is longer than a run of so many steps."""
    return [1 << i for i in range(steps.bit_length() + 1)]


def table(tokens: Resumptions, elements: Resumptions, rules: Rules) -> pd.DataFrame:
    """A row per octave of steps still, as long as tokens or elements are so: first of tokens, with
    `element_` before the names of elements."""
    edges = octaves(len(tokens.n_moving))
    rows = []
    for start, end in itertools.pairwise(edges):
        of_tokens, of_elements = (rate(found, start, end, rules) for found in (tokens, elements))
        rows.append(of_tokens | {f"element_{name}": of_elements[name] for name in RATES})
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame[frame["exposure"] + frame["element_exposure"] > 0].reset_index(drop=True)


COLUMNS = ("still_from", "still_to", *RATES, *(f"element_{name}" for name in RATES))


def summary(
    tokens: Resumptions, elements: Resumptions, motion_threshold: float, rules: Rules
) -> dict[str, object]:
    """What the silences prove, as a JSON object; None where there is no silence to judge.

    See `silences`; `elements` has the same of elements, for which a changed bit is motion.
    """
    return {
        "steps": len(tokens.n_moving),
        "tokens": tokens.n_tokens,
        "motion_threshold": motion_threshold,
        "confidence": rules.confidence,
        "block_steps": rules.block_steps,
        "assumption": ASSUMPTION,
        **silences(tokens, rules),
        "elements": {"elements": elements.n_tokens, **silences(elements, rules)},
    }


def silences(found: Resumptions, rules: Rules) -> dict[str, object]:
    """`final_silence`: since the last motion of any token, with upper bounds on the rate. `before`:
    what moved in the window of equal length (or all there is) that ends with that motion, with
    lower bounds. `fell_by_at_least`: the lower bound there over the upper bound here, at such
    levels that the fall has the confidence of the rules. `still_for`: tokens that had been still
    for that many steps at least, and how often one moved again.
    """
    steps = len(found.n_moving)
    motions = np.flatnonzero(found.n_moving)
    last = int(motions[-1]) + 1 if len(motions) else 0
    silent = steps - last
    window = found.n_moving[max(last - silent, 0) : last]
    both = 1 - (1 - rules.confidence) / 2  # Bonferroni: two bounds hold at once
    after, low = _silent_rate(silent, both, rules), _rates(window, found.n_tokens, both, rules)
    return {
        "final_silence": {
            "steps": silent,
            "token_steps": silent * found.n_tokens,
            "upper_bound": dict.fromkeys(UNITS, _silent_rate(silent, rules.confidence, rules)),
            "poisson_upper_bound": {
                "per_step": intervals.poisson_upper(0, silent, rules.confidence),
                "per_token_step": intervals.poisson_upper(
                    0, silent * found.n_tokens, rules.confidence
                ),
            },
        },
        "before": {"steps": len(window)}
        | {
            unit: float(of.mean()) if len(window) else None
            for unit, of in _shares(window, found.n_tokens).items()
        }
        | {"lower_bound": _rates(window, found.n_tokens, rules.confidence, rules)},
        "fell_by_at_least": {
            unit: low[unit] / after if low[unit] and after else None for unit in UNITS
        },
        "still_for": {
            str(least): rate(found, least, steps + 1, rules) for least in rules.still_for
        },
    }


def _silent_rate(silent: int, confidence: float, rules: Rules) -> float | None:
    """Upper bound after so many silent steps: per step and per token-step, a push moves all.

    What moves may do so throughout a block, so a block, and not a step, is a trial.
    """
    if silent == 0:
        return None
    block = min(rules.block_steps, silent)
    _, upper = intervals.block_bounds(np.zeros(1), np.array([silent]), block, confidence)
    return min(upper, 1.0)


def _shares(window: np.ndarray, n_tokens: int) -> dict[str, np.ndarray]:
    """By unit, the share of each step: whether any moves, and how many do."""
    return {"per_step": (window > 0).astype(float), "per_token_step": window / n_tokens}


def _rates(
    window: np.ndarray, n_tokens: int, confidence: float, rules: Rules
) -> dict[str, float | None]:
    """Lower bounds of the rate in a window, (k,) tokens that move at each step."""
    if len(window) == 0:
        return dict.fromkeys(UNITS)
    exposure = intervals.in_blocks(np.ones(len(window)), rules.block_steps)
    counts = {"per_step": (window > 0).astype(float), "per_token_step": window.astype(float)}
    sizes = {"per_step": 1, "per_token_step": n_tokens}
    lows = {}
    for unit, of in counts.items():
        events = intervals.in_blocks(of, rules.block_steps)
        lows[unit], _ = intervals.block_bounds(events, exposure * sizes[unit], 1, confidence)
    return lows


def rate(found: Resumptions, start: int, end: int, rules: Rules) -> dict[str, object]:
    """Of tokens still for start to end - 1 steps: how often they move again, with bounds.

    The bounds are those by blocks, never narrower than Poisson's, which stand beside. `upper_bound`
    allows for a push of all that are still, `upper_bound_as_seen` for none that moves more than the
    block with most: without a resumption they are the same.
    """
    wanted = (found.ages[:-1] >= start) & (found.ages[:-1] < end)
    exposed, moved = (of[:, wanted].sum(axis=1) for of in (found.exposure, found.resumed))
    exposure, resumed, confidence = int(exposed.sum()), int(moved.sum()), rules.confidence
    poisson = tuple(
        bound(resumed, exposure, confidence)
        for bound in (intervals.poisson_lower, intervals.poisson_upper)
    )
    # The heaviest push moves all that are still, and again as soon as they are still so long.
    again = -(-rules.block_steps // (start + 1))
    events, of = (intervals.in_blocks(x, rules.block_steps) for x in (moved, exposed))
    all_still = int(exposed.max(initial=0)) * again
    most_seen = int(events.max(initial=0))
    lower, upper = intervals.block_bounds(events, of, max(all_still, most_seen), confidence)
    _, as_seen = intervals.block_bounds(events, of, most_seen or all_still, confidence)
    some = exposure > 0
    return {
        "still_from": start,
        "still_to": end - 1,
        "exposure": exposure,
        "resumed": resumed,
        "rate": resumed / exposure if some else None,
        "lower_bound": min(lower, poisson[0]) if some else None,
        "upper_bound": min(max(upper, poisson[1]), 1.0) if some else None,
        "upper_bound_as_seen": min(max(as_seen, poisson[1]), 1.0) if some else None,
        "poisson_lower_bound": poisson[0],
        "poisson_upper_bound": min(poisson[1], 1.0) if some else None,
    }
