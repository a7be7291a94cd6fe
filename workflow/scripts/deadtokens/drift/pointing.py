"""Pointing: which rows of W a hidden state points at, by direction and by logit.

Definitions: docs/physics.md. Directions of rows depend on the gauge, so there are two lists of
them; the order of the logits does not.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from deadtokens import gauge
from deadtokens.drift.persistence import cosine
from deadtokens.gauge import AS_STORED, READINGS

# What a list is by, and the column that it is in the order of.
MEASURES = {f"cosine_{reading}": f"cosine_{reading}" for reading in READINGS} | {
    "logit": f"logit_{AS_STORED}"
}
VALUES = tuple(f"{value}_{reading}" for value in ("cosine", "logit") for reading in READINGS)
COLUMNS = ("step", "by", "rank", "token_id", *VALUES)


def chosen_steps(times: Sequence[float], steps: int) -> list[int]:
    """The steps at these fractions of a run with h at steps 0..steps-1, ascending, each once."""
    return sorted({round(time * (steps - 1)) for time in times})


def top(weights: np.ndarray, hidden: np.ndarray, step: int, number: int) -> pd.DataFrame:
    """The tokens with the largest cosine with `hidden` in each reading, and the largest logit.

    weights: all rows, (V, D) float; hidden (D,). `COLUMNS`: `by` is of `MEASURES`, `rank` from 1.
    Of equal ones the smaller id comes first.
    """
    direction = hidden.astype(np.float64)
    values = {}
    for reading, rows in gauge.readings(weights, gauge.mean(weights)).items():
        values |= {f"cosine_{reading}": cosine(rows, hidden), f"logit_{reading}": rows @ direction}
    tokens, parts = pd.DataFrame(values), []
    for measure, column in MEASURES.items():
        best = tokens.sort_values(column, ascending=False, kind="stable").head(number)
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
