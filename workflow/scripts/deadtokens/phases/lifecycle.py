"""The life of every token in phases, as one table of tokens by time.

Definitions: docs/physics.md. Steps are counted from 1: step t leads from W[t-1] to W[t]. In a long
run several steps share a bin of time, and a token is shown there in the hottest phase that it has
in any of them: a short burst of motion is never lost.
"""

from collections.abc import Iterable

import numpy as np

from deadtokens.errors import UserError
from deadtokens.phases import phases

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) displacements), row 0 is step 1

UNDEFINED = 255  # no phase at any step of the bin: NaN


def hottest_phase(chunks: Chunks, scheme: phases.Scheme, step_edges: np.ndarray) -> np.ndarray:
    """The hottest phase of each token in each bin of time, (n, S) uint8, 0 the coldest.

    step_edges: (S+1,), see `density.Bins`.
    """
    hottest = None
    for start, displacement in chunks:
        if hottest is None:
            hottest = np.full((len(step_edges) - 1, displacement.shape[1]), -1, np.int8)
        steps = start + 1 + np.arange(len(displacement))
        place = np.searchsorted(step_edges, steps, side="right") - 1
        bins, first = np.unique(place, return_index=True)
        here = np.maximum.reduceat(phases.phase_index(displacement, scheme), first, axis=0)
        hottest[bins] = np.maximum(hottest[bins], here)  # a bin may have begun in the chunk before
    return np.where(hottest < 0, UNDEFINED, hottest).astype(np.uint8).T


def order(last_motion: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Tokens by their last motion, the earliest first; of equal ones the colder life first.

    last_motion: (n,), see `freezing.last_motion`; phase: (n, S), see `hottest_phase`.
    """
    heat = np.where(phase == UNDEFINED, 0, phase).sum(axis=1, dtype=np.int64)
    return np.lexsort((heat, last_motion))


def fields(
    by_scale: dict[str, np.ndarray],
    last_motion: np.ndarray,
    step_edges: np.ndarray,
    token_ids: np.ndarray,
) -> dict[str, np.ndarray]:
    """What a lifecycle file holds; rows are sorted by the first scale, see `order`.

    A scale's phases: (n, S) uint8. Beside them step_edges (S+1,), token_id (n,), row (n,): the
    token's place among those measured, and last_motion_step (n,).
    """
    rows = order(last_motion, next(iter(by_scale.values())))
    named = {scale: np.ascontiguousarray(phase[rows]) for scale, phase in by_scale.items()}
    return {
        **named,
        "step_edges": step_edges,
        "token_id": token_ids[rows],
        "row": rows,
        "last_motion_step": last_motion[rows],
    }


def summary(
    scheme: phases.Scheme,
    steps: int,
    step_edges: np.ndarray,
    n_tokens: int,
    population: str = "dead",
) -> dict:
    """What the numbers in a lifecycle file mean, as JSON; population: see `phases.summary`."""
    if len(scheme.phases) > UNDEFINED:
        raise UserError(
            f"phases: {len(scheme.phases)} of them; at most {UNDEFINED} can be numbered."
        )
    return {
        "population": population,
        "steps": steps,
        "tokens": n_tokens,
        "phases": list(scheme.phases),
        "thresholds": list(scheme.thresholds),
        "undefined": UNDEFINED,
        "longest_bin": int(np.diff(step_edges).max()),
    }
