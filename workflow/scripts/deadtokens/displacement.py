"""The one pass over a trajectory that turns weights into displacement norms per step and token."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from deadtokens import lattice
from deadtokens.errors import UserError
from deadtokens.files.layout import NUMPY_DTYPE, Pattern
from deadtokens.files.trajectory import Field, TrajectoryWriter
from deadtokens.recorded.rows import BFLOAT16, TokenRows

WEIGHTS = "W"
CHUNK_BYTES = 8_000_000  # weights held at a time; larger chunks leave the cache
BLOCK_ELEMENTS = 65_536  # worked on at a time, so that all intermediate arrays stay in the cache
RELATIVE_ULP = 2.0**-7  # the lattice cell of a bfloat16 value over that value, at most


def fields(steps: int | str, tokens: int | str) -> dict[str, Field]:
    """What a displacement file holds: row s is the step from W[s] to W[s+1], that is step s+1.

    l1, l2, linf: norms of ΔW′ over the elements of a token, in lattice cells.
    lattice_steps: sum of the absolute lattice steps. dw_l2: |ΔW|₂, in units of the weights.
    vector_ulp: |ΔW|₂ / (|W|₂ · 2^-7), W before the step. nonfinite: elements of ΔW′ that are
    infinite or NaN, over all tokens; the norms of their tokens are infinite or NaN as well.
    token_ids: which tokens these are, in the order of their columns.
    """
    per_token = (steps, tokens)
    return {
        "token_ids": ("I64", (tokens,)),
        "l1": ("F32", per_token),
        "l2": ("F32", per_token),
        "linf": ("F32", per_token),
        "lattice_steps": ("I64", per_token),
        "dw_l2": ("F32", per_token),
        "vector_ulp": ("F32", per_token),
        "nonfinite": ("I64", (steps,)),
    }


def patterns(*names: str) -> dict[str, Pattern]:
    """What a reader of these fields of a displacement file expects (`Reader.expect`)."""
    of_any_run = fields("steps", "tokens")
    return {name: of_any_run[name] for name in names}


def norms(previous: np.ndarray, current: np.ndarray) -> dict[str, np.ndarray]:
    """All norms in `fields`, from `previous` to `current`, two (n, D) arrays of bit patterns.

    Every value is an (n,) array, `nonfinite` too: here it counts the elements of each row. Sums are
    taken in float64; a norm is infinite only if an element is or float32 cannot hold it.
    """
    size = np.abs(lattice.displacement(previous, current)).astype(np.float64)
    before = lattice.to_float32(previous).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        dw_l2 = _l2(lattice.to_float32(current) - before)
        # A row that stays has gone nowhere, a row of zeros too: 0 and not 0 / 0.
        vector_ulp = np.where(dw_l2 == 0, 0, dw_l2 / (_l2(before) * RELATIVE_ULP))
        return {
            "l1": size.sum(axis=1).astype(np.float32),
            "l2": _l2(size).astype(np.float32),
            "linf": size.max(axis=1).astype(np.float32),
            "lattice_steps": np.abs(lattice.lattice_steps(previous, current)).sum(axis=1),
            "dw_l2": dw_l2.astype(np.float32),
            "vector_ulp": vector_ulp.astype(np.float32),
            "nonfinite": np.count_nonzero(~np.isfinite(size), axis=1),
        }


def measure(
    rows: TokenRows, path: Path, progress: Callable[[int], None] = lambda step: None
) -> None:
    """Write the displacement file of these tokens' weights, (T+1, n, D), in bounded memory.

    Calls `progress` with the number of steps done. Raises UserError if there are no such weights.
    """
    steps, tokens, _ = movement_shape(rows)
    with TrajectoryWriter(path, fields(steps, tokens)) as file:
        file.write("token_ids", rows.token_ids)
        for start, weights in rows.chunks(WEIGHTS, CHUNK_BYTES, overlap=1):
            chunk = _chunk_norms(weights)
            for name, values in chunk.items():
                file.write_rows(name, start, values)
            progress(start + len(weights) - 1)


def movement_shape(rows: TokenRows) -> tuple[int, int, int]:
    """(steps, tokens, elements) of the weights' motion; UserError if it is not there to measure."""
    dtype, shape = rows.field(WEIGHTS)
    if dtype not in BFLOAT16 or len(shape) != 3 or shape[0] < 2 or 0 in shape:
        raise UserError(
            f"{rows.path}: the weights are {dtype} {shape}; expected bfloat16 bit patterns "
            f"({' or '.join(BFLOAT16)}) of shape (steps + 1, tokens, elements), with a step and a "
            "token at least."
        )
    return shape[0] - 1, *shape[1:]


def _chunk_norms(weights: np.ndarray) -> dict[str, np.ndarray]:
    """All norms of the steps within (k+1, n, D) weights, each of k rows."""
    steps, tokens, elements = len(weights) - 1, *weights.shape[1:]
    previous = weights[:-1].reshape(-1, elements)  # (k * n, D): a row is a token at a step
    current = weights[1:].reshape(-1, elements)
    at_once = max(1, BLOCK_ELEMENTS // elements)
    result = {
        name: np.zeros(steps * tokens, NUMPY_DTYPE[dtype])
        for name, (dtype, _) in fields(steps, tokens).items()
        if name != "token_ids"
    }

    def take(rows: np.ndarray) -> None:
        for start in range(0, len(rows), at_once):
            block = rows[start : start + at_once]
            for name, values in norms(previous[block], current[block]).items():
                result[name][block] = values

    goes = _goes(previous, current, at_once)
    take(np.flatnonzero(goes))
    # A row that stays has gone nowhere, and late in a run nearly all stay. But infinity that stays
    # went from nowhere to nowhere: it was there at first, or a row has gone there.
    finite_at_first = (weights[0] & lattice.MAGNITUDE).max() < lattice.INFINITY
    if not finite_at_first or result["nonfinite"].any():
        take(np.flatnonzero(~goes))
    result = {name: values.reshape(steps, tokens) for name, values in result.items()}
    result["nonfinite"] = result["nonfinite"].sum(axis=1)
    return result


def _goes(previous: np.ndarray, current: np.ndarray, at_once: int) -> np.ndarray:
    """Whether each row changes: (n,) bool of two (n, D). So many are compared at once."""
    row_bytes = previous.shape[1] * previous.itemsize
    # Four elements in a word, if there are no others.
    word = next(word for word in (np.uint64, np.uint16) if row_bytes % word().itemsize == 0)
    previous, current = previous.view(word), current.view(word)
    goes = np.empty(len(previous), bool)
    for start in range(0, len(previous), at_once):
        block = slice(start, start + at_once)
        np.any(previous[block] != current[block], axis=1, out=goes[block])
    return goes


def _l2(rows: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("ij,ij->i", rows, rows))
