"""What makes a step fast: the head by chunks and fused, our kernels in transformers, torch.compile.

    make bench

Prints Markdown tables of ratios, medians over rounds in which all ways take turns, in one
process with a run's threads. Random hidden states and token ids of published sizes.
"""

import argparse
import contextlib
import time
from functools import partial

import torch
import turns
from steady import published
from torch._inductor import config as inductor

from deadtokens.training import chunked_head, machine, matmul, models
from deadtokens.training.head import HEADS
from deadtokens.training.settings import RunSettings

RUNS = ("crucible2", "thimble7", "wordybird1b")
CPU = torch.device("cpu")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", nargs="*", default=RUNS)
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    heads, bodies, compiled = [], [], []
    for name in options.runs:
        settings = RunSettings.from_json(published(name))
        with machine.pinned(settings.threads):
            heads.append(f"| `{name}` | {compare_heads(settings, options.rounds)} |")
            bodies.append(f"| `{name}` | {compare_bodies(settings, options.rounds)} |")
            for casts in (False, True):
                cells = compare_compiled(settings, options.rounds, casts)
                compiled.append(f"| `{name}`, {'rounded' if casts else 'as it is'} | {cells} |")
    print("| head of | whole / fused | by chunks / fused | elements of gradients that differ |")
    print("| --- | --- | --- | --- |")
    print("\n".join(heads))
    print("\n| transformer of | with our kernels / torch's | with float32 backward / torch's |")
    print("| --- | --- | --- |")
    print("\n".join(bodies))
    print("\n| transformer, compiled | / ours | first pass / ours | hidden states that differ |")
    print("| --- | --- | --- | --- |")
    print("\n".join(compiled))


def compare_heads(settings: RunSettings, rounds: int) -> str:
    """Times over the fused head's, and how its gradients differ from those by chunks."""
    n = settings.seq_len - settings.target_offset
    torch.manual_seed(0)
    size = (settings.batch_size, settings.seq_len, settings.hidden_dim)
    hidden = torch.randn(size).bfloat16().requires_grad_()
    tied = (torch.randn(settings.vocab_size, size[2]) * settings.init_std).bfloat16()
    tied.requires_grad_()
    targets = torch.randint(settings.vocab_size, (size[0], n))
    gradients = {}

    def through(way, head):
        hidden.grad = tied.grad = None
        head(hidden, tied, targets)[0].backward()
        gradients[way] = torch.cat([hidden.grad.flatten(), tied.grad.flatten()])

    ways = {"whole": HEADS[settings.head]}
    ways |= {"chunks": chunked_head.native[settings.head]}
    ways |= {"fused": matmul.BACKENDS["fused"].heads[settings.head]}
    took = turns.medians(
        {w: lambda w=w, head=head: through(w, head) for w, head in ways.items()}, rounds
    )
    differ = (gradients["fused"] != gradients["chunks"]).float().mean().item()
    whole, chunks = (took[way].clock / took["fused"].clock for way in ("whole", "chunks"))
    return f"{whole:.2f} | {chunks:.2f} | {differ:.2%}"


def compare_bodies(settings: RunSettings, rounds: int) -> str:
    """Forward and backward pass of the transformer alone; attention and GPT-2's GELU differ."""
    body = Body(settings)
    names = ("fused", "bfloat16", "native")
    acts = {name: partial(body.through, matmul.BACKENDS[name].in_force) for name in names}
    took = turns.medians(acts, rounds, uncounted=1)
    ours, widened = (took[name].clock / took["native"].clock for name in names[:2])
    return f"{ours:.2f} | {widened:.2f}"


def compare_compiled(settings: RunSettings, rounds: int, casts: bool) -> str:
    """The same by torch.compile, with the roundings that eager has between operations, or not."""
    torch.compiler.reset()
    body = Body(settings)
    compiled = torch.compile(body.model)
    # What an earlier call left on the disk would hide what the first pass takes.
    with inductor.patch(emulate_precision_casts=casts, force_disable_caches=True):
        acts = {
            "ours": partial(body.through, matmul.BACKENDS["fused"].in_force),
            "compiled": partial(body.through, contextlib.nullcontext, compiled),
        }
        first, hidden = {}, {}
        for way, act in acts.items():
            before = time.perf_counter()
            hidden[way] = act()
            first[way] = time.perf_counter() - before
        took = turns.medians(acts, rounds, uncounted=1)
    differ = (hidden["ours"] != hidden["compiled"]).float().mean().item()
    ours = took["ours"].clock
    return f"{took['compiled'].clock / ours:.2f} | {first['compiled'] / ours:.0f} | {differ:.1%}"


class Body:
    """A transformer and a batch of random token ids."""

    def __init__(self, settings: RunSettings):
        torch.manual_seed(0)
        self.model = models.build(settings)
        self.ids = torch.randint(settings.vocab_size, (settings.batch_size, settings.seq_len))
        self.autocast = settings.autocast

    def through(self, in_force, model=None) -> torch.Tensor:
        """Its hidden states; the gradients are made, and left to nobody."""
        with in_force(), torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            hidden = (self.model if model is None else model)(self.ids)
        hidden.backward(torch.ones_like(hidden))
        self.model.zero_grad(set_to_none=True)
        return hidden.detach()


if __name__ == "__main__":
    main()
