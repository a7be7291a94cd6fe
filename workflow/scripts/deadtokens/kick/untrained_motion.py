"""The kick at a checkpoint: how far untrained tokens go on either side of a seam.

Definitions: docs/physics.md. Steps are counted from 1: step t leads from W[t-1] to W[t]; the seam
lies after a step. A run that was resumed there counts its own steps from 1.
"""

import itertools
from collections.abc import Iterable, Mapping

import numpy as np

from deadtokens import lattice
from deadtokens.errors import UserError
from deadtokens.files.layout import Pattern

WEIGHTS, LOSSES = "embeddings", "losses"  # as Wordybird's files call them
Field = tuple[str, tuple[int, ...]]
Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) of as many steps), row 0 is step 1

QUANTILES = {"p05": 0.05, "median": 0.5, "p95": 0.95}
# The whole range, the middle, and what 95% lie within.
CHANCE = {"min": 0.0, "p02_5": 0.025, "median": 0.5, "p97_5": 0.975, "max": 1.0}
FROM_START = {"from_start_mean": np.mean, "from_start_median": np.median, "from_start_max": np.max}
SPREAD = {"p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}


def untrained_rows(path: object, rows: int, untrained: np.ndarray) -> np.ndarray:
    """Where in a trajectory of so many rows the untrained tokens are, (n,) int64.

    untrained: which tokens they are, (V,) bool. A trajectory holds all rows of the vocabulary or
    the untrained ones alone, in ascending order; nothing in it says which, so their number does.
    UserError on any other number.
    """
    ids = np.flatnonzero(untrained)
    if rows == len(untrained):
        return ids
    if rows == len(ids):
        return np.arange(rows)
    raise UserError(
        f"{path}: has {rows} rows; expected {len(untrained)}, the whole vocabulary, or {len(ids)}, "
        "its untrained tokens. Give trajectory and masks of one corpus."
    )


def weights_shape(path: object, fields: Mapping[str, Field]) -> tuple[int, int, int]:
    """(steps + 1, rows, elements) of a Wordybird trajectory's weights; UserError without any."""
    dtype, shape = fields.get(WEIGHTS, ("none", ()))
    if dtype != "BF16" or len(shape) != 3 or shape[0] < 2 or LOSSES not in fields:
        raise UserError(
            f"{path}: {WEIGHTS} is {dtype} {shape}, and it holds {', '.join(fields) or 'no keys'}; "
            f"expected BF16 (steps + 1, rows, elements) of a step at least, and {LOSSES}. Give the "
            "trajectory of a run with naming: wordybird and W among record."
        )
    return shape


def motion_fields(steps: int, tokens: int) -> dict[str, Field]:
    """What a file of motion holds: `motion`; losses; the tokens' ids; the elements of a row."""
    fields = {"dw_l2": ("F32", (steps, tokens)), "hop_cells": ("F32", (steps, tokens))}
    fields |= dict.fromkeys(FROM_START, ("F32", (steps,)))
    fields |= {"losses": ("F32", (steps + 1,)), "untrained_indices": ("I64", (tokens,))}
    return fields | {"elements": ("I64", ())}


def motion_patterns() -> dict[str, Pattern]:
    """What a reader of a file of motion expects (`Reader.expect`)."""
    names = {10: "steps", 11: "states", 20: "tokens"}  # of sizes that stand for any
    return {
        name: (dtype, tuple(names[size] for size in shape))
        for name, (dtype, shape) in motion_fields(10, 20).items()
    }


def motion(weights: np.ndarray, origin: np.ndarray) -> dict[str, np.ndarray]:
    """How the tokens move at each step within (k+1, n, D) bit patterns; all results are float32.

    `dw_l2` (k, n) is |ΔW|₂; `hop_cells` (k, n) the same over the ULP of the token's largest element
    before the step; `from_start_mean` and so on (k,) are of |W[t] - origin|₂, how far the tokens
    are from where they were at the start of it all, (n, D) bit patterns.
    """
    start = lattice.to_float32(origin).astype(np.float64)
    before = lattice.to_float32(weights[0]).astype(np.float64)
    result = {name: [] for name in ("dw_l2", "hop_cells", *FROM_START)}
    for previous, current in itertools.pairwise(weights):
        after = lattice.to_float32(current).astype(np.float64)  # (n, D)
        dw_l2 = np.linalg.norm(after - before, axis=1)
        result["dw_l2"].append(dw_l2)
        result["hop_cells"].append(dw_l2 / lattice.ulp(previous).max(axis=1))
        far = np.linalg.norm(after - start, axis=1)
        for name, statistic in FROM_START.items():
            result[name].append(statistic(far))
        before = after
    return {name: np.array(rows, dtype=np.float32) for name, rows in result.items()}


def path(chunks: Chunks, first: int, last: int) -> np.ndarray:
    """The sum of |ΔW|₂ over the steps first..last, both counted, of each token, (n,) float64.

    Steps are the file's own. UserError if it does not reach so far.
    """
    total, reached = None, 0
    for start, dw_l2 in chunks:
        reached = start + len(dw_l2)
        chosen = dw_l2[max(0, first - 1 - start) : max(0, last - start)]
        part = chosen.sum(axis=0, dtype=np.float64)
        total = part if total is None else total + part
    if total is None or first < 1 or reached < last:
        raise UserError(
            f"steps {first} to {last} of the motion are needed, but the file has {reached}. "
            "Is it of another run, or too short?"
        )
    return total


def by_step(chunks: Chunks, hop_chunks: Chunks, hop_threshold: float) -> dict[str, np.ndarray]:
    """Mean and quantiles of |ΔW|₂ at each step, shares of tokens that hop and that stay; (T,) each.

    A hop goes less than `hop_threshold` ULP of the token's largest element, a token that stays with
    it: so the definition says. `still_share` is of those alone.
    """
    columns = {f"dw_l2_{name}": [] for name in ("mean", *QUANTILES)} | {
        "hop_share": [],
        "still_share": [],
    }
    for (_, dw_l2), (_, cells) in zip(chunks, hop_chunks, strict=True):
        columns["dw_l2_mean"].append(dw_l2.mean(axis=1, dtype=np.float64))
        for name, values in zip(
            QUANTILES, np.quantile(dw_l2, [*QUANTILES.values()], axis=1), strict=True
        ):
            columns[f"dw_l2_{name}"].append(values)
        columns["hop_share"].append((cells < hop_threshold).mean(axis=1))
        columns["still_share"].append((dw_l2 == 0).mean(axis=1))
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def pseudo_seams(mean: np.ndarray, window: int, seam: int) -> dict[str, object]:
    """Log ratios of motion after and before every step of a run where nothing was resumed.

    mean: mean |ΔW|₂ at each step, (T,). What they spread by is what chance, cooling and the warming
    up of the moments make of a ratio without any resume. Steps whose windows share a step with
    those of `seam` are left out, so that a ratio there is not held to itself. `seams` are those
    that count; neighbours share all but two of their 2·window steps, so only `disjoint` of them
    share none. `without_ratio`: nothing moves on one side. Quantiles are null without any.
    """
    sums = np.concatenate([[0], np.cumsum(mean, dtype=np.float64)])
    seams = np.arange(window, len(mean) - window + 1)
    seams = seams[np.abs(seams - seam) >= 2 * window]
    before, after = sums[seams] - sums[seams - window], sums[seams + window] - sums[seams]
    moved = (before > 0) & (after > 0)
    logs = np.log(after[moved] / before[moved])
    quantiles = {
        name: float(np.quantile(logs, q)) if len(logs) else None for name, q in CHANCE.items()
    }
    return {
        "seams": len(logs),
        "disjoint": _disjoint(seams[moved], window),
        "without_ratio": int((~moved).sum()),
        "log_ratio": quantiles,
    }


def _disjoint(seams: np.ndarray, window: int) -> int:
    """How many of these seams, the first and then one after the other, share no step."""
    count, free = 0, -np.inf
    for seam in seams:
        if seam >= free:
            count, free = count + 1, seam + 2 * window
    return count


def moves_alike(mean: np.ndarray, continuous: np.ndarray, band: float) -> dict[str, object]:
    """When a run moves like the continuous one again; steps after the seam, counted from 1.

    Both are mean |ΔW|₂ at each step after the seam, (F,). Alike: within the share `band` of the
    continuous run's; where that stands still, standing still. `first` is the first such step,
    `for_good` the one from which on it stays so to the last; None if there is none.
    """
    alike = np.abs(mean - continuous) <= band * continuous
    different = np.flatnonzero(~alike)
    since = int(different[-1]) + 2 if len(different) else 1
    return {
        "first": int(alike.argmax()) + 1 if alike.any() else None,
        "for_good": since if since <= len(alike) else None,
        "share_of_steps": float(alike.mean()),
    }


def token_ratios(after: np.ndarray, before: np.ndarray) -> dict[str, float | int | None]:
    """How the tokens' own log ratios of motion after and before the seam spread.

    (n,) each. Tokens that stood still on a side have none and are counted; natural logarithms.
    """
    moved = (after > 0) & (before > 0)
    logs = np.log(after[moved] / before[moved])
    found = {"tokens": int(moved.sum()), "tokens_without": int((~moved).sum())}
    found |= {"mean": float(logs.mean()) if len(logs) else None}
    found |= {"std": float(logs.std()) if len(logs) else None}
    return found | {
        name: float(np.quantile(logs, q)) if len(logs) else None for name, q in SPREAD.items()
    }


def check_tokens(ids: Mapping[str, np.ndarray]) -> None:
    """UserError unless all runs, by name, are of the same untrained tokens."""
    (first, expected), *others = ids.items()
    for name, found in others:
        if not np.array_equal(found, expected):
            raise UserError(
                f"{name}: its {len(found)} untrained tokens are not the {len(expected)} of {first}."
                " Give the motion of runs on one corpus."
            )
