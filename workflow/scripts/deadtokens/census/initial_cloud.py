"""The rows of W with which a run began, before they were rounded to bfloat16."""

import numpy as np
import torch

from deadtokens.census import rounding
from deadtokens.errors import UserError
from deadtokens.training import models
from deadtokens.training.settings import RunSettings, choice


def drawn(settings: RunSettings) -> np.ndarray:
    """W as the run draws it, (V, D) float32; `training.models.build` rounds it.

    Leaves torch's global random state as it was.
    """
    model = choice("model", settings.model, models.MODELS)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(settings.random_seed)
        return model(settings).W.numpy().copy()


def check(cloud: np.ndarray, recorded: np.ndarray, path: object) -> None:
    """UserError unless the cloud, rounded, is the recorded W[0] bit for bit, (n, D) uint16."""
    found = rounding.rounded(cloud)
    if found.shape != recorded.shape or not np.array_equal(found, recorded):
        other = int((found != recorded).sum()) if found.shape == recorded.shape else found.size
        raise UserError(
            f"{path}: W at step 0 differs in {other:,} of {found.size:,} elements from the initial "
            "weights that these settings draw, rounded; expected the same bits, for the null model "
            "moves the cloud that the run began with. Give the settings of the run that made the "
            "file."
        )
