"""What of a machine decides the bits of a run: threads, instruction set, versions.

Sums are taken in another order with another number of threads or another instruction set, and in
bfloat16 that shows from the first step on (docs/numerics.md, 5).
"""

import contextlib
import ctypes
import os
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import safetensors
import torch

from deadtokens.errors import UserError

# Each of these makes torch, oneDNN or MKL compute with other instructions.
INSTRUCTION_VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_CPU_ISA_HINTS",
    "DNNL_CPU_ISA_HINTS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
)
# Schedulers set these; `torch.set_num_threads` overrides them.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "MKL_DOMAIN_NUM_THREADS", "MKL_DYNAMIC")
# These it cannot override.
THREAD_LIMIT, DYNAMIC_THREADS = "OMP_THREAD_LIMIT", "OMP_DYNAMIC"
# Read once by torch, at its first tensor. The logits are hundreds of megabytes that come and go in
# each step; in pages of 4 kB a third of a step went into the faults. Huge pages change no bit.
HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"
# Parameters of glibc's allocator and the most that it takes for them: blocks from this size on come
# from the system and go back to it, and so does free memory beyond this much. Activations come and
# go in each step, and by default the system clears their pages each time.
MMAP_THRESHOLD, TRIM_THRESHOLD = (-3, 2**25), (-1, 2**31 - 1)
# The flags of /proc/cpuinfo by which oneDNN and MKL choose their kernels.
CPU_FLAGS = (
    *("avx2", "fma", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512dq"),
    *("avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16"),
)


DEVICES = {
    "cpu": lambda: True,
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
}
FASTEST_FIRST = ("cuda", "mps", "cpu")
# Without it cuBLAS refuses to be deterministic; read when a process first uses it.
CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def device(name: str) -> torch.device:
    """The device of this name, or of those there are the fastest for `auto`.

    UserError for an unknown name, or if there is none of this kind here.
    """
    if name != "auto" and name not in DEVICES:
        raise UserError(
            f"device: unknown name {name!r}; expected one of auto, {', '.join(DEVICES)}."
        )
    there = [kind for kind in FASTEST_FIRST if DEVICES[kind]()]
    if name != "auto" and name not in there:
        raise UserError(
            f"device: {name} asked for, but here is only {', '.join(there)}. "
            "Choose one of these, or auto."
        )
    return torch.device(there[0] if name == "auto" else name)


@contextlib.contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Compute with so many threads and deterministic kernels, whatever the environment says.

    UserError if the environment forbids it.
    """
    _check_environment(threads)
    os.environ.setdefault(HUGE_PAGES, "1")
    os.environ.setdefault(CUBLAS_WORKSPACE, ":4096:8")
    _keep_freed_memory()
    threads_before = torch.get_num_threads()
    deterministic_before = torch.are_deterministic_algorithms_enabled()
    fill_before = torch.utils.deterministic.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Filling every fresh tensor with NaN would cost time and serve no reproducibility here.
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        if torch.get_num_threads() != threads:
            raise UserError(
                f"threads: {threads} asked for, but torch gives {torch.get_num_threads()}. "
                "The bits of a run depend on it; choose a number that this machine can give."
            )
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.use_deterministic_algorithms(deterministic_before)
        torch.utils.deterministic.fill_uninitialized_memory = fill_before


def _keep_freed_memory() -> None:
    """Leave freed blocks to this process, which asks for the same ones again in the next step."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's alone
    for parameter, value in (MMAP_THRESHOLD, TRIM_THRESHOLD) if mallopt else ():
        mallopt(parameter, value)


def begin_copy_to_host(
    tensors: dict[str, torch.Tensor],
) -> Callable[[], dict[str, torch.Tensor]]:
    """Begin to copy tensors to the host; the function returned waits for them and gives them.

    From a CUDA device they go to pinned memory while the device computes on. What lies on the host
    already is given as it is: the caller may not write to it again.
    """
    if not any(tensor.is_cuda for tensor in tensors.values()):
        return lambda: {name: tensor.cpu() for name, tensor in tensors.items()}
    copies = {
        name: torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(
            tensor, non_blocking=True
        )
        for name, tensor in tensors.items()
    }
    copied = torch.cuda.Event()
    copied.record()

    def wait() -> dict[str, torch.Tensor]:
        copied.synchronize()
        return copies

    return wait


def versions() -> dict[str, str]:
    """The versions of what computes."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "safetensors": safetensors.__version__,
        "transformers": version("transformers"),
    }


def deciding_bits(on: torch.device) -> dict[str, object]:
    """Everything here that a checkpoint must share with the run that resumes from it."""
    return {
        "device": torch.cuda.get_device_name(on) if on.type == "cuda" else on.type,
        "torch": torch.__version__,
        "transformers": version("transformers"),
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cpu_flags": cpu_flags(),
        "environment": _set_variables(INSTRUCTION_VARIABLES),
    }


def described(on: torch.device) -> dict[str, object]:
    """The machine, for a run's provenance."""
    every_variable = (
        *INSTRUCTION_VARIABLES,
        *THREAD_VARIABLES,
        THREAD_LIMIT,
        DYNAMIC_THREADS,
        HUGE_PAGES,
    )
    return deciding_bits(on) | {
        "system": platform.platform(),
        "cpu_model": _cpuinfo("model name"),
        "environment": _set_variables(every_variable),
    }


def multiplies_bfloat16() -> bool:
    """Whether the CPU here has instructions for products of bfloat16 values."""
    return bool({"avx512_bf16", "amx_bf16"} & {*cpu_flags()})


def _check_environment(threads: int) -> None:
    limit = os.environ.get(THREAD_LIMIT, "")
    if limit.isdigit() and int(limit) < threads:
        raise UserError(
            f"environment: {THREAD_LIMIT}={limit}, but the run computes with threads: {threads}, "
            f"and its bits depend on that. Unset {THREAD_LIMIT}."
        )
    if os.environ.get(DYNAMIC_THREADS, "").strip().lower() in ("true", "1"):
        raise UserError(
            f"environment: {DYNAMIC_THREADS} lets the number of threads follow the machine's load, "
            f"and the bits of a run depend on it. Unset {DYNAMIC_THREADS}."
        )


def _set_variables(names: tuple[str, ...]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def cpu_flags() -> list[str]:
    """Those of CPU_FLAGS that the processor has."""
    found = _cpuinfo("flags").split()
    return [flag for flag in CPU_FLAGS if flag in found]


def _cpuinfo(key: str) -> str:
    """The first value of a key in /proc/cpuinfo; empty where there is no such file or key."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    values = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in values if name.strip() == key), "")
