"""What of an embedding matrix is said to give away tokens that were never trained.

The indicators of S. Land and M. Bartolo, "Fishing for Magikarp: automatically detecting
under-trained tokens in large language models" (2024), beside the structure that the census finds.
With U the matrix and the rows of some tokens that are known to be unused:

- cosine_distance: of each row to the mean unused row, after the first principal component c has
  been taken out of both, U' = U - (U c) c^T; the indicator for tied embeddings. c is that of the
  centred rows, as in the authors' program (cohere-ai/magikarp), and is taken out of rows as they
  are.
- unused_distance: Euclidean, to the mean unused row.
- norm: Euclidean; the indicator for input embeddings that are not tied.

The smaller each is, the more a row is suspected. Beside them stands one of ours, `at_power_of_two`:
where weights are bfloat16, the rows of tokens that are only pushed come to rest at powers of two
(docs/physics.md), so the larger it is, the more a row is suspected. The first principal component
has no exact definition in floating point: products are summed in float32, blocks in float64.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import eigh

from deadtokens.census import formats
from deadtokens.census.formats import Format

ROWS_AT_ONCE = 4096
SMALLEST = 1e-6  # of a product of norms; the authors' bound, for rows of zeros


def principal_component(bits: np.ndarray, form: Format) -> np.ndarray:
    """The first principal component of the centred rows of (n, D), (D,) float64 of length 1."""
    dimensions = bits.shape[1]
    squares, total = np.zeros((dimensions, dimensions)), np.zeros(dimensions)
    origin = formats.values(bits[0], form)  # near the mean where rows share much of it
    for start in range(0, len(bits), ROWS_AT_ONCE):
        rows = formats.values(bits[start : start + ROWS_AT_ONCE], form) - origin
        squares += rows.T @ rows
        total += rows.sum(axis=0, dtype=np.float64)
    squares -= np.outer(total, total / len(bits))
    last = [dimensions - 1] * 2
    return eigh(squares, subset_by_index=last, overwrite_a=True)[1][:, 0]


def measure(bits: np.ndarray, form: Format, unused: np.ndarray | None) -> pd.DataFrame:
    """A row per row of finite (n, D) bits: norm, and the two distances if `unused` names rows.

    Those are missing without any, or if there are fewer rows than the component needs, two.
    """
    sizes = np.concatenate([np.einsum("ij,ij->i", rows, rows) for rows in _blocks(bits, form)])
    table = pd.DataFrame({"norm": np.sqrt(sizes)})
    if unused is None or not len(unused) or len(bits) < 2:
        return table.assign(cosine_distance=np.nan, unused_distance=np.nan)
    component = principal_component(bits, form)
    mean = sum(rows.sum(axis=0) for rows in _blocks(bits[unused], form)) / len(unused)
    without = mean - (mean @ component) * component
    along = [rows @ np.stack([component, without, mean], axis=1) for rows in _blocks(bits, form)]
    by_component, by_without, by_mean = np.concatenate(along).T
    left = np.sqrt(np.maximum(sizes - by_component**2, 0)) * np.linalg.norm(without)
    squared = sizes - 2 * by_mean + mean @ mean
    return table.assign(
        cosine_distance=1 - by_without / np.maximum(left, SMALLEST),
        unused_distance=np.sqrt(np.maximum(squared, 0)),
    )


def flagged(
    table: pd.DataFrame, among: np.ndarray, number: int, measures: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """By indicator which of the rows in `among`, (n,) bool, are the `number` most suspected.

    measures: 1 where a large value is suspected, -1 where a small one is. Of equal values those of
    the first rows. An indicator that is missing is left out.
    """
    found = {}
    for name, sign in measures.items():
        values = table[name].to_numpy(float)
        if np.isnan(values[among]).all():
            continue
        order = np.argsort(np.where(among, -sign * values, np.inf), kind="stable")[:number]
        found[name] = np.zeros(len(table), bool)
        found[name][order] = among[order]
    return found


def agreement(flags: Mapping[str, np.ndarray], among: np.ndarray) -> list[dict[str, Any]]:
    """Every two ways of flagging side by side, counted over the rows in `among`.

    jaccard: those flagged by both among those flagged by either; None if there are none.
    """
    names = list(flags)
    found = []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            a, b = flags[one][among], flags[other][among]
            both, either = int((a & b).sum()), int((a | b).sum())
            found.append(
                {
                    **{"one": one, "other": other, "both": both},
                    **{"only_one": int((a & ~b).sum()), "only_other": int((b & ~a).sum())},
                    "neither": int(among.sum()) - either,
                    "jaccard": both / either if either else None,
                }
            )
    return found


def against_truth(flags: Mapping[str, np.ndarray], dead: np.ndarray) -> list[dict[str, Any]]:
    """Precision and recall of every way of flagging rows; all arrays (n,) bool, of judged rows."""
    found = []
    for name, flag in flags.items():
        right = int((flag & dead).sum())
        found.append(
            {
                **{"indicator": name, "flagged": int(flag.sum()), "dead": int(dead.sum())},
                "precision": right / int(flag.sum()) if flag.any() else None,
                "recall": right / int(dead.sum()) if dead.any() else None,
            }
        )
    return found


def _blocks(bits: np.ndarray, form: Format):
    for start in range(0, len(bits), ROWS_AT_ONCE):
        yield formats.values(bits[start : start + ROWS_AT_ONCE], form).astype(np.float64)
