"""Pointing: which rows of W a hidden state points at, by direction and by logit.

Definitions: docs/physics.md.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from deadtokens.drift.persistence import cosine

MEASURES = ("cosine", "logit")
COLUMNS = ("step", "by", "rank", "token_id", *MEASURES)


def chosen_steps(times: Sequence[float], steps: int) -> list[int]:
    """The steps at these fractions of a run with h at steps 0..steps-1, ascending, each once."""
    return sorted({round(time * (steps - 1)) for time in times})


def top(weights: np.ndarray, hidden: np.ndarray, step: int, number: int) -> pd.DataFrame:
    """The tokens with the largest cosine with `hidden`, and those with the largest logit.

    weights (V, D) float, hidden (D,). `COLUMNS`: `by` is of `MEASURES`, `rank` from 1. Of equal
    ones the smaller id comes first.
    """
    logit = weights.astype(np.float64) @ hidden.astype(np.float64)
    tokens = pd.DataFrame({"cosine": cosine(weights, hidden), "logit": logit})
    parts = []
    for measure in MEASURES:
        best = tokens.sort_values(measure, ascending=False, kind="stable").head(number)
        ranks = range(1, len(best) + 1)
        parts.append(best.assign(step=step, by=measure, rank=ranks, token_id=best.index))
    return pd.concat(parts, ignore_index=True)[[*COLUMNS]]


def described(
    parts: Sequence[pd.DataFrame],
    texts: Sequence[str],
    scripts: Sequence[str],
    dead_mask: np.ndarray,
) -> pd.DataFrame:
    """One table of all steps with `token`, `script` and `cloud`, live or dead, of each row."""
    table = pd.concat(parts, ignore_index=True)
    cloud = np.where(dead_mask[table["token_id"]], "dead", "live")
    return table.assign(token=texts, script=scripts, cloud=cloud)


def summary(table: pd.DataFrame) -> list[dict[str, object]]:
    """Of each step and measure: how many of the listed are live and dead, their scripts, ids."""
    return [
        {
            "step": int(step),
            "by": measure,
            **{name: int((rows["cloud"] == name).sum()) for name in ("live", "dead")},
            "scripts": dict(Counter(rows["script"]).most_common()),
            "token_ids": rows["token_id"].tolist(),
            "tokens": rows["token"].tolist(),
        }
        for (step, measure), rows in table.groupby(["step", "by"], sort=False)
    ]
