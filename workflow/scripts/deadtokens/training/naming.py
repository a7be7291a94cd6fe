"""What each published series stores beside what a run records: fixed fields, and attributes.

With the names of quantities (`recorded.naming`) a notebook written for one of the published files
opens ours unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deadtokens.recorded.naming import CRUCIBLE, THIMBLE, WORDYBIRD, Stored
from deadtokens.training.masks import Masks
from deadtokens.training.settings import RunSettings


@dataclass(frozen=True)
class Naming:
    """The fields of a series; `fixed` and `attributes` are values that no step changes."""

    stored: dict[str, Stored]
    fixed: Callable[[RunSettings, Masks], dict[str, np.ndarray]]
    attributes: Callable[[RunSettings, Masks], dict[str, Any]] = field(
        default=lambda settings, masks: {}
    )


def _crucible_masks(settings: RunSettings, masks: Masks) -> dict[str, np.ndarray]:
    return {"dead_mask": masks.dead_mask, "dead_indices": masks.dead_indices}


def _thimble_masks(settings: RunSettings, masks: Masks) -> dict[str, np.ndarray]:
    return {
        "live_mask": masks.live_mask,
        "dead_mask": masks.dead_mask,
        "live_ids": masks.live_indices,
        "dead_ids": masks.dead_indices,
    }


def _thimble_attributes(settings: RunSettings, masks: Masks) -> dict[str, Any]:
    return {
        "vocab_size": settings.vocab_size,
        "hidden_dim": settings.hidden_dim,
        "n_layers": settings.num_layers,
        "n_heads": settings.num_heads,
        "num_steps": settings.total_steps,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "adam_beta1": settings.beta1,
        "adam_beta2": settings.beta2,
        "adam_epsilon": settings.epsilon,
        "init_scale": settings.init_std,
        "seed": settings.random_seed,
        "n_live": len(masks.live_indices),
        "n_dead": len(masks.dead_indices),
    }


def _wordybird_constants(settings: RunSettings, masks: Masks) -> dict[str, np.ndarray]:
    return {
        "recorded_steps": np.arange(settings.total_steps + 1),
        "init_scale": np.array(settings.init_std, np.float32),
        "learning_rate": np.array(settings.learning_rate, np.float32),
        "weight_decay": np.array(settings.weight_decay, np.float32),
        "adam_beta1": np.array(settings.beta1, np.float32),
        "adam_beta2": np.array(settings.beta2, np.float32),
        "n_trained": np.array(len(masks.live_indices)),
        "n_untrained": np.array(len(masks.dead_indices)),
    }


NAMINGS = {
    "crucible": Naming(CRUCIBLE, _crucible_masks),
    "thimble": Naming(THIMBLE, _thimble_masks, _thimble_attributes),
    "wordybird": Naming(WORDYBIRD, _wordybird_constants),
}
