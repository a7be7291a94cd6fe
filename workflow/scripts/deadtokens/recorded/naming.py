"""How each published series names and stores what a run records: one table, data only.

The code calls a quantity by one name everywhere: W, m, v, g. In a file each series has a name, a
dtype and a first step of its own for it. Training writes by this table and analyses read by it.
"""

from dataclasses import dataclass

from deadtokens.errors import UserError


@dataclass(frozen=True)
class Stored:
    """A quantity in a file: its name, its dtype, and the step that row 0 belongs to.

    What does not exist yet at step 0 (gradients, logits) is zeros in a row 0; a loss is NaN.
    U16 and BF16 both hold the bits of bfloat16 values.
    """

    name: str
    dtype: str
    first: int


CRUCIBLE = {
    "W": Stored("W", "U16", 0),
    "m": Stored("m", "F32", 0),
    "v": Stored("v", "F32", 0),
    "g": Stored("g", "F32", 1),
    "delta_W_prime": Stored("delta_W_prime", "F32", 1),
    "centroid": Stored("centroid", "F32", 0),
    "h_mean": Stored("h_mean", "F32", 1),
    "p_mean": Stored("p_mean", "F32", 1),
    "logits": Stored("logits", "F32", 1),
    "loss": Stored("loss", "F32", 0),
}
THIMBLE = CRUCIBLE | {
    "g": Stored("grad_W", "U16", 0),
    "m": Stored("momentum_W", "U16", 0),
    "v": Stored("variance_W", "U16", 0),
    "loss": Stored("losses", "F32", 0),
}
WORDYBIRD = CRUCIBLE | {
    "W": Stored("embeddings", "BF16", 0),
    "g": Stored("grads", "BF16", 0),
    "m": Stored("momentum", "BF16", 0),
    "v": Stored("variance", "BF16", 0),
    "logits": Stored("logits", "BF16", 0),
    "loss": Stored("losses", "BF16", 0),
}
SERIES = {"crucible": CRUCIBLE, "thimble": THIMBLE, "wordybird": WORDYBIRD}

STATE = ("W", "m", "v")  # of a token: there before the first step, and after each
MADE = ("g", "p_mean")  # of a token: made in a step


def stored(naming: str) -> dict[str, Stored]:
    """What a series calls the quantities that it may record; UserError if there is no such one."""
    if naming not in SERIES:
        raise UserError(f"naming: {naming!r}, expected one of {', '.join(SERIES)}.")
    return SERIES[naming]
