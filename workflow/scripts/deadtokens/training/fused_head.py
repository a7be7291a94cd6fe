"""The heads of `chunked_head`, each row from logits to gradients while it is in the cache.

The kernel is `fused_head.cpp`. It is compiled where it first runs, for processors with
AVX512-BF16, and kept in the user's cache. Values are rounded where `head` rounds them; the order of
the float32 sums is the kernel's own and does not depend on the number of threads.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from deadtokens.errors import UserError
from deadtokens.training import chunked_head, machine

SOURCE = Path(__file__).with_suffix(".cpp")
# No contraction: which products are fused with a sum belongs to the source, not to the compiler.
FLAGS = (
    *("-std=c++17", "-O3", "-fPIC", "-shared", "-fopenmp", "-ffp-contract=off"),
    *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512bf16", "-mfma"),
)
NEEDED = "avx512_bf16"  # of the processor
POINTER, COUNT = ctypes.c_void_p, ctypes.c_int64


def missing() -> str | None:
    """What of this machine keeps the kernel from running here, or None."""
    try:
        _kernel()
    except UserError as error:
        return str(error)
    return None


class _CrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of rows (N, D) with the tied matrix (V, D), and both gradients at once."""

    @staticmethod
    def forward(ctx, rows, tied, targets, softmax):
        if {rows.dtype, tied.dtype} != {torch.bfloat16}:
            raise TypeError(f"the fused head takes bfloat16, not {rows.dtype} and {tied.dtype}")
        rows, tied, targets = (x.contiguous() for x in (rows, tied, targets))
        of_targets = rows.new_empty(len(rows), 1, dtype=torch.float32)
        of_target = chunked_head.gradient_of_mean(of_targets.to(softmax))
        grads = torch.empty_like(rows), torch.empty_like(tied)
        _kernel()(
            *(x.data_ptr() for x in (rows, tied, targets)),
            *(*rows.shape, len(tied), torch.get_num_threads()),
            *(of_target.item(), softmax == torch.bfloat16),
            *(x.data_ptr() for x in (of_targets, *grads)),
        )
        ctx.save_for_backward(*grads)
        return torch.nn.functional.nll_loss(of_targets.to(softmax), torch.zeros_like(targets))

    @staticmethod
    def backward(ctx, grad_output):
        return *chunked_head.scaled(ctx.saved_tensors, grad_output), None, None


@functools.cache
def _kernel():
    if NEEDED not in machine.cpu_flags():
        raise UserError(
            f"products: fused needs a processor with {NEEDED}, and this one has none. "
            "Choose auto, float32 or native."
        )
    function = ctypes.CDLL(str(_compiled())).cross_entropy
    function.restype = None
    function.argtypes = [
        *(POINTER, POINTER, POINTER, COUNT, COUNT, COUNT, ctypes.c_int),
        *(ctypes.c_float, ctypes.c_bool, POINTER, POINTER, POINTER),
    ]
    return function


def _compiled() -> Path:
    """The kernel as a shared library, compiled if the cache has none of this source and compiler.

    UserError without a compiler, or if it fails.
    """
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        raise UserError(
            f"products: fused needs a C++ compiler, and there is no {compiler}. Install one "
            "(Debian: g++), name it in CXX, or choose products: auto."
        )
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    made_from = "\n".join([SOURCE.read_text(), *FLAGS, version])
    name = f"head-{hashlib.sha256(made_from.encode()).hexdigest()[:16]}.so"
    library = _folder() / name
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            partial = Path(folder) / name
            command = [compiler, *FLAGS, str(SOURCE), "-o", str(partial)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise UserError(
                    f"products: fused: {compiler} cannot compile {SOURCE.name}; it says:\n"
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


fused = chunked_head.heads(_CrossEntropy.apply)
