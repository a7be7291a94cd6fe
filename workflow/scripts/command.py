"""What the scripts share: settings, messages, progress, atomic outputs, exit codes."""

import argparse
import contextlib
import errno
import json
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from deadtokens.errors import Stopped, UserError

log = logging.getLogger("fimbulwinter")

SECONDS_BETWEEN_LOG_LINES = 10.0
DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def parser(docstring: str, *settings: str) -> argparse.ArgumentParser:
    """The command line of a script: its docstring as help, `--log`, and `--settings` if it has any.

    `settings` names the keys that the script reads; one that is not given is an error.
    """
    arguments = argparse.ArgumentParser(
        description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if settings:
        arguments.add_argument(
            "--settings",
            type=lambda text: _with_keys(_json_object(text), settings),
            required=True,
            metavar="JSON",
            help="the step's slice of the configuration, as JSON or as the path of a JSON file: "
            + ", ".join(settings),
        )
    arguments.add_argument("--log", type=Path, help="append all messages to this file")
    return arguments


def run(main: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> None:
    """Run a script: a `UserError` or a full disk ends it with one message and exit code 1."""
    options = arguments.parse_args()
    # Snakemake ignores it inside a cluster's job, and a program inherits that (rules/common.smk).
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if options.log:
        _send_messages_to(options.log)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        main(options)
    except UserError as error:
        sys.exit(f"error: {error}")
    except Stopped as stopped:
        log.warning("%s", stopped)
        sys.exit(stopped.exit_code)
    except OSError as error:
        if error.errno in DISK_IS_FULL:
            advice = "Free some space and start again."
        elif isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError):
            advice = "Check the path."
        else:
            raise
        sys.exit(f"error: {error.filename}: {error.strerror}. {advice}")


@contextlib.contextmanager
def finished(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Names to write to; the files get their final names together at the end, or not at all.

    What is in the making lies beside its final place as `.partial.NAME`.
    """
    partial = tuple(path.with_name(f".partial.{path.name}") for path in paths)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        for unfinished in partial:
            _wait_until_on_disk(unfinished)
        for unfinished, path in zip(partial, paths, strict=True):
            os.replace(unfinished, path)
    except OSError as error:
        # Python does not say which file was being written.
        error.filename = error.filename or ", ".join(map(str, paths))
        raise
    finally:
        for unfinished in partial:
            unfinished.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write a table or report as JSON that a person can read; NaN and infinity become null."""
    text = json.dumps(_without_nan(value), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


class Progress:
    """Rate and time left of a long step: a bar on the terminal, a line in the log now and then."""

    def __init__(self, total: int, unit: str, done: int = 0):
        self._bar = tqdm(total=total, initial=done, unit=unit, file=_terminal or _nowhere())
        self._last_line = time.monotonic()

    def __call__(self, done: int, remark: str = "") -> None:
        """Say that `done` units are done in all."""
        self._bar.set_postfix_str(remark, refresh=False)
        self._bar.update(done - self._bar.n)
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LOG_LINES or done >= self._bar.total:
            self._last_line = now
            log.info("%s", self._bar)


def _wait_until_on_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json_object(text: str) -> dict:
    try:
        return json.loads(text if text.lstrip().startswith("{") else Path(text).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"neither a JSON object nor a readable JSON file: {error}"
        raise argparse.ArgumentTypeError(message) from None


def _with_keys(settings: dict, keys: tuple[str, ...]) -> dict:
    missing = [key for key in keys if key not in settings]
    if missing:
        message = f"missing {', '.join(missing)}; expected {', '.join(keys)}"
        raise argparse.ArgumentTypeError(message)
    return settings


_terminal = None


def _nowhere():
    return open(os.devnull, "w")


def _send_messages_to(log_file: Path) -> None:
    """Point stdout and stderr, those of native code too, at the log; keep the terminal."""
    global _terminal
    if os.isatty(2):
        _terminal = os.fdopen(os.dup(2), "w")
    log_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
