"""Kernels of our own, in C++: compiled where they first run, and kept in the user's cache.

A source lies beside the module that calls it, under its name; `kernels.h` is what they share.
All are compiled to one library, for processors with AVX512-BF16.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from deadtokens.errors import UserError
from deadtokens.training import machine

SHARED = Path(__file__).with_suffix(".h")
SOURCES = tuple(sorted(SHARED.parent.glob("fused_*.cpp")))
# No contraction: which products are fused with a sum belongs to the source, not to the compiler.
FLAGS = (
    *("-std=c++17", "-O3", "-fPIC", "-shared", "-fopenmp", "-ffp-contract=off"),
    *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512bf16", "-mfma"),
)
NEEDED = "avx512_bf16"  # of the processor
POINTER, COUNT = ctypes.c_void_p, ctypes.c_int64


def missing() -> str | None:
    """What of this machine keeps the kernels from running here, or None."""
    try:
        library()
    except UserError as error:
        return str(error)
    return None


def function(name: str, *arguments: type) -> Callable[..., None]:
    """The kernel of this name, by the types of its arguments; UserError as `library` has it."""
    found = getattr(library(), name)
    found.restype, found.argtypes = None, arguments
    return found


@functools.cache
def library() -> ctypes.CDLL:
    """All kernels; UserError without the instructions, without a compiler, or if it fails."""
    if NEEDED not in machine.cpu_flags():
        raise UserError(
            f"products: fused needs a processor with {NEEDED}, and this one has none. "
            "Choose auto, float32 or native."
        )
    return ctypes.CDLL(str(_compiled()))


def _compiled() -> Path:
    """The library's file, compiled if the cache has none of these sources and this compiler."""
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        raise UserError(
            f"products: fused needs a C++ compiler, and there is no {compiler}. Install one "
            "(Debian: g++), name it in CXX, or choose products: auto."
        )
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    sources = [path.read_text() for path in (SHARED, *SOURCES)]
    made_from = "\n".join([*sources, *FLAGS, version])
    name = f"kernels-{hashlib.sha256(made_from.encode()).hexdigest()[:16]}.so"
    library = _folder() / name
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            partial = Path(folder) / name
            command = [compiler, *FLAGS, *map(str, SOURCES), "-o", str(partial)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise UserError(
                    f"products: fused: {compiler} cannot compile our kernels; it says:\n"
                    f"{done.stderr.strip()}\nTake g++ 11 or newer, or choose products: auto."
                )
            partial.replace(library)
    return library


def _folder() -> Path:
    """Where compiled kernels are kept; a folder of this process alone where there is no home."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "fimbulwinter"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return cache
    except (OSError, RuntimeError):
        return Path(tempfile.mkdtemp(prefix="fimbulwinter-"))
