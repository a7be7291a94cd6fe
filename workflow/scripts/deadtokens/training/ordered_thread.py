"""Work that another thread does, call after call, while the caller continues."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

WAITING = 2  # calls at most, since each holds what it works on in memory


class OrderedThread:
    """One thread that makes the calls handed to it in their order; a context manager.

    What a call raises is raised again by the next `call`, by `wait`, or at the end.
    """

    def __init__(self):
        self._executor = ThreadPoolExecutor(max_workers=1)
        self._pending = deque()

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have the function called; waits only while others still wait for their turn."""
        while len(self._pending) >= WAITING:
            self._pending.popleft().result()
        self._pending.append(self._executor.submit(function, *arguments))

    def wait(self) -> None:
        """Wait until every call is done."""
        while self._pending:
            self._pending.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exception_type, exception, traceback) -> None:
        try:
            self.wait()
        finally:
            self._executor.shutdown()
