"""Signals that ask a run to end: it finishes its step, writes a checkpoint and leaves.

Slurm sends SIGTERM before it kills a job that is requeued, preempted or out of time (and SIGUSR1
where `--signal` asks for it), a terminal SIGINT.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ASKING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


@contextmanager
def heeded() -> Iterator[Callable[[], signal.Signals | None]]:
    """Within it the signals ask instead of ending the process; gives a function: which has asked.

    The second one ends the process as if it were not heeded. For the main thread alone.
    """
    asked = None

    def ask(number, frame):
        nonlocal asked
        asked = signal.Signals(number)
        _restore(before)

    before = {number: signal.signal(number, ask) for number in ASKING}
    try:
        yield lambda: asked
    finally:
        _restore(before)


def _restore(handlers: dict) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
