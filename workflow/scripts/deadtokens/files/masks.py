"""Masks in files: which tokens are dead, and that nothing beside the mask contradicts it.

Flannel speaks of dead and live tokens, Wordybird of untrained and trained ones, Thimble 7 of ids in
place of indices. Only what is wanted is read: other tensors may be of any dtype.
"""

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files.access import Reader

# Of each family: what dead tokens are called, and what those are called that live.
FAMILIES = (("dead", "live"), ("untrained", "trained"))
COUNTS = "token_occurrence_counts"
AS_INDICES = ("indices", "ids")
EXAMPLES = 5  # in a message


def mask_name(file: Reader) -> str | None:
    """The name of the mask of dead tokens in a file; None if it has none."""
    there = file.fields.keys() | file.foreign.keys()
    return next((f"{dead}_mask" for dead, _ in FAMILIES if f"{dead}_mask" in there), None)


def read_dead(file: Reader, numbers_too: bool = False) -> np.ndarray:
    """Which tokens are dead, (V,) bool, of which there is one at least.

    With `numbers_too` the masks may be numbers as well, 0 and 1. UserError if there is no mask, a
    flag is neither true nor false, no token is dead, or indices, counts or the mask of live tokens
    contradict it.
    """
    name = mask_name(file)
    file.require(name or f"{FAMILIES[0][0]}_mask")
    mask = _flags(file, name, numbers_too)
    if not mask.any():
        raise UserError(
            f"{file.path}: {name} marks none of its {len(mask)} entries, so there is nothing to "
            "record; expected one flag for each entry of the vocabulary, and a dead token at least."
        )
    for dead, live in FAMILIES:
        for word, flag in ((dead, True), (live, False)):
            _check_mask(file, f"{word}_mask", name, mask == flag, numbers_too)
            for ending in AS_INDICES:
                _check_indices(file, f"{word}_{ending}", name, mask, flag)
    _check_counts(file, name, mask)
    return mask


def counts(file: Reader, length: int) -> np.ndarray | None:
    """How often each token occurs, (V,), as a file of masks says; None if it does not."""
    if COUNTS not in _there(file):
        return None
    file.require(COUNTS)
    found = file.read(COUNTS)
    if found.dtype.kind not in "iu" or found.shape != (length,) or (found < 0).any():
        raise _contradiction(
            file, f"{COUNTS} is {_kind(file, COUNTS)}, expected {length} whole numbers from 0 on"
        )
    return found


def _flags(file: Reader, name: str, numbers_too: bool) -> np.ndarray:
    file.require(name)
    dtype, shape = file.fields[name]
    if len(shape) != 1 or (dtype != "BOOL" and not numbers_too):
        raise UserError(
            f"{file.path}: {name} is {_kind(file, name)}; expected one flag for each entry of the "
            "vocabulary, BOOL (V,). Make the masks again."
        )
    values = file.read(name)
    if dtype == "BOOL":
        values = values.view(np.uint8)  # a byte of 2 is no flag, but numpy takes it for true
    elif dtype == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)  # its bits, widened
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if len(wrong):
        first = ", ".join(f"{values[i]:g} at {i}" for i in wrong[:EXAMPLES])
        raise UserError(
            f"{file.path}: {name} has {len(wrong)} values that are neither 0 nor 1, first of all "
            f"{first}; expected one flag for each entry of the vocabulary, and nothing in between. "
            "Make the masks again."
        )
    return values == 1


def _check_mask(file: Reader, name: str, by: str, expected: np.ndarray, numbers_too: bool) -> None:
    if name == by or name not in _there(file):
        return
    found = _flags(file, name, numbers_too)
    if found.shape != expected.shape:
        raise _contradiction(file, f"{name} has {len(found)} flags, but {by} {len(expected)}")
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        raise _contradiction(
            file, f"{name} contradicts {by} at {len(wrong)} entries, first of all {_some(wrong)}"
        )


def _check_indices(file: Reader, name: str, by: str, mask: np.ndarray, flag: bool) -> None:
    if name not in _there(file):
        return
    file.require(name)
    found, places = file.read(name), np.flatnonzero(mask == flag)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise _contradiction(
            file, f"{name} is {_kind(file, name)}, expected a row of whole numbers"
        )
    if not np.array_equal(found, places):
        raise _contradiction(
            file,
            f"{name} ({len(found)}) are not the ascending places where {by} is "
            f"{str(flag).lower()} ({len(places)})",
        )


def _check_counts(file: Reader, name: str, mask: np.ndarray) -> None:
    occurring = counts(file, len(mask))
    if occurring is None:
        return
    wrong = np.flatnonzero(mask & (occurring > 0))
    if len(wrong):
        first = ", ".join(f"{i} ({occurring[i]} times)" for i in wrong[:EXAMPLES])
        raise _contradiction(
            file, f"{name} marks {len(wrong)} tokens that occur by {COUNTS}, first of all {first}"
        )


def _there(file: Reader) -> set[str]:
    return file.fields.keys() | file.foreign.keys()


def _kind(file: Reader, name: str) -> str:
    dtype, shape = file.fields[name]
    return f"{dtype} {shape}"


def _some(places: np.ndarray) -> str:
    return ", ".join(str(place) for place in places[:EXAMPLES])


def _contradiction(file: Reader, what: str) -> UserError:
    return UserError(f"{file.path}: {what}. Make the masks again, or leave out what is not theirs.")
