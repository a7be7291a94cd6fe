"""What a trajectory says of its own run: attributes, constants, and the metadata.json beside it.

Values are given by the names that the configuration has for them.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deadtokens.errors import UserError
from deadtokens.files import documents
from deadtokens.files.access import Reader
from deadtokens.files.documents import IfThere

log = logging.getLogger("fimbulwinter")

# Thimble 7's attributes by the configuration's names; the others have the same name in both.
ATTRIBUTES = {
    **{"n_layers": "num_layers", "n_heads": "num_heads", "num_steps": "total_steps"},
    **{"adam_beta1": "beta1", "adam_beta2": "beta2", "adam_epsilon": "epsilon"},
    **{"init_scale": "init_std", "seed": "random_seed", "n_live": "n_live", "n_dead": "n_dead"},
    **{name: name for name in ("vocab_size", "hidden_dim", "batch_size", "learning_rate")},
    "weight_decay": "weight_decay",
}
# Wordybird's scalars.
CONSTANTS = {
    **{"init_scale": "init_std", "learning_rate": "learning_rate", "adam_beta1": "beta1"},
    **{"weight_decay": "weight_decay", "adam_beta2": "beta2", "n_trained": "n_live"},
    "n_untrained": "n_dead",
}
METADATA = {"n_dead_tokens": "n_dead", "n_live_tokens": "n_live"}
SHAPES = {"data_shapes": IfThere({str: [int]}), "provenance": IfThere(dict)}
# Of a loss that is stored in bfloat16: half a lattice cell, relative to the value.
HALF_CELL = 2.0**-8


def by_file(file: Reader, naming: str) -> dict[str, Any]:
    """What the file itself says; nothing of a series that says nothing."""
    if naming == "thimble":
        found = getattr(file, "attributes", {})
        return {key: found[name] for name, key in ATTRIBUTES.items() if name in found}
    if naming == "wordybird":
        there = {name: key for name, key in CONSTANTS.items() if name in file.fields}
        return {key: file.read(name).item() for name, key in there.items()}
    return {}


def metadata(path: Path | None, file: Reader) -> dict[str, Any] | None:
    """The metadata.json of this trajectory; None if there is none, or it is of another file.

    Several trajectories may lie in one folder: metadata.json belongs to that one whose shapes it
    lists. UserError if it cannot be read.
    """
    if path is None:
        return None
    found = documents.read(path, SHAPES)
    shapes = found.get("data_shapes", {})
    fields = {name: list(file.fields[name][1]) for name in shapes if name in file.fields}
    if not shapes or fields != shapes:
        log.warning("%s lists other data_shapes than %s has; it is not used", path, file.path)
        return None
    return found


def by_metadata(found: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """What metadata.json says of those keys of the configuration, and of the number of tokens."""
    names = {key: key for key in keys} | METADATA
    stated = {key: found[name] for name, key in names.items() if name in found}
    settings = found.get("provenance", {}).get("settings", {})
    return stated | {key: value for key, value in settings.items() if key in keys}


def check_loss(path: Path, found: Mapping[str, Any], final: float, is_bfloat16: bool) -> float:
    """The loss of the last step as metadata.json has it, which may be more exact than the file's.

    UserError if it is another one.
    """
    loss = found.get("final_loss")
    if not isinstance(loss, int | float):
        return final
    allowed = HALF_CELL * abs(final) if is_bfloat16 else 2.0**-24 * abs(final)
    if abs(loss - final) > allowed:
        raise UserError(
            f"{path}: final_loss is {loss}, but the trajectory ends with {final}. They are of two "
            "runs: move metadata.json away, or give the trajectory that it belongs to."
        )
    return float(loss)
