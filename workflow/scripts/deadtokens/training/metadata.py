"""metadata.json of a run: the keys of the notebooks to the letter, and its provenance."""

import datetime
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from deadtokens.errors import UserError
from deadtokens.training import machine, matmul
from deadtokens.training.loop import Outcome
from deadtokens.training.masks import Masks
from deadtokens.training.naming import NAMINGS
from deadtokens.training.recording import layout
from deadtokens.training.settings import RunSettings, choice

COPIED = (
    *("total_steps", "batch_size", "seq_len", "learning_rate", "weight_decay", "beta1", "beta2"),
    *("epsilon", "vocab_size", "hidden_dim", "num_layers", "num_heads", "random_seed"),
)
# What a notebook chose to say of its run, beside the keys that all have.
STATISTICS = {
    "n_live_tokens": lambda settings, masks, last: len(masks.live_indices),
    "global_last_motion": lambda settings, masks, last: int(last.max()),
    "fimbulwinter_duration": lambda settings, masks, last: settings.total_steps - int(last.max()),
    "tokens_still_moving": lambda settings, masks, last: int((last == settings.total_steps).sum()),
}
OF_MOTION = ("global_last_motion", "fimbulwinter_duration", "tokens_still_moving")


def check(settings: RunSettings) -> None:
    """UserError if the run asks for a statistic that it cannot have."""
    for name in settings.statistics:
        choice("statistics", name, STATISTICS)
        if name in OF_MOTION and not settings.last_motion:
            raise UserError(
                f"statistics: {name} comes from last_motion_step, which the run does not follow. "
                "Set last_motion: true, or leave it out."
            )


def describe(
    settings: RunSettings,
    masks: Masks,
    outcome: Outcome,
    code: str,
    inputs: Mapping[str, str],
) -> dict[str, Any]:
    """The metadata of a finished run.

    `code` is a digest of what computed it and `inputs` maps the name of each input to the digest of
    its content. Dates differ from run to run, so they stand here and nowhere in the trajectory.
    """
    check(settings)
    device = machine.device(settings.device)
    last = outcome.last_motion_step
    threshold = {"motion_threshold": settings.motion_threshold} if settings.last_motion else {}
    fields = layout(settings, masks)
    fixed = NAMINGS[settings.naming].fixed(settings, masks)
    return {
        "experiment": settings.experiment,
        "series": settings.series,
        "date": datetime.date.today().isoformat(),
        **{key: getattr(settings, key) for key in COPIED},
        **threshold,
        "n_dead_tokens": len(masks.dead_indices),
        "final_loss": outcome.final_loss,
        "total_epochs": outcome.epochs,
        "device": device.type,
        **{
            name: statistic(settings, masks, last)
            for name, statistic in STATISTICS.items()
            if name in settings.statistics
        },
        # The notebooks list what a run measured, not what it was given.
        "data_shapes": {
            name: list(shape) for name, (_, shape) in fields.items() if name not in fixed
        },
        "notes": settings.notes,
        "provenance": {
            "settings": asdict(settings),
            "code": code,
            "inputs": dict(inputs),
            "versions": machine.versions(),
            "device": device.type,
            "matmul_backend": matmul.resolved(settings.matmul_backend, device),
            "threads": settings.threads,
            "machine": machine.described(device),
        },
    }
