"""The C++ compiler of this machine: which one it is, and a library made by it."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deadtokens.errors import UserError

DEFAULT = "c++"
# Far more than they take (a second, ten seconds): one that hangs must not hold up a run for ever.
VERSION_SECONDS, COMPILE_SECONDS = 60, 600
LINES = 20  # of its messages that are shown; the first say what is wrong


def command() -> list[str]:
    """The words of CXX, a compiler with or without options; UserError if there is none."""
    text = os.environ.get("CXX", "").strip() or DEFAULT
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"CXX: {text!r} cannot be taken apart: {error}. Mend its quotes.") from None
    if shutil.which(words[0]) is None:
        raise UserError(
            f"fused needs a C++ compiler, and there is no {words[0]}. Install one (Debian: g++), "
            "or name it in CXX."
        )
    return words


def version(words: Sequence[str]) -> bytes:
    """What the compiler says of itself; UserError if it cannot be started or does not end."""
    return _said([*words, "--version"], VERSION_SECONDS)[1]


def compiled(words: Sequence[str], flags: Sequence[str], sources: Sequence[Path]) -> bytes:
    """The library that the compiler makes of these sources; UserError if it makes none."""
    name = shlex.join(words)
    try:
        with tempfile.TemporaryDirectory(prefix="fimbulwinter-") as folder:
            library = Path(folder, "kernels.so")
            arguments = [*words, *flags, *map(str, sources), "-o", str(library)]
            code, said = _said(arguments, COMPILE_SECONDS)
            if code:
                ended = f"exit code {code}" if code > 0 else signal.Signals(-code).name
                text = "\n".join(said.decode(errors="replace").strip().splitlines()[:LINES])
                raise UserError(
                    f"{name} cannot compile our kernels ({ended}); it says:\n{text or 'nothing'}\n"
                    "Take g++ 11 or newer (CXX names it)."
                )
            content = library.read_bytes() if library.is_file() else b""
    except OSError as error:
        raise UserError(f"our kernels cannot be compiled: {error}.") from None
    if not content:
        raise UserError(f"{name} ends well and writes no library. Name a C++ compiler in CXX.")
    return content


def _said(arguments: Sequence[str], seconds: float) -> tuple[int, bytes]:
    """Exit code and messages of a program that is given no input; UserError after so many seconds.

    Messages go to a file and not through a pipe: a daemon that a compiler leaves would hold that.
    """
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        except OSError as error:
            raise UserError(
                f"{arguments[0]} cannot be started as a C++ compiler: {error.strerror}. "
                "Name another in CXX."
            ) from None
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise UserError(
                f"{shlex.join(arguments)} does not end within {seconds} seconds. "
                "Name another C++ compiler in CXX."
            ) from None
        finally:
            if process.poll() is None:  # with the programs that it started
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        return code, said.read()
