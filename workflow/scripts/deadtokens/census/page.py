"""The page of a census: what it holds of each matrix and reading.

Tables in, HTML out: the columns of tokens.csv, vectors.csv and components.csv, packed by
`pages.columns`, beside all of census.json.
"""

from collections.abc import Mapping

import pandas as pd

from deadtokens.errors import UserError
from deadtokens.files.documents import Maybe
from deadtokens.pages import parts
from deadtokens.pages.columns import Held

PLACE = ("matrix", "reading")
# How a column is held, by table, in the order in which the page shows them.
TOKENS = {
    **{"token_id": "whole", "token": "text", "script": "labels", "kind": "labels"},
    **{"reachable": "labels", "dead": "whole", "vector": "whole", "population": "whole"},
    **{"component": "whole", "exponent_distance": "whole", "distance": "real", "norm": "real"},
    **{"cosine_distance": "real", "unused_distance": "real", "at_power_of_two": "real"},
}
VECTORS = {
    **{"vector": "whole", "population": "whole", "component": "whole", "first_token": "whole"},
    **{"padded_rows": "whole", "exponent_distance": "whole", "lattice_max": "real"},
    **{"lattice_sum": "real", "distance": "real", "norm": "real", "at_power_of_two": "real"},
}
COMPONENTS = {"component": "whole", "vectors": "whole", "tokens": "whole", "black_holes": "whole"}
# The page shows them as one: in the core, in the outskirts, or outside of the structure.
FLAGS = ("within_cut", "core")
PARTS = {(1, 1): "core", (1, 0): "outskirts", (0, 0): "outside"}
TEXT = (*PLACE, "token", "script", "kind", "reachable")

_READING = {
    **{"rows": int, "dimensions": int, "nonfinite_rows": int, "tokens": int, "vectors": int},
    **{"black_holes": int, "black_hole_tokens": int, "largest_population": int},
    "populations": [int],
    "at_power_of_two": {"within_cut": Maybe(float), "others": Maybe(float)},
    "padded": {"rows": int, "vectors": int},
    "centre": {"by": str, "token_id": int, "population": int, "norm": float},
    "exponents": {
        **{"cut": int, "counts": [int]},
        "plateau": Maybe({"first": int, "last": int, "tokens": int}),
    },
    "within_cut": {
        **{"vectors": int, "tokens": int, "black_holes": int, "black_hole_tokens": int},
        **{"singletons": int, "width": float},
    },
    "adjacency": {
        **{"candidate_pairs": int, "pair_limit": int, "pairs": Maybe(int)},
        **{"components": Maybe(int), "kinds": Maybe({str: int})},
        "largest_component": Maybe({"vectors": int, "tokens": int, "black_holes": int}),
    },
    "geography": {
        **{"farthest": float, "norm_min": float, "norm_max": float},
        **{name: {"vectors": int, "tokens": int} for name in ("core", "outskirts")},
    },
}
_GROUP = {
    **{"by": str, "value": str, "tokens": int, "black_hole": int, "within_cut": int},
    **{"norm_median": Maybe(float), "cosine_distance_median": Maybe(float)},
}
_MATRIX = {
    **{"tensor": str, "format": str, "readings": {str: _READING}, "groups": [_GROUP]},
    "indicators": {"known_unused": int, "truth_is": str, "areas": {str: Maybe(float)}},
}
# What the page says of census.json.
SUMMARY = {
    **{"census": str, "tied": bool, "exponent_cut": int},
    "run": Maybe({"run": str, "step": int}),
    "matrices": {str: _MATRIX},
}


def html(
    shown: Mapping[str, str],
    summary: Mapping,
    tokens: pd.DataFrame,
    vectors: pd.DataFrame,
    components: pd.DataFrame,
) -> str:
    """The page. shown: its parts, as `named_parts` has them; summary: of shape SUMMARY.

    The tables have the columns of TOKENS, VECTORS, COMPONENTS, of PLACE, and FLAGS of tokens and
    vectors. UserError if their rows are not those that the summary counts.
    """
    held = Held()
    readings = [
        {
            **{"matrix": matrix, "reading": reading},
            "tokens": _tokens(_of(tokens, matrix, reading, found["rows"]), held),
            "vectors": _columns(_of(vectors, matrix, reading), VECTORS, held),
            "components": _columns(_of(components, matrix, reading), COMPONENTS, held),
        }
        for matrix, about in summary["matrices"].items()
        for reading, found in about["readings"].items()
    ]
    return parts.filled(shown, {"summary": summary, "readings": readings}, held.elements)


def _of(table: pd.DataFrame, matrix: str, reading: str, rows: int | None = None) -> pd.DataFrame:
    found = table[(table["matrix"] == matrix) & (table["reading"] == reading)]
    if rows is not None and len(found) != rows:
        raise UserError(
            f"the table of tokens has {len(found):,} rows of {matrix}, {reading}, and the summary "
            f"counts {rows:,}: give the files of one census."
        )
    return found


def _tokens(table: pd.DataFrame, held: Held) -> dict:
    flags = zip(*(table[name].fillna(-1).astype(int) for name in FLAGS), strict=True)
    found = _columns(table, TOKENS, held)
    found["columns"]["structure"] = held.labels([PARTS.get(pair, "") for pair in flags])
    return found


def _columns(table: pd.DataFrame, kinds: Mapping[str, str], held: Held) -> dict:
    """How each column is held, but those of which every row is missing: number of rows, columns."""
    columns = {}
    for name, kind in kinds.items():
        values = table[name]
        missing = (values == "") if name in TEXT else values.isna()
        if missing.all() and name != "token":
            continue
        if kind == "whole":
            columns[name] = held.whole(name, values)
        elif kind == "real":
            columns[name] = held.real(values)
        else:
            columns[name] = getattr(held, kind)(values)
    return {"rows": len(table), "columns": columns}
