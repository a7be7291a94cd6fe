"""What a run records: which quantities, from which rows of W, at which step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from deadtokens import lattice
from deadtokens.errors import UserError
from deadtokens.files import storage
from deadtokens.files.layout import NUMPY_DTYPE, Field
from deadtokens.files.sums import RowSums
from deadtokens.training import machine, probability
from deadtokens.training.masks import Masks
from deadtokens.training.naming import NAMINGS, Naming
from deadtokens.training.ordered_thread import OrderedThread
from deadtokens.training.settings import RunSettings, choice

# A quantity at one step: its shape for N recorded rows, a width of D and a vocabulary of V.
RECORDABLE = {
    "W": lambda N, D, V: (N, D),
    "m": lambda N, D, V: (N, D),
    "v": lambda N, D, V: (N, D),
    "g": lambda N, D, V: (N, D),
    "delta_W_prime": lambda N, D, V: (N, D),
    "centroid": lambda N, D, V: (D,),  # mean of the recorded rows of W
    "h_mean": lambda N, D, V: (D,),  # mean of all hidden states of the batch
    "p_mean": lambda N, D, V: (N,),  # mean probability of the recorded rows' tokens
    "logits": lambda N, D, V: (V,),  # of the last position of the batch's first example
}
ROWS = {
    "dead": lambda masks: masks.dead_indices,
    "all": lambda masks: np.arange(len(masks.dead_mask)),
}
DTYPE_NAMES = {dtype: name for name, dtype in NUMPY_DTYPE.items() if name != "BF16"}


def recorded_rows(settings: RunSettings, masks: Masks) -> np.ndarray:
    """The recorded rows of W, (N,) int64, ascending."""
    return choice("rows", settings.rows, ROWS)(masks)


def layout(settings: RunSettings, masks: Masks) -> dict[str, Field]:
    """The fields of a run's trajectory."""
    naming = _naming(settings)
    rows, steps = len(recorded_rows(settings, masks)), settings.total_steps
    fields = {}
    for quantity in settings.record:
        shape = choice("record", quantity, RECORDABLE)
        stored = naming.stored[quantity]
        if _too_wide(quantity, settings, stored.dtype):
            raise UserError(
                f"record: {quantity}, which the run holds in float32, but naming: "
                f"{settings.naming} stores it in bfloat16. Choose naming: crucible, or do not "
                "record it."
            )
        fields[stored.name] = (
            stored.dtype,
            (steps + 1 - stored.first, *shape(rows, settings.hidden_dim, settings.vocab_size)),
        )
    loss = naming.stored["loss"]
    fields[loss.name] = (loss.dtype, (steps + 1 - loss.first,))
    if settings.last_motion:
        fields["last_motion_step"] = ("I32", (rows,))  # -1: never moved
    for name, array in naming.fixed(settings, masks).items():
        fields[name] = (DTYPE_NAMES[array.dtype], array.shape)
    return fields


def _too_wide(quantity: str, settings: RunSettings, dtype: str) -> bool:
    """Whether a field of this dtype would round what the run holds in float32."""
    of_v = settings.second_moment_precision or settings.state_precision
    held = {"m": settings.state_precision, "v": of_v}
    return held.get(quantity) == "float32" and dtype != "F32"


def attributes(settings: RunSettings, masks: Masks) -> dict[str, Any]:
    """What a file says of its run beside its fields, in a format that has attributes."""
    return _naming(settings).attributes(settings, masks)


def moved(displacement: np.ndarray, threshold: float) -> np.ndarray:
    """Which tokens move: |ΔW′|₂ >= threshold, in float32 like the notebooks' `torch.norm`.

    displacement (N, D) float32 -> (N,) bool. A norm that is or overflows to infinity is motion;
    NaN (a weight that is NaN or stays at infinity) is none.
    """
    norm = torch.linalg.vector_norm(torch.from_numpy(displacement), dim=1)
    return (norm >= threshold).numpy()


