"""Kernels of our own, in C++: compiled where they first run, and kept in the user's cache.

A source lies beside the module that calls it, under its name; `kernels.h` is what they share.
All are compiled to one library, for processors with AVX512-BF16.
"""

import contextlib
import ctypes
import functools
import hashlib
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from deadtokens.errors import UserError
from deadtokens.training import compiler, machine, user_cache

log = logging.getLogger("fimbulwinter")

SHARED = Path(__file__).with_suffix(".h")
SOURCES = tuple(sorted(SHARED.parent.glob("fused_*.cpp")))
FLAGS = (
    *("-std=c++17", "-O3", "-fPIC", "-shared", "-fopenmp"),
    # What is fused with a sum and what is rounded belongs to the source: neither to the compiler
    # nor to options in CXX. Fast math would change the whole process, where the library is loaded.
    *("-ffp-contract=off", "-fno-fast-math", "-fno-unsafe-math-optimizations"),
    *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512bf16", "-mfma"),
)
NEEDED = "avx512_bf16"  # of the processor
CPU = torch.device("cpu")
POINTER, COUNT = ctypes.c_void_p, ctypes.c_int64
KERNEL = re.compile(r'^extern "C" void (\w+)\(', re.MULTILINE)  # in a source, by name
# A library that crashes where it is loaded shall do so in a process that can be spared.
TRIAL = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
TRIAL_SECONDS = 60


def missing() -> str | None:
    """What of this machine keeps the kernels from running here, as sentences, or None."""
    found = library()
    return found if isinstance(found, str) else None


def demand(device: torch.device) -> None:
    """UserError if the kernels cannot compute for this device, on this machine."""
    if device.type != "cpu":
        raise UserError(
            f"matmul_backend: fused computes on a CPU, and the device is {device.type}. "
            "Choose matmul_backend: auto, or device: cpu."
        )
    if reason := missing():
        raise UserError(
            f"matmul_backend: {reason} Or choose matmul_backend: auto, which does without where it "
            "must."
        )


def function(name: str, *arguments: type) -> Callable[..., None]:
    """The kernel of this name, by the types of its arguments; UserError where there are none."""
    demand(CPU)
    found = getattr(library(), name)
    found.restype, found.argtypes = None, arguments
    return found


@functools.cache
def library() -> ctypes.CDLL | str:
    """All kernels, or why there are none: the same answer for as long as the process lives."""
    if NEEDED not in machine.cpu_flags():
        return f"fused needs a processor with {NEEDED}, and this one has none."
    try:
        return _kept_or_compiled()
    except UserError as error:
        return str(error)
    except OSError as error:  # no disk for temporary files, no memory for another process
        return f"our kernels cannot be had: {error}."


def _kept_or_compiled() -> ctypes.CDLL:
    """From the cache, if it has one of these sources and this compiler that can be trusted."""
    words = compiler.command()
    name = f"kernels-{_digest(words)}.so"
    kept = None
    try:
        kept = user_cache.read(name)
    except user_cache.Unusable as reason:
        log.warning("kernels: %s; compiling them again.", reason)
    if kept is not None:
        return _loaded(kept)
    log.info("kernels: compiling them with %s, which takes some seconds.", " ".join(words))
    content = compiler.compiled(words, FLAGS, SOURCES)
    found = _loaded(content, on_trial=True)
    try:
        user_cache.keep(name, content)
    except user_cache.Unusable as reason:
        log.warning("kernels: %s; they are compiled for this process alone.", reason)
    return found


def _digest(compiler_words: Sequence[str]) -> str:
    """Of all that a library is made from: sources, flags, the compiler and its version."""
    version = compiler.version(compiler_words)
    sources = (path.read_bytes() for path in (SHARED, *SOURCES))
    made_from = [*map(os.fsencode, (*compiler_words, *FLAGS)), version, *sources]
    digests = (hashlib.sha256(part).digest() for part in made_from)
    return hashlib.sha256(b"".join(digests)).hexdigest()[:16]


def _loaded(content: bytes, on_trial: bool = False) -> ctypes.CDLL:
    """A library by its content: nobody can change it any more. UserError if it cannot be loaded."""
    failures = []
    for place in (_in_memory, _in_own_folder):
        try:
            with place(content) as (path, descriptors):
                if on_trial and sys.executable:
                    _try_elsewhere(path, descriptors)
                found = ctypes.CDLL(path)
                break
        except OSError as error:
            failures.append(str(error))
    else:
        raise UserError(
            f"our kernels were compiled and cannot be loaded: {'; '.join(dict.fromkeys(failures))}."
        )
    sources = (path.read_text("utf-8") for path in SOURCES)
    names = (name for source in sources for name in KERNEL.findall(source))
    lacking = [name for name in names if not hasattr(found, name)]
    if lacking:
        raise UserError(f"our kernels were compiled and lack {', '.join(lacking)}.")
    return found


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A file without a name, so that no mount forbids to execute it."""
    if not hasattr(os, "memfd_create"):
        raise OSError("this Python has no files in memory")
    # Never closed: the loader takes the same path, with the same number, for the same library.
    descriptor = os.memfd_create("fimbulwinter-kernels")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    yield f"/proc/self/fd/{descriptor}", (descriptor,)


@contextlib.contextmanager
def _in_own_folder(content: bytes) -> Iterator[tuple[str, tuple[int, ...]]]:
    with tempfile.TemporaryDirectory(prefix="fimbulwinter-") as folder:
        path = Path(folder, "kernels.so")
        path.write_bytes(content)
        yield str(path), ()


def _try_elsewhere(path: str, descriptors: tuple[int, ...]) -> None:
    """OSError if another process cannot load this library, or does not survive it."""
    command = [sys.executable, "-I", "-S", "-c", TRIAL, path]
    try:
        trial = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRIAL_SECONDS,
            pass_fds=descriptors,
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"loading it takes more than {TRIAL_SECONDS} seconds") from None
    if trial.returncode < 0:
        raise OSError(f"a process that loaded it was ended by {_signal(-trial.returncode)}")
    if trial.returncode:
        said = trial.stderr.decode(errors="replace").strip()
        reason = said.rpartition("\n")[2].removeprefix("OSError: ")
        raise OSError(reason or f"exit code {trial.returncode}")


def _signal(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
