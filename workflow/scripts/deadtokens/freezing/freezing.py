"""Freezing: when each token moves for the last time, and which tokens stop early.

Definitions: docs/physics.md. Steps are counted from 1: step t leads from W[t-1] to W[t]. A token
has *stopped* if it was still for the last `still_for` steps of the run at least, see `stopping`; of
a later last motion a run cannot show whether the token stopped or paused: it is *censored*. Shares
and quantiles are Kaplan and Meier's, None where the run does not show them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens import gauge, lattice
from deadtokens.errors import UserError
from deadtokens.freezing import stopping
from deadtokens.statistics import correlation, intervals, survival

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) displacements), row 0 is step 1

# The lower median, as torch takes it and so the seed.
PERCENTILES = {"min": 0, "max": 100, "p05": 5, "p25": 25, "median": 50, "p75": 75, "p95": 95}
GROUPS = 10  # of tokens, by initial norm and by id


@dataclass(frozen=True)
class Rules:
    """By what a last motion is judged."""

    steps: int  # of the run
    still_for: int  # steps, see `stopping`
    confidence: float  # of the intervals


def last_motion(chunks: Chunks, threshold: float) -> np.ndarray:
    """The last step at which each token moves, (n,) int64, −1 for none.

    |ΔW′|₂ of at least the threshold is motion; NaN is none.
    """
    last = None
    for start, l2 in chunks:
        moving = l2 >= np.float32(threshold)
        from_end = moving[::-1].argmax(axis=0)
        last = np.full(l2.shape[1], -1) if last is None else last
        last = np.where(moving.any(axis=0), start + len(l2) - from_end, last)
    return last


def initial_norms(weights: np.ndarray, recorded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """|W[0]|₂ as stored and relative to the mean of recorded rows, (n,) float64 each.

    weights: (n, D) bit patterns of W[0]; recorded: those of all rows that the run holds, (N, D).
    """
    origin = gauge.mean(lattice.to_float32(recorded))
    read = gauge.readings(lattice.to_float32(weights), origin)
    return tuple(np.linalg.norm(read[reading], axis=1) for reading in gauge.READINGS)


def check(
    displacement_shape: tuple, moved_ids: np.ndarray, weights_shape: tuple, ids: np.ndarray
) -> None:
    """UserError unless displacement and trajectory are those of the same tokens of one run."""
    steps, n_tokens = displacement_shape
    if weights_shape[:2] != (steps + 1, n_tokens) or not np.array_equal(moved_ids, ids):
        raise UserError(
            f"the displacement of {steps} steps and {n_tokens} tokens is not that of the "
            f"trajectory, whose weights of these tokens are {weights_shape}: give the files of one "
            "run, of the same tokens."
        )


def check_vocabulary(ids: np.ndarray, vocab_size: int) -> None:
    """UserError unless the tokenizer has all these tokens."""
    if ids.max() >= vocab_size:
        raise UserError(
            f"the trajectory's tokens reach {ids.max()}, but the tokenizer has {vocab_size} "
            "entries: give the tokenizer of the run's corpus."
        )


def table(
    ids: np.ndarray,
    texts: Sequence[str],
    scripts: Sequence[str],
    initial_norm: np.ndarray,
    last: np.ndarray,
    rules: Rules,
) -> pd.DataFrame:
    """A row per token, in the order of the trajectory.

    Ranks count from 1, among these tokens alone; equal norms share the mean of their ranks.
    censored: 1 where the run does not show whether the token stopped, else 0.
    """
    columns = {
        "token_id": ids,
        "token": texts,
        "script": scripts,
        "id_rank": correlation.ranks(ids).astype(int),
        "initial_norm": initial_norm,
        "initial_norm_rank": correlation.ranks(initial_norm),
        "last_motion_step": last,
        "steps_still": rules.steps - np.maximum(last, 0),
        "censored": (~stopping.stopped(last, rules.steps, rules.still_for)).astype(int),
    }
    return pd.DataFrame(columns)


def survival_table(
    last: np.ndarray, scripts: Sequence[str], elements: np.ndarray, rules: Rules
) -> pd.DataFrame:
    """A row per step: the share yet to move, at this step or at a later one.

    `all` with `all_low` and `all_high`, a column per script, the most frequent first, and
    `elements`, (n, D) last motions: Kaplan and Meier's, NaN after the last step at which a stop
    could be seen. `seen_to_move`: the share of all tokens that the run shows to move then or later,
    which falls to the share of the last step whether tokens stop or pause.
    """
    names, step = np.array(scripts), np.arange(1, rules.steps + 1)
    seen = np.searchsorted(np.sort(last), step, side="left")
    unseen = step > rules.steps - rules.still_for + 1
    of_all = _curve(last, rules)
    columns = {"step": step, "seen_to_move": 1 - seen / len(last)}
    for name, column in (("all", "survival"), ("all_low", "low"), ("all_high", "high")):
        columns[name] = survival.later_than(of_all, step - 1, column)
    columns["elements"] = survival.later_than(_curve(elements.ravel(), rules), step - 1)
    for script, _ in Counter(scripts).most_common():
        columns[script] = survival.later_than(_curve(last[names == script], rules), step - 1)
    frame = pd.DataFrame(columns)
    frame.loc[unseen, [name for name in columns if name not in ("step", "seen_to_move")]] = np.nan
    return frame


def summary(
    ids: np.ndarray,
    scripts: Sequence[str],
    initial_norm: np.ndarray,
    last: np.ndarray,
    elements: np.ndarray,
    rules: Rules,
    motion_threshold: float,
    population: str = "dead",
) -> dict[str, object]:
    """Who freezes when, as a JSON object; population: see `phases.summary`.

    elements: (n, D) last motions, see `elements.last_motion`. `global_last_motion` is −1 if nothing
    ever moved; it and `last_motion_seen` say what the run shows, whether tokens stopped or paused.
    The correlations are Spearman's, of the last motion with the id and with the norm at the start;
    censored ones share the last rank. None where either does not vary.
    """
    names = np.array(scripts)
    latest = int(last.max())
    order = _order(last, rules)
    seen = np.percentile(last, [*PERCENTILES.values()], method="inverted_cdf").tolist()
    return {
        "population": population,
        "steps": rules.steps,
        "motion_threshold": motion_threshold,
        "still_for": rules.still_for,
        "confidence": rules.confidence,
        "too_short": stopping.too_short(rules.steps, rules.still_for),
        "global_last_motion": latest,
        "fimbulwinter_duration": rules.steps - max(latest, 0),
        "last_motion_seen": dict(zip(PERCENTILES, seen, strict=True)),
        **freeze_times(last, rules),
        "elements": of_elements(elements, rules),
        "by_script": {
            script: freeze_times(last[names == script], rules)
            for script, _ in Counter(scripts).most_common()
        },
        "by_initial_norm": by_size(initial_norm, last, rules),
        "by_id": by_size(ids, last, rules),
        "correlation_with_initial_norm": correlation.spearman(initial_norm, order),
        "correlation_with_id": correlation.spearman(ids, order),
    }


def freeze_times(last: np.ndarray, rules: Rules) -> dict[str, object]:
    """How many tokens there are, stopped, are censored, never moved; when they moved last.

    `stopped` and `censored` are all tokens; one that never moved stopped at −1 if the run is long
    enough. `median_low`, `median_high`: where the interval of the curve passes one half.
    """
    known = stopping.stopped(last, rules.steps, rules.still_for)
    curve = _curve(last, rules)
    half = {"median": PERCENTILES["median"]}
    return {
        "tokens": len(last),
        "stopped": int(known.sum()),
        "censored": int((~known).sum()),
        "never_moved": int((last < 0).sum()),
        "share_stopped": intervals.share(int(known.sum()), len(last), rules.confidence),
        **survival.quantiles(curve, PERCENTILES),
        "median_low": survival.quantiles(curve, half, "low")["median"],
        "median_high": survival.quantiles(curve, half, "high")["median"],
    }


def of_elements(last: np.ndarray, rules: Rules) -> dict[str, object]:
    """The same of elements, (n, D) last motions, and of tokens that have the first k of them alone.

    A token stops with the last of its elements, so its stop is the extreme of D. Intervals count
    tokens, not elements, as the elements of a token are pushed together.
    """
    n_tokens, width = last.shape
    known = stopping.stopped(last, rules.steps, rules.still_for)
    share = int(np.rint(known.mean() * n_tokens))
    of_first = np.maximum.accumulate(last, axis=1)  # (n, D) last motion of the first k elements
    counted = [width >> i for i in range(width.bit_length())][::-1]
    return {
        "elements": last.size,
        "per_token": width,
        "stopped": int(known.sum()),
        "censored": int((~known).sum()),
        "never_moved": int((last < 0).sum()),
        "share_stopped": intervals.share(share, n_tokens, rules.confidence)
        | {"value": float(known.mean())},
        **survival.quantiles(_curve(last.ravel(), rules), PERCENTILES),
        "by_number_counted": [
            {"counted": k, **_of_first(of_first[:, k - 1], rules)} for k in counted
        ],
    }


def at_powers_of_two(
    initial: np.ndarray, final: np.ndarray, last: np.ndarray, rules: Rules
) -> dict[str, object]:
    """Where elements came to rest: the share of them that are at a power of two.

    initial, final: (n, D) bool, `elements.at_power_of_two` of the first state and the last; last:
    (n, D) last motions. By chance: of the mantissas of bfloat16 one is that of a power of two.
    Intervals count tokens, as those of `of_elements`.
    """
    known = stopping.stopped(last, rules.steps, rules.still_for)

    def share(of: np.ndarray, among: np.ndarray) -> dict[str, float | None]:
        if not among.any():
            return {"value": None, "low": None, "high": None}
        value = float(of[among].mean())
        tokens = int(among.any(axis=1).sum())
        found = intervals.share(int(np.rint(value * tokens)), tokens, rules.confidence)
        return found | {"value": value}

    return {
        "by_chance": 1 / 2**lattice.MANTISSA_BITS,
        "initial": share(initial, np.ones_like(initial)),
        "stopped": share(final, known),
        "censored": share(final, ~known),
    }


def _of_first(last: np.ndarray, rules: Rules) -> dict[str, object]:
    times = freeze_times(last, rules)
    return {name: times[name] for name in ("stopped", "share_stopped", "median")}


def by_size(values: np.ndarray, last: np.ndarray, rules: Rules) -> list[dict]:
    """`freeze_times` of tokens in `GROUPS` groups of equal number, by these values, ascending."""
    order = np.argsort(values, kind="stable")
    return [
        {"from": group_values[0], "to": group_values[-1], **freeze_times(last[group], rules)}
        for group in np.array_split(order, GROUPS)
        if (group_values := values[group].tolist())
    ]


def of_relative_norm(
    norm: np.ndarray, last: np.ndarray, rules: Rules, recorded: str
) -> dict[str, object]:
    """What `summary` says of the norm at the start, of rows less the mean of all recorded ones.

    norm (n,); recorded: the population that the mean is of, dead or all.
    """
    return {
        "relative_to_mean_of": recorded,
        "by_initial_norm_relative": by_size(norm, last, rules),
        "correlation_with_initial_norm_relative": correlation.spearman(norm, _order(last, rules)),
    }


def _order(last: np.ndarray, rules: Rules) -> np.ndarray:
    """In which order they stop, (n,): last motions, those that are censored at the last step."""
    known = stopping.stopped(last, rules.steps, rules.still_for)
    return np.where(known, last, rules.steps)


def _curve(last: np.ndarray, rules: Rules) -> pd.DataFrame:
    censored = ~stopping.stopped(last, rules.steps, rules.still_for)
    return survival.kaplan_meier(last, censored, rules.confidence)
