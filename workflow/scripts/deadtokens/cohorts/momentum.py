"""Why tokens stop: the distance of each token to the critical line, and when it crosses it last.

Definitions: docs/physics.md. The *distance* of an element is log2(|update| / half its cell); that
of a token is the largest of its elements', so a token can move if and only if it is above 0. The
*typical* distance is the median of the elements'. Steps are counted from 1: step t leads from
W[t-1] to W[t] with the moments m[t] and v[t].
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from deadtokens import lattice, update_law
from deadtokens.errors import UserError
from deadtokens.freezing import stopping
from deadtokens.recorded.steps import Step, numbers
from deadtokens.statistics import correlation
from deadtokens.statistics.density import Bins, count
from deadtokens.update_law import UpdateLaw

QUANTITIES = ("W", "m", "v")
HALF_WAY = 0x8000  # the last bits of a float32 value in the middle of two bfloat16 values
QUANTILES = {"p05": 5, "median": 50, "p95": 95}  # percent
DISTANCES = ("distance", "typical_distance")
CRITERIA = {
    "optimizer": "the largest element, in the optimizer's own arithmetic",
    "formula": "the largest element, by Adam's formula without its roundings",
    "typical": "the median element, in the optimizer's own arithmetic",
}


@dataclass
class Trace:
    """What one pass over the steps leaves, all of it O(tokens) or counts."""

    last_motion: np.ndarray  # (n,) int64
    # By criterion: the last step at which each token is beyond the line, -1 for none.
    last_crossing: dict[str, np.ndarray]
    largest_after: np.ndarray  # (n,) largest distance after the token's last motion, NaN for none
    at_end: np.ndarray  # (n,) distance at the last step
    final_largest: float  # largest distance of any token after the last motion of all
    elements: dict[str, int]  # see `_compare`
    density: dict[str, np.ndarray]  # by kind of distance, as `density.count` counts
    common: dict[str, "CommonChange"] = field(default_factory=dict)


@dataclass
class CommonChange:
    """How much of the step-to-step changes of all tokens' distances is common to all."""

    steps: int = 0
    mean: float = 0.0
    squared_mean: float = 0.0
    mean_square: float = 0.0

    def add(self, change: np.ndarray) -> None:
        """Take up one step's (n,) changes; what is not finite is left out."""
        change = change[np.isfinite(change)].astype(np.float64)
        if len(change):
            self.steps += 1
            self.mean += change.mean()
            self.squared_mean += change.mean() ** 2
            self.mean_square += (change**2).mean()

    def share(self) -> float | None:
        """Variance of the mean change over variance of all changes: 1 in unison, 1/n if alone."""
        if self.steps < 2:
            return None
        trend = (self.mean / self.steps) ** 2
        total = self.mean_square / self.steps - trend
        return float((self.squared_mean / self.steps - trend) / total) if total > 0 else None


def check(shapes: Mapping[str, tuple], displacement: tuple, steps: int) -> None:
    """UserError unless W, m, v and the displacement are of one run of so many steps."""
    rows, n_tokens, _ = shapes["W"]
    if len(set(shapes.values())) > 1 or displacement != (rows - 1, n_tokens):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise UserError(
            f"{found} and the displacement {displacement} are not of one run: give the files of "
            "one run."
        )
    if steps != rows - 1:
        raise UserError(
            f"the trajectory has {rows - 1} steps, but the settings are those of a run of {steps}: "
            "give the settings of this run."
        )


