"""All tokens' traces as a density over step and displacement, counted chunk by chunk."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from deadtokens.errors import UserError


@dataclass(frozen=True)
class Bins:
    """Bins of whole steps, and of displacement in lattice cells, even in the log."""

    step_edges: np.ndarray  # (S+1,) int64; bin i holds the steps from edge i to before edge i+1
    displacement_edges: np.ndarray  # (B+1,) float64

    @classmethod
    def over(cls, steps: int, time: int, displacement: int, lowest: float, highest: float) -> Self:
        """A bin per step if `time` bins suffice, else at most so many, even in the log of the step.

        `displacement` bins reach from `lowest` to `highest`, in lattice cells.
        """
        if not 0 < lowest < highest:
            raise UserError(
                f"density_bins: lowest {lowest} must be between 0 and highest {highest}."
            )
        wanted = np.geomspace(1, steps + 1, time + 1) if steps > time else np.arange(1, steps + 2)
        edges = np.geomspace(lowest, highest, displacement + 1)
        return cls(np.unique(np.rint(wanted).astype(np.int64)), edges)


def count(displacement: np.ndarray, first_step: int, bins: Bins) -> np.ndarray:
    """Count (k, n) displacements of the steps from `first_step` on: (S, B + 4) int64.

    The columns: exactly zero, below the first edge, the B bins, from the last edge on (infinity
    too), NaN. Each column is a count over all tokens.
    """
    n_rows, n_columns = len(bins.step_edges) - 1, len(bins.displacement_edges) + 3
    moved = displacement != 0  # late in a run few are, and it is the search that takes time
    values = displacement[moved]
    column = np.searchsorted(bins.displacement_edges, values, side="right") + 1
    column[np.isnan(values)] = n_columns - 1
    steps = first_step + np.arange(len(displacement))
    row = np.searchsorted(bins.step_edges, steps, side="right") - 1
    moved_in_row = np.count_nonzero(moved, axis=1)
    place = np.repeat(row * n_columns, moved_in_row) + column
    counts = np.bincount(place, minlength=n_rows * n_columns).reshape(n_rows, n_columns)
    np.add.at(counts[:, 0], row, displacement.shape[1] - moved_in_row)
    return counts


def fields(densities: dict[str, np.ndarray], bins: Bins) -> dict[str, np.ndarray]:
    """What a density file holds, from the `count` of each scale.

    step_edges, displacement_edges: see `Bins`. SCALE_counts: (S, B). Beside them, (S,) each:
    SCALE_zero, SCALE_below, SCALE_above, SCALE_undefined (NaN). All tokens at all steps are there.
    """
    named = {"step_edges": bins.step_edges, "displacement_edges": bins.displacement_edges}
    for scale, counts in densities.items():
        named[f"{scale}_counts"] = counts[:, 2:-2]
        beside = {"zero": 0, "below": 1, "above": -2, "undefined": -1}
        named |= {f"{scale}_{name}": counts[:, index] for name, index in beside.items()}
    return named
