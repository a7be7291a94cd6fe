"""Does a resumed run begin where another stopped, and as if it never had stopped? Bit for bit.

What is compared is the same for every run here: the rows of untrained tokens, and losses. Steps are
those of the run without a break; the seam lies after step `seam`.
"""

from collections.abc import Iterator

import numpy as np

from deadtokens.errors import UserError

Pairs = Iterator[tuple[int, np.ndarray, np.ndarray]]  # (own step of row 0, found, expected)


def check_rows(name: str, source: str, pairs: Pairs, ids: np.ndarray, seam: int) -> int:
    """How many rows after the first agree in every bit; UserError names step and token otherwise.

    Rows (k, n, D) are bit patterns of the tokens `ids` (n,), row 0 of all being the state at the
    seam, from which the run resumes.
    """
    last = 0
    for own_step, found, expected in pairs:
        if found.shape != expected.shape:
            raise UserError(
                f"{name}: rows of shape {found.shape} where {source} has {expected.shape} after "
                f"step {seam + own_step}. Is one of them too short, or of another model?"
            )
        steps, tokens = np.nonzero((found != expected).any(axis=2))
        if len(steps):
            step = seam + own_step + steps[0]
            where = "where it begins" if step == seam else f"{step - seam} after the seam"
            others = int((steps == steps[0]).sum()) - 1
            raise UserError(
                f"{name}: token {ids[tokens[0]]} differs from {source} after step {step}, {where}; "
                f"so do {others} others of {len(ids)}. The same bits were expected: is one the "
                "trajectory of another run, of other settings or of another machine?"
            )
        last = own_step + len(found) - 1
    return last


def check_losses(
    name: str, source: str, found: np.ndarray, expected: np.ndarray, seam: int
) -> None:
    """UserError unless the losses of the steps after the seam agree in every bit.

    Bit patterns, (F,) each, the first of them of the first step after the seam.
    """
    differing = np.flatnonzero(found != expected)
    if len(differing):
        raise UserError(
            f"{name}: its loss differs from that of {source} at step {seam + 1 + differing[0]}, "
            f"{1 + differing[0]} after the seam. The same bits were expected."
        )
