"""Attribution of a kick to what was not restored: a full factorial of two levels, and its parts.

An arm is a resume from one checkpoint; each factor is either restored (-1) or is reset (+1).
Arms are in standard order: factor i is reset in the arms whose number has bit i set, so arm 0
restores everything and the last one nothing. Logs are of the statistic, (..., 2^k).

Contrasts: Box, Hunter and Hunter, "Statistics for Experimenters" (1978), ch. 10. Contributions that
add up in whatever order the factors are lost: Shapley, "A value for n-person games" (1953).
"""

import itertools
import math
from collections.abc import Collection, Sequence

import numpy as np

FACTORS = ("moments", "schedule", "data")


def number_of_arm(restored: Collection[str], factors: Sequence[str] = FACTORS) -> int:
    """The place in standard order of the arm that restores these factors (and the parameters)."""
    return sum(1 << i for i, factor in enumerate(factors) if factor not in restored)


def groups(count: int = len(FACTORS)) -> list[tuple[int, ...]]:
    """Every effect as the factors in it: main effects first, then interactions."""
    sizes = range(1, count + 1)
    return [group for size in sizes for group in itertools.combinations(range(count), size)]


def effect(logs: np.ndarray, group: Collection[int]) -> np.ndarray:
    """The effect of a factor, or the interaction of several: (..., 2^k) -> (...).

    The mean of the logs where the product of the signs is +1 less that where it is -1. For one
    factor: how much larger the log is, on average over the others, if it is reset.
    """
    arms = np.arange(logs.shape[-1])
    signs = math.prod(np.where(arms >> factor & 1, 1, -1) for factor in group)
    return (logs * signs).sum(axis=-1) / (logs.shape[-1] / 2)


def steps_without(logs: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """What losing a factor adds to the log, given each set of others already lost; with weights.

    (..., 2^(k-1)) differences, and the share of all orders of losing the factors in which exactly
    those others come before it, (2^(k-1),).
    """
    count = logs.shape[-1].bit_length() - 1
    arms = np.arange(logs.shape[-1])
    before = arms[(arms >> factor & 1) == 0]
    lost = [int(arm).bit_count() for arm in before]
    orders = [math.factorial(n) * math.factorial(count - 1 - n) for n in lost]
    return logs[..., before | 1 << factor] - logs[..., before], np.array(orders) / math.factorial(
        count
    )


def contribution(logs: np.ndarray, factor: int) -> np.ndarray:
    """The part of a factor in the log of the last arm less that of the first: (..., 2^k) -> (...).

    The mean, over all orders in which the factors can be lost, of what losing this one adds. The
    contributions of all factors add up to the difference.
    """
    differences, weights = steps_without(logs, factor)
    return (differences * weights).sum(axis=-1)
