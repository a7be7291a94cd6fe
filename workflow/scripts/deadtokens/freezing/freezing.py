"""Freezing: when each token moves for the last time, and which tokens stop early.

Definitions: docs/physics.md. Steps are counted from 1: step t leads from W[t-1] to W[t]. A token
that moves at the last step is never frozen: when it would stop, the run does not say. Quantiles
take such tokens as later than all others and are None where they would fall among them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from deadtokens.errors import UserError
from deadtokens.statistics import correlation

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) displacements), row 0 is step 1

# The lower median, as torch takes it and so the seed.
PERCENTILES = {"min": 0, "max": 100, "p05": 5, "p25": 25, "median": 50, "p75": 75, "p95": 95}
GROUPS = 10  # of tokens, by initial norm and by id


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
    steps: int,
) -> pd.DataFrame:
    """A row per token, in the order of the trajectory.

    Ranks count from 1, among these tokens alone; equal norms share the mean of their ranks.
    """
    columns = {
        "token_id": ids,
        "token": texts,
        "script": scripts,
        "id_rank": correlation.ranks(ids).astype(int),
        "initial_norm": initial_norm,
        "initial_norm_rank": correlation.ranks(initial_norm),
        "last_motion_step": last,
        "steps_still": steps - np.maximum(last, 0),
    }
    return pd.DataFrame(columns)


def survival(last: np.ndarray, scripts: Sequence[str], steps: int) -> pd.DataFrame:
    """A row per step: the share of tokens yet to move.

    `all` and a column per script, the most frequent first: the share that moves at this step or at
    a later one. At the last step that is the share never frozen.
    """
    names = np.array(scripts)
    groups = {"all": last}
    groups |= {script: last[names == script] for script, _ in Counter(scripts).most_common()}
    columns = {"step": np.arange(1, steps + 1)}
    for name, of_group in groups.items():
        stopped = np.searchsorted(np.sort(of_group), columns["step"], side="left")
        columns[name] = 1 - stopped / len(of_group)
    return pd.DataFrame(columns)


def summary(
    ids: np.ndarray,
    scripts: Sequence[str],
    initial_norm: np.ndarray,
    last: np.ndarray,
    steps: int,
    motion_threshold: float,
    population: str = "dead",
) -> dict[str, object]:
    """Who freezes when, as a JSON object; population: see `phases.summary`.

    `global_last_motion` is −1 if nothing ever moved. The correlations are Spearman's, of the last
    motion with the id and with the norm at the start; None where either does not vary.
    """
    names = np.array(scripts)
    latest = int(last.max())
    return {
        "population": population,
        "steps": steps,
        "motion_threshold": motion_threshold,
        "global_last_motion": latest,
        "fimbulwinter_duration": steps - max(latest, 0),
        **freeze_times(last, steps),
        "by_script": {
            script: freeze_times(last[names == script], steps)
            for script, _ in Counter(scripts).most_common()
        },
        "by_initial_norm": by_size(initial_norm, last, steps),
        "by_id": by_size(ids, last, steps),
        "correlation_with_initial_norm": correlation.spearman(initial_norm, last),
        "correlation_with_id": correlation.spearman(ids, last),
    }


def freeze_times(last: np.ndarray, steps: int) -> dict[str, int | None]:
    """Number of tokens, how many never froze or never moved, and when the others moved last."""
    times = np.percentile(last, [*PERCENTILES.values()], method="inverted_cdf").tolist()
    return {
        "tokens": len(last),
        "never_frozen": int((last == steps).sum()),
        "never_moved": int((last < 0).sum()),
        **{n: t if t < steps else None for n, t in zip(PERCENTILES, times, strict=True)},
    }


def by_size(values: np.ndarray, last: np.ndarray, steps: int) -> list[dict]:
    """`freeze_times` of tokens in `GROUPS` groups of equal number, by these values, ascending."""
    order = np.argsort(values, kind="stable")
    return [
        {"from": group_values[0], "to": group_values[-1], **freeze_times(last[group], steps)}
        for group in np.array_split(order, GROUPS)
        if (group_values := values[group].tolist())
    ]


def of_relative_norm(
    norm: np.ndarray, last: np.ndarray, steps: int, recorded: str
) -> dict[str, object]:
    """What `summary` says of the norm at the start, of rows less the mean of all recorded ones.

    norm (n,); recorded: the population that the mean is of, dead or all.
    """
    return {
        "relative_to_mean_of": recorded,
        "by_initial_norm_relative": by_size(norm, last, steps),
        "correlation_with_initial_norm_relative": correlation.spearman(norm, last),
    }
