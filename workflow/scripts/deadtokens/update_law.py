"""The update law of a run: what Adam adds to a weight, and whether the sum moves it.

Definitions: docs/physics.md. A bfloat16 weight is rounded to the nearest value after every update,
so it moves only if the update is more than half the way to its neighbour. Towards zero the
neighbour of a power of two is half as far as the neighbour on the other side. The sum is float32
before it is rounded; where it lies exactly half-way it goes to the even value. Such ties are
counted apart: there alone an update a hair above half a cell may not move a weight, or one a hair
below may.

All arithmetic here is that of `training.adamw.for_loop` on bfloat16, rounding by rounding, in numpy
alone: the square root, its bias correction and epsilon are rounded to bfloat16, the quotient stays
float32. `causes.arithmetic` has the same law in torch, of every precision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from deadtokens import lattice
from deadtokens.errors import UserError
from deadtokens.training.schedules import SCHEDULES

NAMES = ("adamw", "state_precision", "second_moment_precision", "weight_precision")
SETTINGS = ("optimizer", "schedule", "total_steps", *NAMES)  # keys, as `from_settings` reads them

SIGN = 0x8000
MANTISSA = 0x7F
SMALLEST_NORMAL = 0x0080
MAGNITUDES = np.arange(0x8000, dtype=np.uint16)
# All that a second moment can be, by the bits; those of NaN count as 0.
SECOND_MOMENTS = np.where(MAGNITUDES > 0x7F80, 0, lattice.to_float32(MAGNITUDES))


def _half_cells() -> np.ndarray:
    """Half the way to the neighbour, by magnitude: towards zero, then (sign bit) away from it."""
    half = lattice.ulp(MAGNITUDES) / 2
    at_power_of_two = (MAGNITUDES & MANTISSA == 0) & (MAGNITUDES > SMALLEST_NORMAL)
    return np.concatenate([np.where(at_power_of_two, half / 2, half), half])


HALF_CELLS = _half_cells()  # (65536,) float32


def nearest(values: np.ndarray) -> np.ndarray:
    """The bits of the nearest bfloat16 values, ties to even: float32 in, uint16 out; no NaN."""
    bits = values.view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)


def learning_rates(
    learning_rate: float, schedule: str, schedule_steps: int, steps: int, elapsed_steps: int
) -> np.ndarray:
    """The learning rate of every step of a run, (T,); `elapsed_steps`: how far the schedule was."""
    factors = (SCHEDULES[schedule](elapsed_steps + i, schedule_steps) for i in range(steps))
    return np.array([learning_rate * factor for factor in factors])


@dataclass(frozen=True)
class UpdateLaw:
    """What decides an update beside the moments; `learning_rates` is (T,), one for every step.

    `elapsed_steps`: how many updates the moments have seen before step 1, for the bias correction.
    `adamw` and the precisions are names, as a run's settings have them. Steps count from 1.
    """

    learning_rates: np.ndarray
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float = 0.0
    elapsed_steps: int = 0
    adamw: str = "for-loop"
    state_precision: str = "bfloat16"
    second_moment_precision: str | None = None  # of v alone; None: as state_precision
    weight_precision: str = "bfloat16"

    @classmethod
    def from_settings(cls, settings: Mapping) -> Self:
        """The law of a run of which these settings are `SETTINGS`."""
        rates = learning_rates(**settings["schedule"], steps=settings["total_steps"])
        return cls(rates, **settings["optimizer"], **{key: settings[key] for key in NAMES})

    @property
    def steps(self) -> int:
        """How many steps the run has."""
        return len(self.learning_rates)

    def step_size(self, step: int) -> float:
        """The learning rate over the bias correction of the first moment."""
        return float(self.learning_rates[step - 1]) / self.first_correction(step)

    def first_correction(self, step: int) -> float:
        """The bias correction of the first moment."""
        return 1 - self.beta1 ** (self.elapsed_steps + step)

    def correction(self, step: int) -> float:
        """The root of the bias correction of the second moment."""
        return (1 - self.beta2 ** (self.elapsed_steps + step)) ** 0.5

    def denominators(self, step: int) -> np.ndarray:
        """By the bits of v, as the optimizer rounds them: (32768,) float32."""
        root = _rounded(np.sqrt(SECOND_MOMENTS))
        corrected = _rounded(root / np.float32(self.correction(step)))
        return _rounded(corrected + _rounded(np.float32([self.epsilon])))

    def plain_denominators(self, step: int) -> np.ndarray:
        """By the bits of v, as the formula has them, in no lattice: (32768,) float32."""
        root = np.sqrt(SECOND_MOMENTS.astype(np.float64))
        return (root / self.correction(step) + self.epsilon).astype(np.float32)

    def decayed(self, weights: np.ndarray, step: int) -> np.ndarray:
        """Where the update starts: the bits of the weights after weight decay."""
        if self.weight_decay == 0:
            return weights
        factor = np.float32(1 - float(self.learning_rates[step - 1]) * self.weight_decay)
        return nearest(lattice.to_float32(weights) * factor)


def half_cells(weights: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Half the way from each weight to its neighbour where Adam pushes it, against m; float32.

    weights: uint16 bits, m: float32, of one shape.
    """
    # Of one sign, the update leads towards zero: the signs cancel, and the first half is taken.
    return HALF_CELLS.take(weights ^ (bits_of(m) & SIGN))


def updates(m: np.ndarray, v: np.ndarray, denominators: np.ndarray, step_size: float) -> np.ndarray:
    """What the optimizer adds to each weight, before the sum is rounded: float32."""
    return np.float32(-step_size) * m / denominators.take(bits_of(v))


def bits_of(moments: np.ndarray) -> np.ndarray:
    """The bfloat16 bits of float32 values that were widened from bfloat16; UserError on others."""
    bits = moments.view(np.uint32)
    if (bits & 0xFFFF).any():
        raise UserError(
            "the moments m and v are no bfloat16 values; this analysis is of runs that hold them "
            "in bfloat16, as `precision: bfloat16` does."
        )
    return (bits >> 16).astype(np.uint16)


def _rounded(values: np.ndarray) -> np.ndarray:
    """To the nearest bfloat16 values, as float32; what is not finite stays."""
    return np.where(np.isfinite(values), lattice.to_float32(nearest(values)), values)
