"""How an update lands in a weight that the model computes with in bfloat16: five ways.

As published the sum is rounded to the nearest bfloat16 value, so an update of less than half a cell
is lost (`nearest`). Three others keep what that loses: a float32 copy takes all updates and the
bfloat16 weight is its rounded view (`master`: Micikevicius et al. 2018, Mixed Precision Training);
what rounding took is kept and given back with the next update (`kahan`), or rounding goes up or
down at random, so that the mean is right (`stochastic`; both: Zamirai et al. 2020, Revisiting
BFloat16 Training). What Kahan keeps is bfloat16 itself, so updates below about 1/1000 of a cell are
lost; optimi's `kahan_sum` and torchao's stochastic rounding are other arithmetic: ours sums in
float32, compensates the decay too, and rounds moments where `state_precision` says so. The fifth,
`centred`, rounds as published, but W on a lattice that no common drift makes coarser.

Every way takes a parameter, what it keeps of it beside it, the first moment m and the denominator
of the step (each bfloat16 or float32), and changes parameter and what it keeps in place. `decay` is
learning rate times weight decay. Sums are float32 before they are rounded.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


def nearest(
    param: torch.Tensor,
    kept: None,
    m: torch.Tensor,
    denominator: torch.Tensor,
    *,
    step: int,
    step_size: float,
    decay: float,
) -> None:
    """Round the decayed weight, and then its sum with the update, to the nearest value.

    In bfloat16 a decay below 2^-9 is lost in the first rounding (docs/numerics.md, 11).
    """
    if decay != 0:
        param.mul_(1 - decay)
    if m.dtype == denominator.dtype == param.dtype:
        param.addcdiv_(m, denominator, value=-step_size)
    else:
        param.copy_(param.float().addcdiv_(m.float(), denominator.float(), value=-step_size))


def master(
    param: torch.Tensor,
    kept: torch.Tensor,
    m: torch.Tensor,
    denominator: torch.Tensor,
    *,
    step: int,
    step_size: float,
    decay: float,
) -> None:
    """Update the float32 copy; the weight is its nearest bfloat16 value. `kept`: the copy."""
    param.copy_(_moved(kept, m, denominator, step_size, decay))


def stochastic(
    param: torch.Tensor,
    kept: "RandomBits",
    m: torch.Tensor,
    denominator: torch.Tensor,
    *,
    step: int,
    step_size: float,
    decay: float,
) -> None:
    """Round the float32 sum up or down with probabilities that make its mean exact.

    Of the sum's 32 bits the last 16 are to go. A random number below 2^16 added to them carries
    into the bits that stay exactly as often as it should. `kept`: where random numbers come from.
    """
    total = _moved(param.float(), m, denominator, step_size, decay)
    bits = total.view(torch.int32)
    bits.add_(kept(step, param.shape).to(param.device)).bitwise_and_(-0x10000)
    param.copy_(total)


def kahan(
    param: torch.Tensor,
    kept: torch.Tensor,
    m: torch.Tensor,
    denominator: torch.Tensor,
    *,
    step: int,
    step_size: float,
    decay: float,
) -> None:
    """Add what the roundings before took; keep what this one takes. `kept`: that, in bfloat16."""
    before, due = param.float(), kept.float()
    if decay != 0:
        due.sub_(before + due, alpha=decay)
    due.addcdiv_(m.float(), denominator.float(), value=-step_size)
    param.copy_(before + due)
    kept.copy_(due - (param.float() - before))


def centred(
    param: torch.Tensor,
    kept: torch.Tensor | None,
    m: torch.Tensor,
    denominator: torch.Tensor,
    *,
    step: int,
    step_size: float,
    decay: float,
) -> None:
    """Keep in float32 what all rows of W have moved in common; round each row's own part.

    A vector that is added to all rows of W changes no probability (docs/physics.md), so W may
    be held without it: param (V, D) bfloat16 holds what each row has moved otherwise than the mean
    of all, on cells that the common drift does not make coarser. kept: (D,) float32, the sum of
    these means, 0 at first, which the model adds where W embeds tokens (`models`). Other
    parameters have no such freedom; kept is None and they are rounded as published.
    """
    if kept is None:
        nearest(param, None, m, denominator, step=step, step_size=step_size, decay=decay)
        return
    values = param.float()
    if decay != 0:
        values.mul_(1 - decay)
        kept.mul_(1 - decay)
    update = torch.zeros_like(values)
    update.addcdiv_(m.float(), denominator.float(), value=-step_size)
    common = update.mean(dim=0)  # (D,)
    kept.add_(common)
    param.copy_(values.add_(update.sub_(common)))


def _moved(
    values: torch.Tensor,
    m: torch.Tensor,
    denominator: torch.Tensor,
    step_size: float,
    decay: float,
) -> torch.Tensor:
    """float32 values after decay and update, in place: torch's own AdamW on float32."""
    if decay != 0:
        values.mul_(1 - decay)
    return values.addcdiv_(m.float(), denominator.float(), value=-step_size)


class RandomBits:
    """Random numbers of one parameter: a pure function of (seed, parameter, step).

    So a resumed run draws what it would have drawn, and nothing needs to be kept or replayed. Raw
    output of Philox, which numpy keeps the same for ever (NEP 19), is made on the host, so that
    every device rounds alike.
    """

    def __init__(self, seed: int, name: str):
        of_name = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
        self._key = np.random.SeedSequence((seed, of_name)).generate_state(2, np.uint64)

    def __call__(self, step: int, shape: torch.Size) -> torch.Tensor:
        """Even over 0..65535, int32 of this shape."""
        count = shape.numel()
        # A number of its own for every step in the counter's upper half, which no draw reaches.
        stream = np.random.Philox(counter=step << 128, key=self._key)
        words = stream.random_raw(-(-count // 4)).astype("<u8")
        numbers = words.view("<u2")[:count].astype(np.int32)
        return torch.from_numpy(numbers).view(shape)


@dataclass(frozen=True)
class Weights:
    """A way for updates to land, and what it keeps of a parameter beside it.

    `keep(param, random_bits, is_W)` makes that before the first step. If it is a tensor, it is part
    of the run's state and `kind` is its name there. `by_row`: whether the rows of W move each by
    its own m, v and what is kept of it, so that an update of some rows can be made again from them.
    """

    add: Callable[..., None]
    keep: Callable[[torch.Tensor, RandomBits, bool], Any]
    kind: str | None = None
    by_row: bool = True


def _no_common_part_yet(param: torch.Tensor, bits: RandomBits, is_W: bool) -> torch.Tensor | None:
    return torch.zeros_like(param[0], dtype=torch.float32) if is_W else None


WEIGHTS = {
    "bfloat16": Weights(nearest, lambda param, bits, is_W: None),
    # From the rounded weights on, so that all runs of a seed begin at the same point.
    "float32": Weights(master, lambda param, bits, is_W: param.detach().float(), "master"),
    "stochastic": Weights(stochastic, lambda param, bits, is_W: bits),
    "kahan": Weights(kahan, lambda param, bits, is_W: torch.zeros_like(param), "compensation"),
    "centred": Weights(centred, _no_common_part_yet, "common", by_row=False),
}
