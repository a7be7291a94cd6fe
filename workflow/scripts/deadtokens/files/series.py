"""What each published series calls the quantities of a trajectory, for those who read its files."""

from deadtokens.errors import UserError

# Name in the file, and the step that row 0 belongs to. A row 0 of zeros stands for what does not
# exist before the first step (gradients of Thimble and Wordybird). A test holds this to what
# training writes.
Stored = tuple[str, int]

CRUCIBLE: dict[str, Stored] = {
    "W": ("W", 0),
    "m": ("m", 0),
    "v": ("v", 0),
    "g": ("g", 1),
    "p_mean": ("p_mean", 1),
}
THIMBLE: dict[str, Stored] = {
    "W": ("W", 0),
    "m": ("momentum_W", 0),
    "v": ("variance_W", 0),
    "g": ("grad_W", 0),
    "p_mean": ("p_mean", 1),
}
WORDYBIRD: dict[str, Stored] = {
    "W": ("embeddings", 0),
    "m": ("momentum", 0),
    "v": ("variance", 0),
    "g": ("grads", 0),
    "p_mean": ("p_mean", 1),
}
SERIES = {"crucible": CRUCIBLE, "thimble": THIMBLE, "wordybird": WORDYBIRD}


def stored(naming: str) -> dict[str, Stored]:
    """The quantities of tokens that a series may record; UserError if there is no such series."""
    if naming not in SERIES:
        raise UserError(f"naming: {naming!r}, expected one of {', '.join(SERIES)}.")
    return SERIES[naming]
