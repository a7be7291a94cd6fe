"""Where the messages of a program go: its log, and its last word to whoever started it as well.

A log or a terminal that cannot be written to any more costs messages, never the work.
"""

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import TextIO

# The stderr that the program was started with, and its log, once messages go to that.
_outer: TextIO | None = None
_log_file: Path | None = None


def send_to(log_file: Path) -> None:
    """Point stdout and stderr, those of native code too, at the log; raises OSError."""
    global _outer, _log_file
    log_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    if sys.stderr:  # None where the program was started without one (`2>&-`)
        _outer = os.fdopen(os.dup(2), "w", errors="backslashreplace")
    _log_file = log_file
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    if descriptor > 2:
        os.close(descriptor)
    sys.stdout = sys.stdout or _writer(1)
    sys.stderr = sys.stderr or _writer(2)


def terminal() -> TextIO | None:
    """That from which the program was started, while its messages go to a log."""
    return _outer if _outer and _outer.isatty() else None


def last(text: str) -> None:
    """Say it in the log and to whoever started the program, as far as either can be written to."""
    for stream in (sys.stderr, _outer):
        if stream:
            _write(stream, text)


def traceback_of(error: Exception) -> None:
    """A fault of the program itself: all of it in the log, what it is outside."""
    last_lines = "".join(traceback.format_exception(error))
    _write(sys.stderr, last_lines.rstrip())
    outside(f"error: {type(error).__name__}: {error}. The traceback is in {_log_file}.")


def outside(text: str) -> None:
    """Say it to whoever started the program alone, if the messages go to a log."""
    if _outer:
        _write(_outer, text)


class Lines(logging.StreamHandler):
    """Log lines; the first that cannot be written is reported outside, and work continues."""

    _lost = False

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._lost:
            self._lost = True
            outside(f"warning: {_log_file}: {error.strerror}. Lines are missing in this log.")


def close() -> None:
    """Leave nothing to be written at exit: what fails there changes the exit code."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _writer(descriptor: int) -> TextIO:
    return open(descriptor, "w", buffering=1, errors="backslashreplace", closefd=False)


def _write(stream: TextIO | None, text: str) -> None:
    try:
        print(text, file=stream, flush=True)
    except (OSError, ValueError):  # full, gone, closed
        return
