"""|m| against sqrt(v) of all elements at chosen steps, and where the critical line runs there."""

from collections.abc import Callable, Iterable

import numpy as np

from deadtokens.cohorts import momentum
from deadtokens.recorded.steps import Step
from deadtokens.update_law import UpdateLaw, half_cells

Read = Callable[[int], Step]  # by the number of the step, with `momentum.QUANTITIES`

MOST = (0.1, 99.9)  # percent of the elements; the tails would squeeze the rest into a corner
ROOM = 1.5  # beyond both ends


def chosen_steps(wanted: Iterable[int], steps: int) -> list[int]:
    """Those before the last step, and the last one."""
    return sorted({step for step in wanted if step < steps} | {steps})


def planes(
    read: Read,
    chosen: list[int],
    law: UpdateLaw,
    n_bins: int,
) -> tuple[dict[str, np.ndarray], list[dict]]:
    """|m| against sqrt(v) of all elements at chosen steps, with the critical line of typical cells.

    The first result is for a file: `plane_steps` (S,), `momentum_edges`, `deviation_edges` (B+1,),
    even in the log; `plane_counts` (S, B, B), by |m| and sqrt(v); `plane_beyond`, those beyond
    their own line; `plane_outside` (S,), elements that are 0 or beyond the edges; `line_p05`,
    `line_median`, `line_p95` (S, B+1): the |m| at which an update equals such a quantile of all
    half cells, by the formula, at each deviation edge. The second has a JSON object per step.
    """
    edges = _plane_edges(read, chosen, law, n_bins)
    counts, beyond, outside, plane_steps = [], [], [], []
    lines = {name: [] for name in momentum.QUANTILES}
    for step in chosen:
        start, m, v = momentum.pending(read(step), law)
        exact, _, _ = momentum.ratios(start, m, v, step, law)
        size, deviation = np.abs(m).ravel(), np.sqrt(v).ravel()
        there = (size > 0) & (deviation > 0)
        over = (exact > 1).ravel()
        counts.append(_counted(size, deviation, there, edges))
        beyond.append(_counted(size, deviation, there & over, edges))
        outside.append(size.size - counts[-1].sum())
        half = dict(
            zip(
                momentum.QUANTILES,
                np.percentile(half_cells(start, m), [*momentum.QUANTILES.values()]),
                strict=True,
            )
        )
        slope = edges[1] / law.correction(step) + law.epsilon
        for name, cell in half.items():
            with np.errstate(divide="ignore"):
                lines[name].append(cell * slope / np.float64(law.step_size(step)))
        plane_steps.append(
            {
                "step": step,
                "learning_rate": float(law.learning_rates[step - 1]),
                "share_of_elements_beyond": float(over.mean()),
                "share_of_tokens_beyond": float(over.reshape(exact.shape).any(axis=1).mean()),
                "distance": momentum.quantiles(momentum.log2(exact.max(axis=1))),
                "typical_distance": momentum.quantiles(momentum.log2(np.median(exact, axis=1))),
                "momentum": momentum.quantiles(size),
                "root_of_variance": momentum.quantiles(deviation),
                "half_cell": {name: float(value) for name, value in half.items()},
            }
        )
    arrays = {
        "plane_steps": np.array(chosen),
        "momentum_edges": edges[0],
        "deviation_edges": edges[1],
        "plane_counts": np.stack(counts),
        "plane_beyond": np.stack(beyond),
        "plane_outside": np.array(outside),
        **{f"line_{name}": np.array(values) for name, values in lines.items()},
    }
    return arrays, plane_steps


def _plane_edges(
    read: Read, chosen: list[int], law: UpdateLaw, n_bins: int
) -> tuple[np.ndarray, np.ndarray]:
    """Over most elements of every chosen step; zeros have no place on log axes."""
    low, high = np.full(2, np.inf), np.zeros(2)
    for step in chosen:
        _, m, v = momentum.pending(read(step), law)
        for axis, values in enumerate((np.abs(m), np.sqrt(v))):
            values = values[values > 0]
            if len(values):
                ends = np.percentile(values, MOST)
                low[axis], high[axis] = min(low[axis], ends[0]), max(high[axis], ends[1])
    low, high = np.where(high > 0, low, 1), np.where(high > 0, high, 1)
    return tuple(
        np.geomspace(a / ROOM, b * ROOM, n_bins + 1) for a, b in zip(low, high, strict=True)
    )


def _counted(size: np.ndarray, deviation: np.ndarray, chosen: np.ndarray, edges) -> np.ndarray:
    return np.histogram2d(size[chosen], deviation[chosen], edges)[0].astype(np.int64)
