"""The figures that the Crucible 2 notebook prints when its run is done."""

from collections.abc import Iterable

import numpy as np

from deadtokens.files.access import Reader
from deadtokens.recorded.ranges import RANGES
from deadtokens.recorded.rows import TokenRows

Chunks = Iterable[tuple[int, np.ndarray]]


def of_displacement(chunks: Chunks) -> dict[str, object]:
    """Range of |ΔW′|₂, its mean at the first and the last step; beside them those of the finite.

    chunks: (k, n) float32 each. The notebook's own figures hold what is infinite.
    """
    low, high, high_finite, nonfinite, first, last = np.inf, -np.inf, -np.inf, 0, None, None
    for _, l2 in chunks:
        finite = l2[np.isfinite(l2)]
        low, high = min(low, l2.min()), max(high, l2.max())
        high_finite = max(high_finite, finite.max(initial=-np.inf))
        nonfinite += l2.size - finite.size
        first, last = l2[0] if first is None else first, l2[-1]
    return {
        "range": [float(low), float(high)],
        "largest_finite": float(high_finite),
        "infinite_or_nan": int(nonfinite),
        "mean_at_first_step": float(first.mean(dtype=np.float64)),
        "mean_at_last_step": float(last.mean(dtype=np.float64)),
        "finite_mean_at_first_step": _finite_mean(first),
        "finite_mean_at_last_step": _finite_mean(last),
    }


def figures(rows: TokenRows, moved: Reader, last: np.ndarray, max_bytes: int) -> dict[str, object]:
    """All of them, as a JSON object; a gradient that was not recorded is None.

    rows: those of the tokens, moved: a reader of their displacement, both asked for `chunks` within
    `max_bytes`; last: (n,) last motion.
    """
    steps = moved.fields["l2"][1][0]
    ranges = {
        name: statistic(rows.values(quantity, max_bytes), rows.first_row(quantity))
        for quantity, name, statistic in RANGES
        if quantity in rows
    }
    return {
        "displacement": of_displacement(moved.chunks("l2", max_bytes)),
        **{name: ranges.get(name) for _, name, _ in RANGES},
        "last_motion": int(last.max()),
        "tokens_still_moving": int((last == steps).sum()),
    }


def _finite_mean(values: np.ndarray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean(dtype=np.float64)) if len(finite) else None
