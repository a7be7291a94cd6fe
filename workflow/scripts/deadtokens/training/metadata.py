"""metadata.json of a run: the keys of the notebooks to the letter, and its provenance."""

import datetime
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from deadtokens.training import machine
from deadtokens.training.loop import Outcome
from deadtokens.training.recording import Masks
from deadtokens.training.settings import RunSettings
from deadtokens.trajectory import Field

COPIED = (
    *("total_steps", "batch_size", "seq_len", "learning_rate", "weight_decay", "beta1", "beta2"),
    *("epsilon", "vocab_size", "hidden_dim", "num_layers", "num_heads"),
    *("random_seed", "motion_threshold"),
)


def describe(
    settings: RunSettings,
    masks: Masks,
    outcome: Outcome,
    fields: Mapping[str, Field],
    code: str,
    inputs: Mapping[str, str],
) -> dict[str, Any]:
    """The metadata of a finished run.

    `fields` are those of its trajectory, `code` is a digest of what computed it and `inputs` maps
    the name of each input to the digest of its content. Dates differ from run to run, so they stand
    here and nowhere in the trajectory.
    """
    last = outcome.last_motion_step
    shapes = {name: list(shape) for name, (_, shape) in fields.items()}
    return {
        "experiment": settings.experiment,
        "series": settings.series,
        "date": datetime.date.today().isoformat(),
        **{key: getattr(settings, key) for key in COPIED},
        "n_dead_tokens": len(masks.dead_indices),
        "final_loss": outcome.final_loss,
        "total_epochs": outcome.epochs,
        "device": settings.device,
        "global_last_motion": int(last.max()),
        "tokens_still_moving": int((last == settings.total_steps).sum()),
        # The notebooks list what a run measured, not the masks that it was given.
        "data_shapes": {k: shape for k, shape in shapes.items() if not k.startswith("dead_")},
        "notes": settings.notes,
        "provenance": {
            "settings": asdict(settings),
            "code": code,
            "inputs": dict(inputs),
            "versions": machine.versions(),
            "device": settings.device,
            "threads": settings.threads,
            "machine": machine.described(),
        },
    }
