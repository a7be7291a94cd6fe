"""The tokens of a run: a table of them, and a token by its text or id."""

import difflib
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from deadtokens import displacement
from deadtokens.errors import UserError
from deadtokens.freezing import freezing, stopping

NEAR = 5  # texts that a message proposes
LEAST_LIKENESS = 0.3  # of a text that it proposes, by difflib's ratio
UNKNOWN = "unknown"

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n, D) bit patterns), one row shared


def last_motion(weights: Chunks, threshold: float) -> np.ndarray:
    """The last step at which each token moves, (n,) int64, −1 for none, from the weights alone.

    Motion is |ΔW′|₂ of at least the threshold, as `displacement.norms` measures it.
    """
    return freezing.last_motion(_motion(weights), threshold)


def _motion(weights: Chunks) -> Chunks:
    """(first row, (k, n) |ΔW′|₂) of each chunk; a row that stays has not moved."""
    for start, rows in weights:
        l2 = np.zeros((len(rows) - 1, rows.shape[1]), np.float32)
        for i in range(len(l2)):
            goes = (rows[i] != rows[i + 1]).any(axis=1)
            l2[i, goes] = displacement.norms(rows[i][goes], rows[i + 1][goes])["l2"]
        yield start, l2


def table(
    ids: np.ndarray,
    texts: Sequence[str | None],
    scripts: Sequence[str | None],
    dead: np.ndarray,
    last: np.ndarray | None,
    steps: int,
    still_for: int,
) -> pd.DataFrame:
    """A row per recorded token, in the order of the trajectory's rows.

    `state`: `frozen` if the token was still throughout the last `still_for` steps, `censored` if
    not, for whether it would stop the run does not say; `unknown` where `last` is None.
    """
    moved_last = pd.Series([pd.NA] * len(ids) if last is None else last, dtype="Int64")
    still = steps - moved_last.clip(lower=0)
    if last is None:
        state = np.full(len(ids), UNKNOWN, object)
    else:
        state = np.where(stopping.stopped(last, steps, still_for), "frozen", "censored")
    return pd.DataFrame(
        {
            "token_id": ids,
            "token": pd.array(texts, dtype="str"),
            "script": pd.array(scripts, dtype="str"),
            "dead": dead,
            "last_motion_step": moved_last,
            "steps_still": still,
            "state": pd.array(state.tolist(), dtype="str"),
        }
    )


def row_of_id(number: int, ids: np.ndarray, dead_mask: np.ndarray) -> int:
    """The row of a token id; UserError if there is no such token, or none that was recorded."""
    if not 0 <= number < len(dead_mask):
        raise UserError(
            f"token {number}: there is none; the vocabulary has the ids 0 to {len(dead_mask) - 1}."
        )
    places = np.flatnonzero(ids == number)
    if not len(places):
        raise UserError(
            f"token {number} is live, and this run records the rows of dead tokens alone. Train a "
            "run with rows: all."
        )
    return int(places[0])


def id_of_text(text: str, vocabulary: Sequence[str], recorded: np.ndarray) -> int:
    """The id of the entry that stands for this text; UserError if there is none, or several.

    vocabulary: the text of every entry by its id. Of several, one that is recorded is taken if it
    is the only one.
    """
    found = np.array([number for number, entry in enumerate(vocabulary) if entry == text], int)
    if not len(found):
        near = difflib.get_close_matches(text, set(vocabulary), NEAR, LEAST_LIKENESS)
        like = f"near it are {', '.join(map(repr, near))}" if near else "nothing is near it"
        raise UserError(
            f"{text!r} is no token of this vocabulary; {like}. Give the text of one token, or its "
            "id; run.tokens has both."
        )
    of_rows = found[np.isin(found, recorded)]
    if len(of_rows) > 1 or (len(found) > 1 and not len(of_rows)):
        several = ", ".join(map(str, of_rows if len(of_rows) else found))
        raise UserError(
            f"{text!r} is the text of several tokens, {several}. Give the id of the one meant."
        )
    return int(of_rows[0] if len(of_rows) else found[0])
