"""The update law in torch, by the pinned arithmetic of training itself, in any precision."""

from collections.abc import Callable

import numpy as np
import torch

from deadtokens.training.adamw import HALVES, STATES
from deadtokens.training.settings import choice
from deadtokens.training.weights import WEIGHTS
from deadtokens.update_law import UpdateLaw


class Arithmetic:
    """Both halves of an update (`training.adamw`) under a law; UserError for a name it has wrong.

    states, states_of_v: the dtypes of m and v. weights: how updates land (`training.weights`).
    """

    def __init__(self, law: UpdateLaw):
        self._law = law
        self._halves = choice("adamw", law.adamw, HALVES)
        self.states = choice("state_precision", law.state_precision, STATES)
        of_v = law.second_moment_precision or law.state_precision
        self.states_of_v = choice("second_moment_precision", of_v, STATES)
        self.weights = choice("weight_precision", law.weight_precision, WEIGHTS)

    def take_gradient(self, m: torch.Tensor, v: torch.Tensor, grad: torch.Tensor) -> None:
        """Both moments take up the gradient, in place."""
        self._halves.take_gradient(m, v, grad, beta1=self._law.beta1, beta2=self._law.beta2)

    def take_step(
        self,
        number: int,
        param: torch.Tensor | None,
        m: torch.Tensor,
        v: torch.Tensor,
        kept: object = None,
        add: Callable[..., None] | None = None,
    ) -> None:
        """The parameter follows its moments at this step of the run, in place.

        `add`: another way for the update to land than the law's.
        """
        law = self._law
        self._halves.take_step(
            param,
            m,
            v,
            kept,
            step=law.elapsed_steps + number,
            learning_rate=float(law.learning_rates[number - 1]),
            beta1=law.beta1,
            beta2=law.beta2,
            epsilon=law.epsilon,
            weight_decay=law.weight_decay,
            add=add or self.weights.add,
        )

    def update(
        self, number: int, m: torch.Tensor, v: torch.Tensor, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """What step `number` adds to each weight before the sum is rounded: float32.

        dtype: as what the moments are taken, that of the run unless stated otherwise.
        """
        made = {}

        def keep(param, kept, m, denominator, *, step, step_size, decay):
            made["update"] = m.float().mul(-step_size).div(denominator.float())

        m, v = m.to(dtype or self.states), v.to(dtype or self.states_of_v)
        self.take_step(number, None, m, v, add=keep)
        return made["update"]


def stored_tensor(rows: np.ndarray) -> torch.Tensor:
    """Stored rows as they are: bfloat16 of bit patterns (uint16), float32."""
    tensor = torch.from_numpy(rows)
    return tensor.view(torch.bfloat16) if rows.dtype == np.uint16 else tensor


def float32_tensor(rows: np.ndarray) -> torch.Tensor:
    """Stored rows as numbers: bfloat16 widened."""
    return stored_tensor(rows).float()
