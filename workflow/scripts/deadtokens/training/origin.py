"""Where a run begins: at its initial weights, or with parts of another run's checkpoint.

Each part is restored or reset on its own, so that what a resume from an incomplete checkpoint
does to a run can be separated (Wordybird 3 had its weights alone).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from deadtokens.errors import UserError
from deadtokens.files import documents
from deadtokens.training import checkpoints
from deadtokens.training.settings import RunSettings, choice

# What each part consists of: tensors of the state, by the beginning of their names.
PARTS = {
    "parameters": (
        "parameters.",
        "master.",
        "compensation.",
        "common.",
    ),  # and what is kept beside them
    "moments": ("exp_avg.", "exp_avg_sq."),  # and Adam's count of steps
    "schedule": (),  # its position alone
    "data": (),  # its position alone
}


@dataclass(frozen=True)
class Elapsed:
    """How many steps each part had taken when the run began; none what was reset."""

    moments: int = 0
    schedule: int = 0
    data: int = 0

    def after(self, steps: int) -> dict[str, int]:
        """The same so many steps later, for a checkpoint."""
        return {part: getattr(self, part) + steps for part in PARTS_WITH_STEPS}


PARTS_WITH_STEPS = tuple(field.name for field in fields(Elapsed))


def check(settings: RunSettings, checkpoint: Path | None) -> None:
    """UserError unless what the run restores and the checkpoint that is given fit together."""
    for part in settings.restore:
        choice("restore", part, PARTS)
    if (settings.resume_run is None) != (checkpoint is None):
        given = "none was given" if checkpoint is None else f"{checkpoint} was given"
        raise UserError(
            f"resume_run: {settings.resume_run or 'null'}, but as checkpoint to begin from {given}."
            " Give both or neither."
        )
    if checkpoint is not None and not checkpoint.exists():
        raise UserError(
            f"{checkpoint}: there is no such checkpoint. The run {settings.resume_run} leaves one "
            f"after step {settings.resume_step} if save_checkpoint_at names that step."
        )


def restore(
    settings: RunSettings, checkpoint: Path | None, state: Mapping[str, torch.Tensor]
) -> Elapsed:
    """Fill the restored parts of a state in place; what else there is stays as it is.

    Moments that the run holds in float32 may come from bfloat16 ones, which widen without loss: so
    a run can switch their precision in its middle. UserError if the checkpoint is damaged, or of
    another run, step or model.
    """
    check(settings, checkpoint)
    if checkpoint is None:
        return Elapsed()
    remedy = f"Make it again, by the run {settings.resume_run}."
    saved, about = checkpoints.read(checkpoint, settings.resume_run, remedy)
    try:
        documents.check(about, {"elapsed": dict.fromkeys(PARTS_WITH_STEPS, int)})
    except ValueError as error:
        raise UserError(f"{checkpoint}: no checkpoint to begin from: {error}. {remedy}") from None
    if about["step"] != settings.resume_step:
        raise UserError(
            f"{checkpoint}: is of step {about['step']}, but resume_step is {settings.resume_step}."
        )
    wanted = tuple(prefix for part in settings.restore for prefix in PARTS[part])
    here = {name: tensor for name, tensor in state.items() if name.startswith(wanted)}
    there = {name: tensor for name, tensor in saved.items() if name.startswith(wanted)}
    checkpoints.fill(here, _widened(there, here), checkpoint, "Both runs need the same model.")
    return Elapsed(
        **{part: about["elapsed"][part] for part in PARTS_WITH_STEPS if part in settings.restore}
    )


def _widened(
    saved: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Moments saved in bfloat16 in the dtype that the run holds them in."""
    return {
        name: tensor.to(state[name].dtype)
        if name.startswith(PARTS["moments"]) and name in state and tensor.dtype == torch.bfloat16
        else tensor
        for name, tensor in saved.items()
    }
