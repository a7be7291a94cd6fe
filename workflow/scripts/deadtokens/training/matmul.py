"""How bfloat16 matrices are multiplied: as published, by the processor itself, or widened.

`native` is the published loop. Few processors multiply bfloat16 themselves (`bfloat16`, and `fused`
by kernels of our own); on the others PyTorch does it element by element and needs twenty times the
time of a float32 product (`float32`). A product of two bfloat16 values is exact in float32, and
every kernel sums in float32 and rounds the sum once. So none moves a rounding point of the
published loop; the order of the sums alone is another (docs/numerics.md, 10).
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from deadtokens.training import (
    attention,
    chunked_head,
    fused_attention,
    fused_gelu,
    fused_head,
    head,
    kernels,
    machine,
)
from deadtokens.training.settings import choice

aten = torch.ops.aten
MULTIPLY = (aten.mm.default, aten.addmm.default, aten.bmm.default)
ATTENTION_BACKWARD = aten._scaled_dot_product_flash_attention_for_cpu_backward.default


@contextlib.contextmanager
def own_operations(attend: Callable, gelu_new: Callable | None = None) -> Iterator[None]:
    """Within it models attend by a function of ours, and GPT-2's activation is one of ours.

    A mode of dispatch would do as well, but it takes a look at every operation of a step.
    """
    theirs = functional.scaled_dot_product_attention
    with contextlib.ExitStack() as stack:
        own = functools.partial(attention.attend, attend, theirs)
        stack.enter_context(_replaced(functional, "scaled_dot_product_attention", own))
        # A model that needs it has brought it along; it takes seconds to import.
        activations = sys.modules.get("transformers.activations")
        if gelu_new and activations:
            published = activations.NewGELUActivation.forward
            stack.enter_context(
                _replaced(
                    activations.NewGELUActivation,
                    "forward",
                    lambda module, x: gelu_new(functools.partial(published, module), x),
                )
            )
        yield


@contextlib.contextmanager
def _replaced(owner: object, name: str, own: Callable) -> Iterator[None]:
    theirs = getattr(owner, name)
    setattr(owner, name, own)
    try:
        yield
    finally:
        setattr(owner, name, theirs)


class WidenedProducts(TorchDispatchMode):
    """Within it products of bfloat16 matrices are those of their float32 copies, rounded once.

    That holds for the forward and the backward pass, of our layers and of a library's alike.
    """

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        options = options or {}
        if operation in MULTIPLY and all(x.dtype == torch.bfloat16 for x in arguments):
            return operation(*(x.float() for x in arguments), **options).to(torch.bfloat16)
        if operation == ATTENTION_BACKWARD and arguments[0].dtype == torch.bfloat16:
            return attention.flash_backward(*arguments, **options)
        return operation(*arguments, **options)


@dataclass(frozen=True)
class Backend:
    """A matrix-multiply backend: what is in force during a step, and the heads that go with it."""

    in_force: Callable[[], contextlib.AbstractContextManager]
    heads: dict[str, Callable]


# The head of transformers gains nothing from being cut: its softmax is cut already.
BY_CHUNKS = {"plain": chunked_head.native["plain"], **chunked_head.unrounded}
BACKENDS = {
    "native": Backend(contextlib.nullcontext, head.HEADS),
    "bfloat16": Backend(
        functools.partial(own_operations, attention.widened), head.HEADS | BY_CHUNKS
    ),
    "fused": Backend(
        functools.partial(own_operations, fused_attention.attend, fused_gelu.gelu_new),
        fused_head.fused | chunked_head.unrounded,
    ),
    "float32": Backend(WidenedProducts, chunked_head.widened),
}


@dataclass(frozen=True)
class Chosen:
    """The name of a backend, and why it is this one."""

    name: str
    reason: str


def named(name: str, device: torch.device) -> Backend:
    """The backend of this name on this device; UserError as `chosen` has it."""
    return BACKENDS[resolved(name, device)]


def resolved(name: str, device: torch.device) -> str:
    """What `auto` stands for: native on devices made for bfloat16, on a CPU what it is fast at."""
    return chosen(name, device).name


def chosen(name: str, device: torch.device) -> Chosen:
    """The backend of this name, or what `auto` takes on this device.

    UserError for an unknown name, and for `fused` where our kernels cannot be had.
    """
    if name == "auto":
        return _fastest(device)
    choice("matmul_backend", name, BACKENDS)
    if name == "fused":
        kernels.demand(device)
    return Chosen(name, "as asked for")


def _fastest(device: torch.device) -> Chosen:
    if device.type != "cpu":
        return Chosen("native", f"auto: {device.type} multiplies bfloat16 itself")
    if not machine.multiplies_bfloat16():
        return Chosen("float32", "auto: this processor has no instructions for bfloat16")
    if missing := kernels.missing():
        return Chosen("bfloat16", f"auto: {missing}")
    return Chosen("fused", f"auto: this processor has {kernels.NEEDED}, and our kernels are there")
