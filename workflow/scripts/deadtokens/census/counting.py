"""The census of a matrix in all its readings, beside what is known of its tokens.

A matrix of float16 or float32 is read twice: in its exact bits, and with its values rounded to
bfloat16, as a model is that is loaded so. A bfloat16 matrix has one reading.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deadtokens.census import formats, indicators, structure
from deadtokens.census.formats import BFLOAT16, Format
from deadtokens.census.structure import Rules
from deadtokens.census.tokens import PADDED, UNUSED
from deadtokens.errors import UserError
from deadtokens.statistics import correlation

ROWS_AT_ONCE = 4096
OURS = ("black_hole", "within_cut")
# Measures of a row, Magikarp's and ours: whether a large one is suspected or a small one.
LARGE, SMALL = 1, -1
MEASURES = {
    **{"cosine_distance": SMALL, "unused_distance": SMALL, "norm": SMALL},
    "at_power_of_two": LARGE,
}
NUMBERS = ("structure", "share", "truth")  # how many tokens an indicator flags
FIRST = ("matrix", "reading")


@dataclass(frozen=True)
class Matrix:
    """A matrix and whose rows it has. bits: (n, D). tokens: a row per row, as `tokens.describe` has
    it. dead: (n,) bool, None if nobody knows."""

    name: str
    bits: np.ndarray
    form: Format
    tokens: pd.DataFrame
    dead: np.ndarray | None = None


@dataclass(frozen=True)
class Counted:
    """What was found in a matrix: tables with the columns matrix and reading, and all in short."""

    vectors: pd.DataFrame
    tokens: pd.DataFrame
    components: pd.DataFrame
    summary: dict[str, Any]


def count(matrix: Matrix, rules: Rules, share: float, known_share: float) -> Counted:
    """The census of one matrix in all readings; UserError if none of its tokens' rows is finite.

    share: of tokens that every indicator flags; known_share: of reserved or dead tokens that the
    indicators are given as known unused.
    """
    padded = (matrix.tokens["kind"] == PADDED).to_numpy()
    measured, known = _measured(matrix, padded, known_share)
    found = {}
    for reading, bits, form in _readings(matrix):
        census = structure.take(bits, form, padded, rules)
        if census is None:
            raise UserError(
                f"{matrix.name}: not one row of a token is finite as {reading}; expected numbers. "
                "Check where it comes from."
            )
        found[reading] = census
    tables = {
        name: pd.concat([_labelled(getattr(of, name), matrix, r) for r, of in found.items()])
        for name in ("vectors", "components")
    }
    first = matrix.tokens["token_id"].to_numpy()
    tables["vectors"]["first_token"] = first[tables["vectors"].pop("row")]
    described = matrix.tokens.assign(dead=_flag(matrix.dead, len(padded)))
    rows = [
        _labelled(described.join(of.rows).join(measured.drop(columns="norm")), matrix, reading)
        for reading, of in found.items()
    ]
    for of in found.values():
        of.summary["centre"]["token_id"] = int(first[of.summary["centre"].pop("row")])
    summary = {
        "matrix": matrix.name,
        "format": matrix.form.name,
        "readings": {reading: of.summary for reading, of in found.items()},
        "groups": _groups(rows[0]),
        "indicators": _judged(rows[0], known, share),
    }
    return Counted(tables["vectors"], pd.concat(rows), tables["components"], summary)


def _readings(matrix: Matrix):
    yield matrix.form.name, matrix.bits, matrix.form
    if matrix.form is not BFLOAT16:
        rounded = np.empty(matrix.bits.shape, BFLOAT16.dtype)
        for start in range(0, len(rounded), ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            rounded[block] = formats.rounded_to_bfloat16(matrix.bits[block], matrix.form)
        yield BFLOAT16.name, rounded, BFLOAT16


def _measured(
    matrix: Matrix, padded: np.ndarray, known_share: float
) -> tuple[pd.DataFrame, np.ndarray]:
    """Magikarp's indicators of every finite row, and which rows they were given as known unused."""
    blocks = range(0, len(padded), ROWS_AT_ONCE)
    finite = ~np.concatenate(
        [formats.has_nonfinite(matrix.bits[s : s + ROWS_AT_ONCE], matrix.form) for s in blocks]
    )
    candidates = np.flatnonzero(_unused(matrix) & finite)
    number = int(np.ceil(known_share * len(candidates)))
    known = padded & finite
    known[candidates[np.arange(number) * len(candidates) // max(number, 1)]] = True
    # A matrix of dead tokens alone has nothing to set them apart from.
    comparable = matrix.dead is None or not matrix.dead.all()
    rows = np.flatnonzero(finite)
    if not len(rows):
        raise UserError(
            f"{matrix.name}: not one row is finite; expected numbers. Check where it comes from."
        )
    bits = matrix.bits if finite.all() else matrix.bits[rows]
    unused = np.flatnonzero(known[rows]) if comparable else None
    table = indicators.measure(bits, matrix.form, unused)
    return table.set_index(rows).reindex(range(len(finite))), known


def _unused(matrix: Matrix) -> np.ndarray:
    named = (matrix.tokens["kind"] == UNUSED).to_numpy()
    return named if matrix.dead is None else named | matrix.dead


def _flag(dead: np.ndarray | None, rows: int) -> pd.array:
    return pd.array([pd.NA] * rows if dead is None else dead.astype(int), dtype="Int64")


def _labelled(table: pd.DataFrame, matrix: Matrix, reading: str) -> pd.DataFrame:
    table = table.assign(matrix=matrix.name, reading=reading)
    return table[[*FIRST, *(name for name in table if name not in FIRST)]]


def _groups(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """How many tokens of each kind, script and reachability, and how many lie in the structure."""
    here = rows[rows["vector"].notna()]
    found = []
    for column in ("kind", "script", "reachable", "dead"):
        for value, of in here.groupby(column):
            if value == "":
                continue
            found.append(
                {
                    **{"by": column, "value": str(value), "tokens": len(of)},
                    "black_hole": int((of["population"] > 1).sum()),
                    "within_cut": int(of["within_cut"].sum()),
                    "norm_median": float(of["norm"].median()),
                    "cosine_distance_median": float(of["cosine_distance"].median()),
                }
            )
    return found


def _judged(rows: pd.DataFrame, known: np.ndarray, share: float) -> dict[str, Any]:
    """The indicators side by side, over tokens that were not given to them as known unused."""
    among = rows["vector"].notna().to_numpy() & ~known
    ours = {
        "black_hole": (rows["population"] > 1).fillna(False).to_numpy(bool) & among,
        "within_cut": rows["within_cut"].fillna(0).to_numpy(bool) & among,
    }
    dead = rows["dead"].fillna(0).to_numpy(bool)
    unused = ((rows["kind"] == UNUSED).to_numpy() | dead) & among
    sizes = int(ours["within_cut"].sum()), int(np.ceil(share * among.sum())), int(unused.sum())
    numbers = dict(zip(NUMBERS, sizes, strict=True))
    flags = {
        name: ours | indicators.flagged(rows, among, number, MEASURES)
        for name, number in numbers.items()
    }
    truth = {name: [] for name in NUMBERS}
    if 0 < unused.sum() < among.sum():
        truth = {
            name: indicators.against_truth({n: f[among] for n, f in of.items()}, unused[among])
            for name, of in flags.items()
        }
    return {
        "known_unused": int(known.sum()),
        "judged": int(among.sum()),
        "unused_among_judged": int(unused.sum()),
        "truth_is": "dead tokens" if rows["dead"].notna().any() else "reserved entries",
        "numbers": numbers,
        "agreement": indicators.agreement(flags["structure"], among),
        "truth": truth,
        "areas": _areas(rows, among, unused),
    }


def _areas(rows: pd.DataFrame, among: np.ndarray, unused: np.ndarray) -> Mapping[str, float | None]:
    """The probability that an unused token is suspected more than another one, by indicator: the
    area under its receiver operating characteristic. None where it is missing."""
    found: dict[str, float | None] = {}
    for name, sign in MEASURES.items():
        values, is_unused = rows[name].to_numpy(float)[among], unused[among]
        n = int(is_unused.sum())
        if not 0 < n < len(values) or np.isnan(values).any():
            found[name] = None
            continue
        below = correlation.ranks(sign * values)[is_unused].sum() - n * (n + 1) / 2
        found[name] = float(below / (n * (len(values) - n)))
    return found
