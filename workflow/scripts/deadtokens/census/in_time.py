"""Black holes in time: how many, how populous, how they meet and part, at every recorded step.

With P different pairs of (vector of a token before, vector after), n vectors before and m after:
coalescences = P - m, the vectors beyond one that each vector was made from; evaporations = P - n,
the vectors beyond one that each vector fell into. A step whose rows are those of the step before
has its numbers, so that a frozen cloud takes no time.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deadtokens.census import adjacency, formats, populations
from deadtokens.census.formats import Format

WHOLE = (
    *("vectors", "black_holes", "black_hole_tokens", "largest_population"),
    *("pairs", "components", "largest_component_vectors", "largest_component_tokens"),
    *("candidate_pairs", "coalescences", "evaporations"),
)


def follow(chunks: Iterable[tuple[int, np.ndarray]], form: Format, most_pairs: int) -> pd.DataFrame:
    """A row per state, 0 the initial one, of chunks (first state, (k, n, D) bits).

    Columns: step, those of WHOLE, width and nonfinite_rows. Coalescences and evaporations are those
    since the state before; columns of components are missing where there are too many pairs.
    Rows with a NaN or an infinity are in no vector at that state.
    """
    found, before, last = [], None, None
    for first, states in chunks:
        for number, bits in enumerate(states):
            if last is None or not np.array_equal(bits, last):
                row, label = state(bits, form, most_pairs)
            met = _met(before, label)
            found.append({"step": first + number, **row, **met})
            before, last = label, bits
        last = last.copy()  # the chunk need not be kept for it
    table = pd.DataFrame(found)
    return table.astype(dict.fromkeys(WHOLE, "Int64"))


def state(bits: np.ndarray, form: Format, most_pairs: int) -> tuple[dict[str, object], np.ndarray]:
    """One state: its numbers, and the vector of every token, (n,), -1 where it is in none."""
    rows = np.flatnonzero(~formats.has_nonfinite(bits, form))
    label = np.full(len(bits), -1)
    if not len(rows):
        return {"nonfinite_rows": len(bits), **dict.fromkeys(WHOLE), "width": np.nan}, label
    own = bits[rows]
    of = populations.of_rows(own)
    label[rows] = of.label
    holes = of.size[of.size > 1]
    vectors = own[of.first]
    values = formats.values(vectors, form)
    near = adjacency.neighbours(formats.order_index(vectors, form), most_pairs)
    numbers = {
        "vectors": len(of.size),
        "black_holes": len(holes),
        "black_hole_tokens": int(holes.sum()),
        "largest_population": int(of.size[0]),
        "width": float((values.max(axis=0) - values.min(axis=0)).max()),
        "nonfinite_rows": len(bits) - len(rows),
        "candidate_pairs": near.candidates,
    }
    return numbers | _components(near.pairs, of.size), label


def _components(pairs: pd.DataFrame | None, sizes: np.ndarray) -> dict[str, int | None]:
    names = ("pairs", "components", "largest_component_vectors", "largest_component_tokens")
    if pairs is None:
        return dict.fromkeys(names)
    ends = pairs["first"], pairs["second"]
    graph = coo_array((np.ones(len(pairs)), ends), shape=(len(sizes),) * 2)
    number, of = connected_components(graph, directed=False)
    most = int(np.bincount(of).max()), int(np.bincount(of, sizes).max())
    return dict(zip(names, (len(pairs), number, *most), strict=True))


def _met(before: np.ndarray | None, after: np.ndarray) -> dict[str, int]:
    """Coalescences and evaporations between two states, of tokens that are in a vector at both."""
    if before is None:
        return {"coalescences": 0, "evaporations": 0}
    both = (before >= 0) & (after >= 0)
    if not both.any() or np.array_equal(before, after):
        return {"coalescences": 0, "evaporations": 0}
    one, other = before[both].astype(np.int64), after[both].astype(np.int64)
    pairs = len(np.unique(one * (other.max() + 1) + other))
    return {
        "coalescences": pairs - len(np.unique(other)),
        "evaporations": pairs - len(np.unique(one)),
    }
