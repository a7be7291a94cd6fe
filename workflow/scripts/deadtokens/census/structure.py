"""The census of one matrix: populations, centre, neighbours, components, geography.

Definitions: docs/physics.md. A matrix is (n, D) bit patterns. Only rows of tokens are counted:
those that no token has (`padded`) are counted apart, and rows with a NaN or an infinity, which have
no place on the lattice, not at all.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deadtokens.census import adjacency, centre, distances, formats, populations
from deadtokens.census.formats import Format

OUTSIDE = -1  # in place of a vector or component that a row has not


@dataclass(frozen=True)
class Rules:
    """The settings of a census, each as the configuration describes it."""

    exponent_cut: int
    exponents_shown: int
    plateau_growth: float
    pair_limit: int
    shells: int
    neighbours: int
    projections: int
    candidates: int
    random_seed: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """From settings that hold these keys among others."""
        return cls(**{field.name: settings[field.name] for field in fields(cls)})

    @property
    def search(self) -> centre.Search:
        return centre.Search(self.neighbours, self.projections, self.candidates, self.random_seed)


@dataclass(frozen=True)
class Census:
    """What was found in one matrix.

    rows: a row per row of the matrix, in its order: vector, population, exponent_distance,
    lattice_max, lattice_sum, distance, norm, at_power_of_two, within_cut, component, core; missing
    where it has no place on the lattice. vectors: a row per black hole and per vector within the
    cut, the most populous first. components: a row per component of the vectors within the cut.
    summary: of JSON.
    """

    rows: pd.DataFrame
    vectors: pd.DataFrame
    components: pd.DataFrame
    summary: dict[str, Any]


def take(bits: np.ndarray, form: Format, padded: np.ndarray, rules: Rules) -> Census | None:
    """The census of (n, D) bits, of which the rows in `padded`, (n,) bool, belong to no token.

    None if no token's row is finite.
    """
    finite = ~np.concatenate(
        [
            formats.has_nonfinite(bits[s : s + distances.ROWS_AT_ONCE], form)
            for s in range(0, len(bits), distances.ROWS_AT_ONCE)
        ]
    )
    counted = np.flatnonzero(finite & ~padded)
    if not len(counted):
        return None
    own = _chosen(bits, counted)
    found = populations.of_rows(own)
    middle = centre.find(found, own, form, rules.search)
    home = int(found.label[middle])  # the vector of the centre
    far = distances.from_row(own, form, own[middle])
    rows = far.assign(
        vector=found.label,
        population=found.size[found.label],
        within_cut=far["exponent_distance"] <= rules.exponent_cut,
    )
    vectors = rows.iloc[found.first].assign(row=counted[found.first]).reset_index(drop=True)
    inside = np.flatnonzero(vectors["within_cut"])
    order = formats.order_index(own[found.first[inside]], form)
    near = adjacency.neighbours(order, rules.pair_limit)
    vectors = vectors.assign(**_by_component(near, inside, vectors, home))
    apart = _counted_apart(bits, padded & finite, own, found)
    vectors["padded_rows"] = apart.pop("of_vector")
    of_vector = {name: vectors[name].to_numpy()[found.label] for name in ("component", "core")}
    rows = rows.assign(**of_vector)
    components = _components(vectors, near, inside)
    summary = {
        "rows": len(bits),
        "dimensions": bits.shape[1],
        "nonfinite_rows": int((~finite).sum()),
        "padded": apart,
        "tokens": len(counted),
        **_holes(vectors),
        "at_power_of_two": _means(rows),
        "centre": _centre(vectors.iloc[home], int(counted[middle])),
        "exponents": _exponents(far["exponent_distance"].to_numpy(), rules),
        "within_cut": _within(vectors, own[found.first[inside]], form),
        "adjacency": _adjacency(near, rules.pair_limit, components),
        "geography": _geography(vectors, rules.shells),
    }
    shown = vectors[(vectors["population"] > 1) | vectors["within_cut"]]
    everyone = _written(rows.set_index(counted)).reindex(range(len(bits)))
    return Census(everyone, _written(shown), _written(components), summary)


def _chosen(bits: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """These rows, ascending; without a copy where they lie side by side."""
    if rows[-1] - rows[0] + 1 == len(rows):
        return bits[rows[0] : rows[-1] + 1]
    return bits[rows]


def _written(table: pd.DataFrame) -> pd.DataFrame:
    """As it is written: whole numbers that may be missing, flags as 0 and 1."""
    whole = {n: "Int64" for n in table.columns if table[n].dtype.kind in "ib"}
    table = table.astype(whole)
    if "component" in table:
        table["component"] = table["component"].mask(table["component"] == OUTSIDE)
    return table


def _counted_apart(bits, apart: np.ndarray, own, found) -> dict[str, Any]:
    """What padded rows hold: how many vectors, and which of those that tokens have."""
    of_vector = np.zeros(len(found.size), np.int64)
    if not apart.any():
        return {"rows": 0, "vectors": 0, "on_vectors_of_tokens": 0, "of_vector": of_vector}
    alone = populations.of_rows(bits[apart])
    leaders = bits[apart][alone.first]
    # Only rows of a hash in common are looked at: a copy of all vectors would be a second matrix.
    alike = np.isin(populations.hashes(own), populations.hashes(leaders))
    vector_of = {own[row].tobytes(): found.label[row] for row in np.flatnonzero(alike)}
    for leader, size in zip(leaders, alone.size, strict=True):
        if leader.tobytes() in vector_of:
            of_vector[vector_of[leader.tobytes()]] = size
    return {
        "rows": int(apart.sum()),
        "vectors": len(alone.size),
        "largest_population": int(alone.size[0]),
        "on_vectors_of_tokens": int(of_vector.sum()),
        "of_vector": of_vector,
    }


def _by_component(
    near, inside: np.ndarray, vectors: pd.DataFrame, home: int
) -> dict[str, np.ndarray]:
    """component: by the number of its tokens, the largest 0; core: whether it holds the centre."""
    component = np.full(len(vectors), OUTSIDE)
    core = np.zeros(len(vectors), bool)
    if near.pairs is not None:
        ends = near.pairs["first"], near.pairs["second"]
        graph = coo_array((np.ones(len(ends[0])), ends), shape=(len(inside),) * 2)
        label = connected_components(graph, directed=False)[1]
        tokens = np.bincount(label, vectors["population"].to_numpy()[inside])
        first = np.full(len(tokens), len(label))
        np.minimum.at(first, label, np.arange(len(label)))
        place = np.empty(len(tokens), np.int64)
        place[np.lexsort((first, -tokens))] = np.arange(len(tokens))
        component[inside] = place[label]
        core[inside] = component[inside] == component[home]
    return {"component": component, "core": core}


def _components(vectors: pd.DataFrame, near, inside: np.ndarray) -> pd.DataFrame:
    of = vectors.iloc[inside].groupby("component")
    table = pd.DataFrame(
        {
            "vectors": of.size(),
            "tokens": of["population"].sum(),
            "black_holes": of["population"].agg(lambda sizes: int((sizes > 1).sum())),
            "largest_population": of["population"].max(),
            "core": of["core"].any(),
            "distance_min": of["distance"].min(),
            "distance_max": of["distance"].max(),
        }
    )
    if near.pairs is None:
        return table.iloc[:0].reset_index()
    owner = vectors["component"].to_numpy()[inside][near.pairs["first"]]
    kinds = [*adjacency.KINDS.values(), adjacency.CORNER]
    for kind in kinds:
        here = owner[(near.pairs["kind"] == kind).to_numpy()]
        table[f"{kind}_edges"] = np.bincount(here, minlength=len(table))
    return table.reset_index()


def _means(rows: pd.DataFrame) -> dict[str, float | None]:
    """The share of elements that are at a power of two: of tokens within the cut, and of others."""
    inside = rows["within_cut"].to_numpy(bool)
    of = {"within_cut": rows[inside], "others": rows[~inside]}
    return {
        # Exact, so that the order of rows does not count.
        name: math.fsum(part["at_power_of_two"]) / len(part) if len(part) else None
        for name, part in of.items()
    }


def _holes(vectors: pd.DataFrame) -> dict[str, Any]:
    sizes = vectors["population"][vectors["population"] > 1]
    return {
        "vectors": len(vectors),
        "black_holes": len(sizes),
        "black_hole_tokens": int(sizes.sum()),
        "largest_population": int(vectors["population"].max()),
        "populations": sizes.tolist(),
    }


def _centre(own: pd.Series, row: int) -> dict[str, Any]:
    return {
        "by": "most_populous_black_hole" if own["population"] > 1 else "densest_neighbourhood",
        "row": row,
        "population": int(own["population"]),
        "norm": float(own["norm"]),
    }


def _exponents(distance: np.ndarray, rules: Rules) -> dict[str, Any]:
    counts = distances.counts_within(distance, rules.exponents_shown)
    found = distances.plateau(counts, rules.plateau_growth)
    return {"cut": rules.exponent_cut, "counts": counts, "plateau": found}


def _within(vectors: pd.DataFrame, bits: np.ndarray, form: Format) -> dict[str, Any]:
    """width: of the narrowest box along the axes, its longest side."""
    inside = vectors[vectors["within_cut"]]
    holes = inside["population"] > 1
    low, high = np.full(bits.shape[1], np.inf), np.full(bits.shape[1], -np.inf)
    for start in range(0, len(bits), distances.ROWS_AT_ONCE):
        values = formats.values(bits[start : start + distances.ROWS_AT_ONCE], form)
        low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
    return {
        "vectors": len(inside),
        "tokens": int(inside["population"].sum()),
        "black_holes": int(holes.sum()),
        "black_hole_tokens": int(inside["population"][holes].sum()),
        "singletons": int((~holes).sum()),
        "width": float((high - low).max()),
    }


def _adjacency(near, limit: int, components: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {"candidate_pairs": near.candidates, "pair_limit": limit}
    if near.pairs is None:
        return found | dict.fromkeys(
            ("pairs", "kinds", "lattice_sums", "components", "largest_component")
        )
    counts = near.pairs["l1"].value_counts().sort_index()
    largest = components.sort_values(["vectors", "tokens"], ascending=False).iloc[0]
    names = ("vectors", "tokens", "black_holes")
    return found | {
        "pairs": len(near.pairs),
        "kinds": {
            kind: int((near.pairs["kind"] == kind).sum())
            for kind in (*adjacency.KINDS.values(), adjacency.CORNER)
        },
        "lattice_sums": {str(l1): int(count) for l1, count in counts.items()},
        "components": len(components),
        "largest_component": {name: int(largest[name]) for name in names},
    }


def _geography(vectors: pd.DataFrame, shells: int) -> dict[str, Any]:
    inside = vectors[vectors["within_cut"]]
    farthest = float(inside["distance"].max())
    edges = np.linspace(0, farthest or 1.0, shells + 1)
    shell = np.clip(np.searchsorted(edges, inside["distance"], "right") - 1, 0, shells - 1)
    n_vectors = np.bincount(shell, minlength=shells)
    n_tokens = np.bincount(shell, inside["population"], minlength=shells).astype(int)
    parts = {"core": inside[inside["core"]], "outskirts": inside[~inside["core"]]}
    return {
        "farthest": farthest,
        "norm_min": float(inside["norm"].min()),
        "norm_max": float(inside["norm"].max()),
        **{
            name: {
                "vectors": len(part),
                "tokens": int(part["population"].sum()),
                "distance_min": float(part["distance"].min()),
                "distance_max": float(part["distance"].max()),
            }
            for name, part in parts.items()
        },
        "shells": [
            {
                "from": float(edges[number]),
                "to": float(edges[number + 1]),
                "vectors": int(n_vectors[number]),
                "tokens": int(n_tokens[number]),
                "tokens_per_vector": float(n_tokens[number] / n_vectors[number])
                if n_vectors[number]
                else None,
            }
            for number in range(shells)
        ],
    }