class Recorder:
    """Writes a run's trajectory row by row into a file laid out beforehand; a context manager.

    A step is handed over as copies and written by a thread of its own, so that the next step need
    not wait for displacements and the disk. `last_motion_step` (N,) int32 is kept up to date in
    place if the run follows it; the caller calls `flush` before it saves it with a checkpoint. With
    `resume` the file is there already and keeps its rows.
    """

    def __init__(
        self,
        path: Path,
        settings: RunSettings,
        masks: Masks,
        last_motion_step: torch.Tensor,
        resume: bool,
    ):
        self.last_motion_step = last_motion_step
        self._naming = _naming(settings)
        self._rows = torch.from_numpy(recorded_rows(settings, masks))
        self._recorded = {*settings.record, "loss"}
        self._follows_motion = settings.last_motion
        self._threshold = settings.motion_threshold
        self._taken = {}  # quantity: copy of its value, of the step that is being computed
        self._previous = None  # (N, D) uint16: the recorded rows of W after the step before
        self._file = storage.create(
            path, layout(settings, masks), _storage(settings), attributes(settings, masks), resume
        )
        stored = (self._naming.stored[quantity] for quantity in sorted(self._recorded))
        first_steps = {field.name: field.first for field in stored}
        try:
            self._sums = RowSums(self._file, first_steps, resume)
        except BaseException:
            self._file.close()
            raise
        self._written = -1  # the last step with rows in the file
        for name, array in self._naming.fixed(settings, masks).items():
            self._file.write(name, array)
        self._write(0, {"loss": self._as_stored("loss", torch.tensor(torch.nan))})
        self._writer = OrderedThread()

    def begin(
        self, step: int, W: torch.Tensor, exp_avg: torch.Tensor, exp_avg_sq: torch.Tensor
    ) -> None:
        """The state from which the run begins (step 0) or resumes; all are (V, D) bfloat16."""
        self._rows = self._rows.to(W.device)
        self._take_state(W, exp_avg, exp_avg_sq)
        self._hand_over(step)

    def before_update(
        self,
        step: int,
        W: torch.Tensor,
        hidden: torch.Tensor,
        targets: torch.Tensor,
        logits: torch.Tensor,
    ) -> None:
        """What a step, counted from 1, computed before anything was clipped or updated.

        W (V, D) and its gradient, hidden states (B, L, D), targets (B, n), logits (V,) of one
        position.
        """
        if "g" in self._recorded:
            self._taken["g"] = self._rows_of(W.grad)
        if "p_mean" in self._recorded:
            p = probability.mean(hidden, W, targets.shape[1])
            self._taken["p_mean"] = self._rows_of(p)
        if "h_mean" in self._recorded:
            # The notebook averages in the precision of the run and widens afterwards.
            self._taken["h_mean"] = hidden.detach().mean(dim=(0, 1))
        if "logits" in self._recorded:
            self._taken["logits"] = logits

    def after_update(
        self,
        step: int,
        loss: float,
        W: torch.Tensor,
        exp_avg: torch.Tensor,
        exp_avg_sq: torch.Tensor,
    ) -> None:
        """Loss and state after the update of a step, and how far the rows went."""
        self._taken["loss"] = torch.tensor(loss)
        self._take_state(W, exp_avg, exp_avg_sq)
        self._hand_over(step)

    def flush(self) -> None:
        """Wait until every row is on the disk."""
        self._writer.wait()
        self._file.flush()
        self._sums.extend(self._written)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exception_type, exception, traceback) -> None:
        try:
            with self._writer:
                pass
            if exception_type is None and self._follows_motion:
                self._file.write("last_motion_step", self.last_motion_step)
        finally:
            self._file.__exit__(exception_type, exception, traceback)

    def _take_state(self, W: torch.Tensor, exp_avg: torch.Tensor, exp_avg_sq: torch.Tensor) -> None:
        self._taken["W"] = self._rows_of(W)
        for name, matrix in (("m", exp_avg), ("v", exp_avg_sq)):
            if name in self._recorded:
                self._taken[name] = self._rows_of(matrix)
        if "centroid" in self._recorded:
            self._taken["centroid"] = self._taken["W"].float().mean(dim=0)

    def _rows_of(self, matrix: torch.Tensor) -> torch.Tensor:
        return matrix.detach().index_select(0, self._rows)

    def _hand_over(self, step: int) -> None:
        values = {name: self._as_stored(name, value) for name, value in self._taken.items()}
        self._writer.call(self._write_step, step, machine.begin_copy_to_host(values))
        self._taken = {}

    def _as_stored(self, quantity: str, value: torch.Tensor) -> torch.Tensor:
        wide = self._naming.stored[quantity].dtype == "F32"
        return value.float() if wide else value.bfloat16()

    def _write_step(self, step: int, copied: Callable[[], dict[str, torch.Tensor]]) -> None:
        values = copied()
        current = values["W"].view(torch.uint16).numpy()
        if self._previous is not None:
            displacement = lattice.displacement(self._previous, current)
            values["delta_W_prime"] = torch.from_numpy(displacement)
            if self._follows_motion:
                self.last_motion_step[moved(displacement, self._threshold)] = step
        self._previous = current
        self._write(step, values)
        self._written = step

    def _write(self, step: int, values: dict[str, torch.Tensor]) -> None:
        for quantity in self._recorded & values.keys():
            stored = self._naming.stored[quantity]
            self._file.write_row(stored.name, step - stored.first, values[quantity])


def _naming(settings: RunSettings) -> Naming:
    return choice("naming", settings.naming, NAMINGS)


def _storage(settings: RunSettings) -> storage.Storage:
    keys = {"format": settings.storage, "chunk_rows": settings.chunk_rows}
    return storage.Storage.from_json(keys | {"compression": settings.compression})
