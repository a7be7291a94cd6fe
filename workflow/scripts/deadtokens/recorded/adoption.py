"""A trajectory that was made elsewhere: examined, and what is written of it.

That is its masks, and metadata.json.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import hdf5
from deadtokens.files.access import Reader
from deadtokens.files.digests import Digests
from deadtokens.recorded import adopted, stated
from deadtokens.recorded import naming as names

# The keys of a run that its metadata.json repeats, as `training.metadata` has them.
COPIED = (
    *("experiment", "series", "total_steps", "batch_size", "seq_len", "learning_rate"),
    *("weight_decay", "beta1", "beta2", "epsilon", "vocab_size", "hidden_dim", "num_layers"),
    *("num_heads", "random_seed", "motion_threshold"),
)
# What only those know who made it.
OF_OTHERS = ("date", "total_epochs", "device")


def masks(dead: np.ndarray, naming: str) -> dict[str, np.ndarray]:
    """The arrays of a file of masks, in the words of the series; dead: (V,) bool."""
    words = ("trained", "untrained") if naming == "wordybird" else ("live", "dead")
    flags = dict(zip(words, (~dead, dead), strict=True))
    indices = {f"{word}_indices": np.flatnonzero(mask) for word, mask in flags.items()}
    return {f"{word}_mask": mask for word, mask in flags.items()} | indices


def examined(
    given: Path, settings: Mapping[str, Any], masks: Sequence[Path], metadata: Path | None
) -> tuple[np.ndarray, dict[str, Any]]:
    """Which tokens are dead, (V,) bool, and metadata.json but for the file's digests.

    settings: those of the run. masks: files that the trajectory's own must agree with. metadata:
    the one beside it. UserError, with all that is wrong of a kind, if the file is not that of the
    run.
    """
    if (settings["storage"] == "hdf5") != hdf5.is_hdf5(given):
        raise UserError(
            f"{given}: is {'HDF5' if hdf5.is_hdf5(given) else 'no HDF5'}, but runs."
            f"{settings['run']}.storage is {settings['storage']}. Set storage to what the file is."
        )
    with adopted.opened(given) as file:
        dead = adopted.dead_mask(file, settings, *masks)
        adopted.check_fields(file, settings, dead)
        says, found = stated.by_file(file, settings["naming"]), stated.metadata(metadata, file)
        adopted.check_settings(given, says, settings, dead)
        if found is not None:
            listed = stated.by_metadata(found, settings)
            adopted.check_settings(metadata, listed, settings, dead)
        adopted.check_rows(file, settings)
        return dead, described(file, settings, dead, says, found, metadata)


def described(
    file: Reader,
    settings: Mapping[str, Any],
    dead: np.ndarray,
    says: Mapping[str, Any],
    found: Mapping[str, Any] | None,
    metadata: Path | None,
) -> dict[str, Any]:
    """metadata.json but for the file's digests: settings, shapes, final loss, what was stated.

    says: what the file says of its run. found: its own metadata, read from the path `metadata`, or
    None. UserError if that has another final loss.
    """
    loss = names.stored(settings["naming"])["loss"].name
    final = adopted.final_loss(file, settings["naming"])
    if found is not None:
        is_bfloat16 = file.fields[loss][0] in adopted.BITS
        final = stated.check_loss(metadata, found, final, is_bfloat16)
    fixed = adopted.FIXED[settings["naming"]]
    shapes = {n: list(shape) for n, (_, shape) in file.fields.items() if n not in fixed}
    of_others = {key: found[key] for key in OF_OTHERS if key in (found or {})}
    theirs = (found or {}).get("provenance", {})
    return {
        **{key: settings[key] for key in COPIED if key in settings},
        **of_others,
        "n_dead_tokens": int(dead.sum()),
        "n_live_tokens": int((~dead).sum()),
        "final_loss": final,
        "data_shapes": shapes,
        "notes": settings["notes"],
        "provenance": {
            "settings": dict(settings),
            "versions": theirs.get("versions", {}),
            "machine": theirs.get("machine", {}),
            "adopted": {"stated": dict(says), "metadata": found},
        },
    }


def with_file(description: Mapping[str, Any], path: Path, digests: Digests) -> dict[str, Any]:
    """The same with what is known of the file: where it lay, its size and digests."""
    of_file = {
        "file": str(path.absolute()),
        "bytes": digests.checksums.size,
        "sha256": digests.sha256,
        "digest": digests.checksums.digest,
    }
    provenance = description["provenance"]
    return {
        **description,
        "provenance": {
            **provenance,
            "inputs": {"trajectory": digests.sha256},
            "adopted": of_file | provenance["adopted"],
        },
    }
