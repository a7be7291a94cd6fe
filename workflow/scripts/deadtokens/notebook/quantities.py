"""What a run recorded, by step: `run.W[100]` reads that step, `run.W[:, 7]` one token's row of all.

Steps are those of docs/physics.md: the state of step 0 is the start, and what a step makes (a
gradient, a displacement) counts from 1, whichever row of the file it lies in.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from deadtokens.files import layout
from deadtokens.files.access import Reader
from deadtokens.recorded.naming import Stored
from deadtokens.recorded.steps import numbers

CHUNK_BYTES = 8_000_000  # of rows read at a time
# Not there at step 0; a file that has a row for it holds zeros there (`naming.Stored`).
MADE_IN_A_STEP = ("g", "delta_W_prime", "h_mean", "p_mean", "logits")


class Quantity:
    """One quantity of a run, read when it is asked for; memory for what is asked for and a chunk.

    `quantity[step]`, `quantity[first:stop]` and `quantity[[1, 10, 100]]` are float32 arrays, of
    bfloat16 widened exactly; whole numbers stay what they are. Further indices go to the axes of a
    step: `run.W[:, row]`. Negative steps count from the end. `bits` gives the same as stored,
    uint16 for bfloat16. IndexError for a step that there is not.
    """

    def __init__(
        self,
        name: str,
        reader: Callable[[], Reader],
        stored: Stored,
        first_step: int,
        as_stored: bool = False,
    ):
        self.name = name
        self._reader, self._stored, self._as_stored = reader, stored, as_stored
        self._dtype, shape = reader().fields[stored.name]
        self.steps = range(first_step, shape[0] + stored.first)
        self.shape = (len(self.steps), *shape[1:])

    @property
    def bits(self) -> "Quantity":
        """The same as it is stored: bit patterns of bfloat16 as uint16."""
        if self._as_stored:
            return self
        return Quantity(self.name, self._reader, self._stored, self.steps.start, as_stored=True)

    @property
    def dtype(self) -> np.dtype:
        """Of the arrays that this gives."""
        stored = np.empty(0, layout.NUMPY_DTYPE[self._dtype])
        return self._given(stored).dtype

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        span = f"{self.steps.start} to {self.steps.stop - 1}" if self.steps else "none"
        return f"{self.name}: {self.dtype} {self.shape}, steps {span}"

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[step] for step in self.steps)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> np.ndarray:
        steps, *within = key if isinstance(key, tuple) else (key,)
        if isinstance(steps, slice):
            return self._of_many(self._sliced(steps), within)
        if isinstance(steps, int | np.integer) and not isinstance(steps, bool):
            step = self._step(steps)
            return self._read(step, step + 1, within)[0]
        chosen = np.asarray(steps)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise TypeError(
                f"{self.name}[{steps!r}]: expected a step, a slice of steps or a list of steps."
            )
        return self._of_many([self._step(step) for step in chosen], within)

    def _step(self, step: int) -> int:
        found = int(step) + self.steps.stop if step < 0 else int(step)
        if found not in self.steps:
            span = f"{self.steps.start} to {self.steps.stop - 1}" if self.steps else "none"
            raise IndexError(f"{self.name}: there is no step {step}; its steps are {span}.")
        return found

    def _sliced(self, steps: slice) -> range:
        first, stop = self.steps.start, self.steps.stop
        start, end, stride = steps.indices(stop)
        if stride < 0:
            raise ValueError(f"{self.name}: a slice of steps goes forward; got {steps}.")
        # Steps before the first are not there; those that are keep the stride.
        start += -(-max(0, first - start) // stride) * stride
        return range(start, max(start, end), stride)

    def _of_many(self, steps: range | list[int], within: list) -> np.ndarray:
        if isinstance(steps, range) and steps.step == 1:
            row_bytes = layout.row_bytes((self._dtype, self.shape))
            at_once = max(1, CHUNK_BYTES // max(1, row_bytes))
            spans = [
                (start, min(start + at_once, steps.stop))
                for start in range(steps.start, steps.stop, at_once)
            ]
        else:
            spans = [(step, step + 1) for step in steps]
        found, done = self._result(len(steps), within), 0
        for start, stop in spans:
            found[done : done + stop - start] = self._read(start, stop, within)
            done += stop - start
        return found

    def _result(self, length: int, within: list) -> np.ndarray:
        """An empty array for so many steps, as large as what is asked for of each."""
        of_a_step = np.broadcast_to(np.empty((), self.dtype), (1, *self.shape[1:]))
        return np.empty((length, *of_a_step[(slice(None), *within)].shape[1:]), self.dtype)

    def _read(self, start: int, stop: int, within: list) -> np.ndarray:
        """The steps start..stop-1, of each what the indices `within` say."""
        first = self._stored.first
        rows = self._reader().read(self._stored.name, start - first, stop - first)
        return self._given(rows[(slice(None), *within)])

    def _given(self, rows: np.ndarray) -> np.ndarray:
        return rows if self._as_stored else numbers(rows)
