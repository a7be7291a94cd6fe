"""What a run records: which fields, from which rows of the tied matrix, at which step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from deadtokens import lattice
from deadtokens.errors import UserError
from deadtokens.training.settings import RunSettings, choice
from deadtokens.trajectory import Field, TrajectoryReader, TrajectoryWriter

# Fields of one row per recorded token: dtype, and the step that row 0 of the field belongs to.
# A state exists from step 0 on, a gradient or a displacement from step 1 on.
RECORDABLE = {
    "W": ("U16", 0),  # bit patterns of bfloat16
    "m": ("F32", 0),
    "v": ("F32", 0),
    "g": ("F32", 1),
    "delta_W_prime": ("F32", 1),
}


@dataclass(frozen=True)
class Masks:
    """Which tokens never occur in the model corpus."""

    dead_mask: np.ndarray  # (V,) bool
    dead_indices: np.ndarray  # (n_dead,) int64, ascending


ROWS = {"dead": lambda masks: masks.dead_indices}


def load_masks(path: Path, vocab_size: int) -> Masks:
    """Masks of a vocabulary; UserError if they are of another one or contradict themselves."""
    with TrajectoryReader(path) as file:
        file.require("dead_mask", "dead_indices")
        masks = Masks(file.read("dead_mask"), file.read("dead_indices"))
    if masks.dead_mask.shape != (vocab_size,) or masks.dead_mask.dtype != bool:
        raise UserError(
            f"{path}: dead_mask is {masks.dead_mask.dtype} of shape {masks.dead_mask.shape}, but "
            f"the run's vocab_size is {vocab_size}. Make the masks with the tokenizer of this run."
        )
    if not np.array_equal(masks.dead_indices, np.flatnonzero(masks.dead_mask)):
        raise UserError(
            f"{path}: dead_indices ({len(masks.dead_indices)}) are not the ascending places where "
            f"dead_mask is true ({masks.dead_mask.sum()}). Make the masks again."
        )
    if not masks.dead_indices.size:
        raise UserError(
            f"{path}: no dead token, so there is nothing to record. Use a tokenizer that was "
            "trained on more text than the model corpus."
        )
    return masks


def layout(settings: RunSettings, masks: Masks, rows: int) -> dict[str, Field]:
    """The fields of a run's trajectory, for `rows` recorded tokens."""
    steps = settings.total_steps
    fields = {}
    for name in settings.record:
        dtype, first = choice("record", name, RECORDABLE)
        fields[name] = (dtype, (steps + 1 - first, rows, settings.hidden_dim))
    fields["loss"] = ("F32", (steps + 1,))
    fields["last_motion_step"] = ("I32", (rows,))  # -1: never moved
    fields["dead_mask"] = ("BOOL", masks.dead_mask.shape)
    fields["dead_indices"] = ("I64", masks.dead_indices.shape)
    return fields


def moved(displacement: np.ndarray, threshold: float) -> np.ndarray:
    """Which tokens move: |ΔW′|₂ >= threshold, in float32 like the notebooks' `torch.norm`.

    displacement (N, D) float32 -> (N,) bool. A norm that is or overflows to infinity is motion;
    NaN (a weight that is NaN or stays at infinity) is none.
    """
    norm = torch.linalg.vector_norm(torch.from_numpy(displacement), dim=1)
    return (norm >= threshold).numpy()


class Recorder:
    """Writes a run's trajectory row by row into a file laid out beforehand; a context manager.

    `rows` (N,) int64 are the recorded rows of the tied matrix. `last_motion_step` (N,) int32 is
    kept up to date in place; the caller saves and restores it with its checkpoints. With `resume`
    the file is there already and keeps its rows.
    """

    def __init__(
        self,
        path: Path,
        settings: RunSettings,
        masks: Masks,
        rows: torch.Tensor,
        last_motion_step: torch.Tensor,
        resume: bool,
    ):
        self.last_motion_step = last_motion_step
        self._rows = rows
        self._recorded = set(settings.record)
        self._threshold = settings.motion_threshold
        self._previous = None  # (N, D) uint16: the recorded rows of W after the last step
        self._file = TrajectoryWriter(path, layout(settings, masks, len(rows)), resume=resume)
        self._file.write("dead_mask", masks.dead_mask)
        self._file.write("dead_indices", masks.dead_indices)
        self._file.write_row("loss", 0, np.float32(np.nan))

    def begin(
        self, step: int, tied: torch.Tensor, exp_avg: torch.Tensor, exp_avg_sq: torch.Tensor
    ) -> None:
        """The state from which the run begins (step 0) or goes on; all are (V, D) bfloat16."""
        self._previous = self._write_state(step, tied, exp_avg, exp_avg_sq)

    def before_update(self, step: int, grad: torch.Tensor) -> None:
        """The raw gradient (V, D) of a step, counted from 1."""
        if "g" in self._recorded:
            self._write("g", step, self._take(grad).float())

    def after_update(
        self,
        step: int,
        loss: float,
        tied: torch.Tensor,
        exp_avg: torch.Tensor,
        exp_avg_sq: torch.Tensor,
    ) -> None:
        """Loss and state after the update of a step, and how far the rows went."""
        self._file.write_row("loss", step, np.float32(loss))
        current = self._write_state(step, tied, exp_avg, exp_avg_sq)
        displacement = lattice.displacement(self._previous, current)
        if "delta_W_prime" in self._recorded:
            self._write("delta_W_prime", step, displacement)
        self.last_motion_step[moved(displacement, self._threshold)] = step
        self._previous = current

    def flush(self) -> None:
        """Wait until every row is on the disk."""
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exception_type, exception, traceback) -> None:
        if exception_type is None:
            self._file.write("last_motion_step", self.last_motion_step)
        self._file.__exit__(exception_type, exception, traceback)

    def _write_state(
        self, step: int, tied: torch.Tensor, exp_avg: torch.Tensor, exp_avg_sq: torch.Tensor
    ) -> np.ndarray:
        bits = self._take(tied).view(torch.uint16).numpy()
        if "W" in self._recorded:
            self._write("W", step, bits)
        if "m" in self._recorded:
            self._write("m", step, self._take(exp_avg).float())
        if "v" in self._recorded:
            self._write("v", step, self._take(exp_avg_sq).float())
        return bits

    def _take(self, matrix: torch.Tensor) -> torch.Tensor:
        return matrix.detach().index_select(0, self._rows)

    def _write(self, name: str, step: int, values: np.ndarray | torch.Tensor) -> None:
        self._file.write_row(name, step - RECORDABLE[name][1], values)
