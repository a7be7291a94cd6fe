"""Pointing: which rows of W a hidden state points at, by direction and by logit.

Definitions: docs/physics.md.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from deadtokens.drift.persistence import cosine

Table = dict[str, list]
MEASURES = ("cosine", "logit")


def chosen_steps(times: Sequence[float], steps: int) -> list[int]:
    """The steps at these fractions of a run with h at steps 0..steps-1, ascending, each once."""
    return sorted({round(time * (steps - 1)) for time in times})


def top(weights: np.ndarray, hidden: np.ndarray, step: int, number: int) -> Table:
    """The tokens with the largest cosine with `hidden`, and those with the largest logit.

    weights (V, D) float, hidden (D,). Columns: `step`, `by` (of `MEASURES`), `rank` from 1,
    `token_id`, `cosine`, `logit`. Of equal ones the smaller id comes first.
    """
    values = {
        "cosine": cosine(weights, hidden),
        "logit": weights.astype(np.float64) @ hidden.astype(np.float64),
    }
    rows = {name: [] for name in ("step", "by", "rank", "token_id", *MEASURES)}
    for measure in MEASURES:
        best = np.argsort(-values[measure], kind="stable")[:number]
        rows["step"] += [step] * len(best)
        rows["by"] += [measure] * len(best)
        rows["rank"] += range(1, len(best) + 1)
        rows["token_id"] += best.tolist()
        for name in MEASURES:
            rows[name] += values[name][best].tolist()
    return rows


def described(
    rows: Sequence[Table], texts: Sequence[str], scripts: Sequence[str], dead_mask: np.ndarray
) -> Table:
    """One table of all steps with `token`, `script` and `cloud`, live or dead, of each row."""
    joined = {name: [value for table in rows for value in table[name]] for name in rows[0]}
    return joined | {
        "token": list(texts),
        "script": list(scripts),
        "cloud": ["dead" if dead_mask[index] else "live" for index in joined["token_id"]],
    }


def summary(table: Table) -> list[dict[str, object]]:
    """Of each step and measure: how many of the listed are live and dead, their scripts, ids."""
    places = {}
    for place, key in enumerate(zip(table["step"], table["by"], strict=True)):
        places.setdefault(key, []).append(place)
    return [
        {
            "step": step,
            "by": measure,
            **{name: sum(table["cloud"][i] == name for i in of_key) for name in ("live", "dead")},
            "scripts": dict(Counter(table["script"][i] for i in of_key).most_common()),
            "token_ids": [table["token_id"][i] for i in of_key],
            "tokens": [table["token"][i] for i in of_key],
        }
        for (step, measure), of_key in places.items()
    ]