def pending(step: Step, law: UpdateLaw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the update of a step starts, uint16 bits after weight decay, and m and v, float32."""
    start = law.decayed(step.before["W"], step.number)
    return start, numbers(step.after["m"]), numbers(step.after["v"])


def ratios(
    weights: np.ndarray, m: np.ndarray, v: np.ndarray, step: int, law: UpdateLaw
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """|update| over half a cell, of each element: rounded as the optimizer does, and plain.

    weights: (n, D) uint16 before the step (and after weight decay); m, v: (n, D) float32 after it.
    The third array is the update itself. All float32.
    """
    half = update_law.half_cells(weights, m)
    step_size = law.step_size(step)
    update = update_law.updates(m, v, law.denominators(step), step_size)
    plain = update_law.updates(m, v, law.plain_denominators(step), step_size)
    with np.errstate(over="ignore"):  # at a weight of zero cells are so small that it may overflow
        return np.abs(update) / half, np.abs(plain) / half, update


def follow(
    run: Iterable[Step],
    last_motion: np.ndarray,
    law: UpdateLaw,
    bins: Bins,
    write: Callable[[str, int, np.ndarray], None],
    still_for: int,
    progress: Callable[[int], None] = lambda step: None,
) -> Trace:
    """One pass over all steps with `QUANTITIES`.

    `write(name, row, values)` takes `distance` and `typical_distance`, (n,) float32 of every step,
    `progress` the number of steps done. Changes are followed in the time of freezing: from the
    first last motion to the latest of tokens that stopped, see `stopping`.
    """
    n_tokens, steps = len(last_motion), law.steps
    trace = Trace(
        last_motion=last_motion,
        last_crossing={name: np.full(n_tokens, -1) for name in CRITERIA},
        largest_after=np.full(n_tokens, np.nan, np.float32),
        at_end=np.full(n_tokens, np.nan, np.float32),
        final_largest=np.nan,
        elements=dict.fromkeys(("all", "beyond", "moved", "beyond_and_moved", "tie", "same"), 0),
        density=dict.fromkeys(DISTANCES, 0),
        common={name: CommonChange() for name in DISTANCES},
    )
    first, latest = period_of_freezing(last_motion, steps, still_for)
    before = {}
    for recorded in run:
        step = recorded.number
        start, m, v = pending(recorded, law)
        exact, plain, update = ratios(start, m, v, step, law)
        for name, number in _compare(start, recorded.after["W"], exact, update).items():
            trace.elements[name] += int(number)
        largest, typical = exact.max(axis=1), np.median(exact, axis=1)
        beyond = {"optimizer": largest, "formula": plain.max(axis=1), "typical": typical}
        for name, ratio in beyond.items():
            trace.last_crossing[name][ratio > 1] = step
        for name, ratio in zip(DISTANCES, (largest, typical), strict=True):
            distance = log2(ratio)
            trace.density[name] += count(ratio[None], step, bins)
            if first < step <= latest and name in before:
                with np.errstate(invalid="ignore"):
                    trace.common[name].add(distance - before[name])
            before[name] = distance
            write(name, step - 1, distance)
        distance = before["distance"]
        still = step > last_motion
        trace.largest_after[still] = np.fmax(trace.largest_after[still], distance[still])
        if still.all():
            trace.final_largest = np.fmax(trace.final_largest, distance.max())
        trace.at_end = distance
        progress(step)
    return trace


def distance_fields(steps: int, tokens: int) -> dict[str, tuple]:
    """What `follow` writes: (T, n) float32, row s is step s+1; -infinity if nothing is pending."""
    return dict.fromkeys(DISTANCES, ("F32", (steps, tokens)))


def moved_and_stopped(last: np.ndarray, steps: int, still_for: int) -> np.ndarray:
    """Which tokens did, (n,) bool: those censored or never moved did not."""
    return (last > 0) & stopping.stopped(last, steps, still_for)


def period_of_freezing(last: np.ndarray, steps: int, still_for: int) -> tuple[int, int]:
    """The first and the latest last motion of tokens that moved and stopped; all steps if none."""
    stopped = last[moved_and_stopped(last, steps, still_for)]
    return (int(stopped.min()), int(stopped.max())) if len(stopped) else (1, steps)


def log2(ratio: np.ndarray) -> np.ndarray:
    """The distance, float32: -infinity where nothing is pending."""
    with np.errstate(divide="ignore"):
        return np.log2(ratio).astype(np.float32)


def _compare(
    start: np.ndarray, after: np.ndarray, ratio: np.ndarray, update: np.ndarray
) -> dict[str, int]:
    """Of all elements: how many are beyond the line, how many moved, both; ties; exact arrivals.

    `same` counts those whose recorded weight is, bit for bit, what the update makes of the old one.
    """
    beyond, moved = ratio > 1, lattice.to_float32(start) != lattice.to_float32(after)
    target = lattice.to_float32(start) + update
    arrived = lattice.to_float32(update_law.nearest(target))
    return {
        "all": start.size,
        "beyond": np.count_nonzero(beyond),
        "moved": np.count_nonzero(moved),
        "beyond_and_moved": np.count_nonzero(beyond & moved),
        "tie": np.count_nonzero((target.view(np.uint32) & 0xFFFF) == HALF_WAY),
        "same": np.count_nonzero(arrived == lattice.to_float32(after)),
    }


def quantiles(values: np.ndarray) -> dict[str, float]:
    """By order, with nothing between two values: minus infinity is one too."""
    found = np.percentile(values, [*QUANTILES.values()], method="lower")
    return dict(zip(QUANTILES, map(float, found), strict=True))


def agreement(
    crossing: np.ndarray, last: np.ndarray, steps: int, still_for: int
) -> dict[str, object]:
    """The last crossing of the line against the last motion, as a JSON object.

    Correlations and differences (crossing minus motion, in steps) are over the tokens that moved
    and then stopped within the run; None where there are too few or nothing varies. `censored`: of
    those that moved, how many may only have paused.
    """
    stopped = moved_and_stopped(last, steps, still_for)
    a, b = crossing[stopped], last[stopped]
    difference = a - b
    some = len(a) > 0
    return {
        "tokens": len(last),
        "equal": int((crossing == last).sum()),
        "stopped": len(a),
        "censored": int(((last > 0) & ~stopped).sum()),
        "stopped_and_equal": int((difference == 0).sum()),
        "share_equal": float((difference == 0).mean()) if some else None,
        "mean_absolute_difference": float(np.abs(difference).mean()) if some else None,
        "mean_difference": float(difference.mean()) if some else None,
        "difference": quantiles(difference) if some else None,
        "correlation": correlation.pearson(a, b),
        "rank_correlation": correlation.spearman(a, b),
    }


def table(ids: np.ndarray, trace: Trace, steps: int, still_for: int) -> pd.DataFrame:
    """A row per token, in the order of the trajectory; stopped: 1 if it moved and stopped."""
    columns = {
        "token_id": ids,
        "last_motion_step": trace.last_motion,
        "stopped": moved_and_stopped(trace.last_motion, steps, still_for).astype(int),
        "last_crossing_step": trace.last_crossing["optimizer"],
        "last_crossing_step_formula": trace.last_crossing["formula"],
        "last_crossing_step_typical": trace.last_crossing["typical"],
        "largest_distance_after_last_motion": trace.largest_after,
        "distance_at_last_step": trace.at_end,
    }
    return pd.DataFrame(columns)


def summary(
    trace: Trace, planes: list[dict], steps: int, threshold: float, still_for: int
) -> dict[str, object]:
    """What the pass found, as a JSON object; distances are in octaves (log2)."""
    elements, last = trace.elements, trace.last_motion
    first, latest = period_of_freezing(last, steps, still_for)
    return {
        "steps": steps,
        "tokens": len(last),
        "motion_threshold": threshold,
        "still_for": still_for,
        "chosen_steps": planes,
        "elements": {
            "all": elements["all"],
            "reproduced": elements["same"],
            "beyond_and_moved": elements["beyond_and_moved"],
            "beyond_but_still": elements["beyond"] - elements["beyond_and_moved"],
            "short_but_moved": elements["moved"] - elements["beyond_and_moved"],
            "at_a_tie": elements["tie"],
        },
        "crossing_against_last_motion": {
            name: {"criterion": meaning, **agreement(crossing, last, steps, still_for)}
            for (name, meaning), crossing in zip(
                CRITERIA.items(), trace.last_crossing.values(), strict=True
            )
        },
        "common_change": {
            "from": first,
            "to": latest,
            **{name: change.share() for name, change in trace.common.items()},
            "if_independent": 1 / len(last),
        },
        "final": {
            "global_last_motion": int(last.max()),
            "still_steps": steps - max(int(last.max()), 0),
            "largest_distance": float(trace.final_largest),
            "largest_distance_at_last_step": float(trace.at_end.max()),
        },
    }
