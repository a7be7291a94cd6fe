"""What the scripts share: settings, messages, progress, atomic outputs, exit codes."""

from deadtokens.program import interrupts  # first: what follows takes its time

# isort: split
import argparse
import contextlib
import json
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from deadtokens.errors import Stopped
from deadtokens.files import provenance, unfinished
from deadtokens.program import failures, messages

log = logging.getLogger("fimbulwinter")

SECONDS_BETWEEN_LOG_LINES = 10.0


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
            help="the job's slice of the configuration, as JSON or as the path of a JSON file: "
            + ", ".join(settings),
        )
    arguments.add_argument(
        "--identity", help="digest of all that decides what is made, for its record"
    )
    arguments.add_argument("--log", type=Path, help="append all messages to this file")
    return arguments


def run(main: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> None:
    """Run a script: what the user or the machine did wrong ends it with one message and code 1."""
    options = arguments.parse_args()
    is_program = interrupts.raise_again()
    # Snakemake ignores it inside a cluster's job, and a program inherits that (rules/common.smk).
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        code = _exit_code(main, options)
    except KeyboardInterrupt:
        messages.last("interrupted")
        code = 128 + signal.SIGINT
    if is_program:
        interrupts.end_quietly()
    messages.close()
    if code:
        sys.exit(code)


def _exit_code(main: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    try:
        if options.log:
            messages.send_to(options.log)
        lines = [messages.Lines(sys.stderr)]
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=lines)
        _check_inputs(options)
        main(options)
    except Stopped as stopped:
        log.warning("%s", stopped)
        return stopped.exit_code
    except Exception as error:
        message = failures.message(error, options)
        if message is None:
            messages.traceback_of(error)
        else:
            messages.last(f"error: {message}")
        return 1
    return 0


@contextlib.contextmanager
def finished(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Names to write to; the files get their final names together at the end, or not at all.

    What is in the making lies beside its final place as `.partial.OWN.NAME`, OWN being a word of
    this process alone. UserError if a file of a final name was not made by this project.
    """
    provenance.refuse_foreign(*paths)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.names(paths) as partial:
        try:
            yield partial
            for path in partial:
                _wait_until_on_disk(path)
            provenance.put(dict(zip(paths, partial, strict=True)), **made_from())
        except OSError as error:
            # Python does not say which file was being written.
            error.filename = error.filename or ", ".join(map(str, paths))
            raise


def made_from() -> dict[str, Any]:
    """What the running program makes its files from, for their records."""
    return {"identity": _identity, "made_by": _made_by}


def _check_inputs(options: argparse.Namespace) -> None:
    """Hold every file that is given against its record; large ones are checked while they are read.

    What is there before the program begins counts as given: it makes its files from that.
    """
    global _identity
    _identity, program = options.identity, Path(sys.argv[0]).stem
    _made_by.update(program=program, settings=getattr(options, "settings", None), inputs={})
    for value in vars(options).values():
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, Path) and path != options.log and path.is_file():
                _made_by["inputs"][str(path)] = provenance.check(path)


def write_json(path: Path, value: object) -> None:
    """Write a table or report as JSON that a person can read; NaN and infinity become null."""
    text = json.dumps(_without_nan(value), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


class Progress:
    """Rate and time left of a long job: a bar on the terminal, a line in the log now and then."""

    def __init__(self, total: int, unit: str, done: int = 0):
        self._bar = tqdm(
            total=total, initial=done, unit=unit, file=messages.terminal() or _nowhere()
        )
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


_identity: str | None = None
_made_by: dict[str, Any] = {}


def _nowhere():
    return open(os.devnull, "w")
