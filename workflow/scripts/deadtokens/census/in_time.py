"""Black holes in time: how many, how populous, how they meet and part, at every recorded step.

With P different pairs of (vector of a token before, vector after), n vectors before and m after:
coalescences = P - m, the vectors beyond one that each vector was made from; evaporations = P - n,
the vectors beyond one that each vector fell into. A step whose rows are those of the step before
has its numbers, so that a frozen cloud takes no time. Where cells became coarser: `merges`.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deadtokens.census import adjacency, formats, merges, populations
from deadtokens.census.formats import Format

WHOLE = (
    *("vectors", "black_holes", "black_hole_tokens", "largest_population"),
    *("pairs", "components", "largest_component_vectors", "largest_component_tokens"),
    *("candidate_pairs", "coalescences", "evaporations"),
)
FLOATS = ("width", "at_power_of_two")


class Follower:
    """The census of one state after the other; `table` has a row for each, 0 the initial one.

    Columns: step, those of WHOLE and of `merges.COUNTS`, width, `at_power_of_two` (the share of all
    elements that are at one), nonfinite_rows and `populations`, those of the `ranks` most populous
    vectors, a text of numbers. Coalescences, evaporations and
    counts are those since the state before; columns of components are missing where there are too
    many pairs. Rows with a NaN or an infinity are in no vector at that state.
    """

    def __init__(self, form: Format, most_pairs: int, ranks: int):
        self._form, self._most_pairs, self._ranks = form, most_pairs, ranks
        self._found: list[dict[str, object]] = []
        self._row: dict[str, object] = {}
        self._bits: np.ndarray | None = None
        self._label: np.ndarray | None = None

    def add(self, bits: np.ndarray) -> None:
        """The next state: (n, D) bits, which are kept until the one after."""
        met = dict.fromkeys(("coalescences", "evaporations"), 0) | merges.NONE
        if self._bits is None or not np.array_equal(bits, self._bits):
            self._row, label = state(bits, self._form, self._most_pairs, self._ranks)
            if self._bits is not None:
                met = _met(self._bits, self._label, bits, label, self._form)
            self._bits, self._label = bits, label
        self._found.append({"step": len(self._found), **self._row, **met})

    def table(self) -> pd.DataFrame:
        table = pd.DataFrame(self._found)
        return table.astype(dict.fromkeys((*WHOLE, *merges.COUNTS), "Int64"))


def follow(
    chunks: Iterable[tuple[int, np.ndarray]], form: Format, most_pairs: int, ranks: int = 20
) -> pd.DataFrame:
    """The table of a `Follower` of all states, from chunks (first state, (k, n, D) bits)."""
    follower = Follower(form, most_pairs, ranks)
    for _, states in chunks:
        for bits in states:
            follower.add(bits.copy())  # the chunk need not be kept for it
    return follower.table()


def state(
    bits: np.ndarray, form: Format, most_pairs: int, ranks: int
) -> tuple[dict[str, object], np.ndarray]:
    """One state: its numbers, and the vector of every token, (n,), -1 where it is in none."""
    rows = np.flatnonzero(~formats.has_nonfinite(bits, form))
    label = np.full(len(bits), -1)
    if not len(rows):
        nothing = dict.fromkeys(WHOLE) | dict.fromkeys(FLOATS, np.nan) | {"populations": ""}
        return {"nonfinite_rows": len(bits), **nothing}, label
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
        "at_power_of_two": float(formats.at_power_of_two(own, form).mean()),
        "nonfinite_rows": len(bits) - len(rows),
        "candidate_pairs": near.candidates,
        "populations": " ".join(map(str, of.size[:ranks])),
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


def _met(
    bits_before: np.ndarray,
    before: np.ndarray,
    bits: np.ndarray,
    after: np.ndarray,
    form: Format,
) -> dict[str, int]:
    """What happened between two states to the tokens that are in a vector at both."""
    both = np.flatnonzero((before >= 0) & (after >= 0))
    one, other = before[both].astype(np.int64), after[both].astype(np.int64)
    pairs, first = np.unique(one * (other.max(initial=0) + 1) + other, return_index=True)
    shown = both[first]  # a token of each pair
    met = {
        "coalescences": len(pairs) - len(np.unique(other)),
        "evaporations": len(pairs) - len(np.unique(one)),
    }
    return met | merges.count(bits_before[shown], bits[shown], after[shown], form)
