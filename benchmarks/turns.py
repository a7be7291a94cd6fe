"""Ways that take turns, so that what else a machine does meets all of them alike."""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Seconds(NamedTuple):
    """What one way took: by the clock, and of the processor with child processes included."""

    clock: float
    processor: float


def medians(
    ways: Mapping[str, Callable[[], object]], rounds: int, uncounted: int = 0
) -> dict[str, Seconds]:
    """Of each way, after rounds that do not count."""
    seconds = {name: [] for name in ways}
    for turn in range(uncounted + rounds):
        for name, way in ways.items():
            before = time.perf_counter(), sum(os.times()[:4])
            way()
            after = time.perf_counter(), sum(os.times()[:4])
            if turn >= uncounted:
                seconds[name].append([b - a for a, b in zip(before, after, strict=True)])
    return {
        name: Seconds(*map(statistics.median, zip(*taken, strict=True)))
        for name, taken in seconds.items()
    }
