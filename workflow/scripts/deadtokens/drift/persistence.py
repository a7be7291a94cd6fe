"""Persistence: whether a vector keeps its direction from step to step and over long lags.

Definitions: docs/physics.md. Row t of `vectors` (T, D) is the vector at step t.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cosine between vectors along the last axis, float64; NaN where one of them is zero."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip((first * second).sum(axis=-1) / lengths, -1, 1)


def angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The angle between vectors along the last axis, in degrees."""
    return np.degrees(np.arccos(cosine(first, second)))


def autocorrelation(vectors: np.ndarray, lags: Sequence[int], persistent: float) -> pd.DataFrame:
    """A row per lag k, over all pairs of vectors k steps apart.

    `mean`, `p05`, `median`, `p95`, `min`: of the cosines of the pairs; `share_persistent`: pairs of
    at least the cosine `persistent`; `late_mean`: of the pairs within the second half of the steps.
    `centred`: of what is left without the mean over time, Σ d[t]·d[t+k] / Σ |d[t]|², as an
    autocorrelation of fluctuations is usually defined. NaN where there are no pairs, or nothing
    varies.
    """
    count = len(vectors)
    centred = vectors.astype(np.float64)
    # Equal vectors have no fluctuation; their mean may miss them by a rounding.
    varies = count > 0 and (vectors != vectors[0]).any()
    centred -= centred.mean(axis=0) if count else 0
    return pd.DataFrame(
        [_lag_row(vectors, centred if varies else None, lag, persistent) for lag in lags]
    )


def _lag_row(
    vectors: np.ndarray, centred: np.ndarray | None, lag: int, persistent: float
) -> dict[str, float]:
    values = cosine(vectors[:-lag], vectors[lag:])
    late = values[len(vectors) // 2 :]
    pairs = len(values)
    shares = np.percentile(values, [5, 50, 95]) if pairs else [np.nan] * 3
    fluctuation = np.nan
    if pairs and centred is not None:
        fluctuation = (centred[:-lag] * centred[lag:]).sum() / (centred**2).sum()
    return {
        "lag": lag,
        "pairs": pairs,
        "mean": values.mean() if pairs else np.nan,
        **dict(zip(("p05", "median", "p95"), shares, strict=True)),
        "min": values.min() if pairs else np.nan,
        "share_persistent": (values >= persistent).mean() if pairs else np.nan,
        "late_mean": late.mean() if len(late) else np.nan,
        "centred": fluctuation,
    }


def summary(vectors: np.ndarray, table: pd.DataFrame, persistent: float) -> dict[str, object]:
    """Norms of the vectors and how long their direction lasts, as a JSON object.

    `persistent_up_to_lag`: the longest lag of the table such that it and all shorter ones have a
    mean cosine of at least `persistent`. `first_step_away`: the first step at which the cosine with
    the vector of step 0 is less. None stands for what there is not.
    """
    norm = np.linalg.norm(vectors.astype(np.float64), axis=1)
    with_first = cosine(vectors, vectors[:1])
    by_lag = table.sort_values("lag")
    holds = (by_lag["mean"] >= persistent) & (by_lag["pairs"] > 0)
    leading = by_lag["lag"][holds.cummin()]
    below = np.flatnonzero(with_first < persistent)
    return {
        "norm": {"min": float(norm.min()), "max": float(norm.max()), "mean": float(norm.mean())},
        "persistent": persistent,
        "persistent_up_to_lag": int(leading.iloc[-1]) if len(leading) else None,
        "cosine_of_first_and_last": float(with_first[-1]),
        "first_step_away": int(below[0]) if len(below) else None,
        "autocorrelation": table.to_dict("records"),
    }
