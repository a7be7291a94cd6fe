"""A training step of each model family: the published loop, ours, and its matrix products alone.

    make bench

Prints a Markdown table of ratios. Every way has a process of its own with the run's threads, and
they take their steps in turn; a ratio is the median of the rounds' own. Models and batches have
their published sizes; token ids are random, since no time depends on what they say.

`published` is the notebooks' loop as a CPU runs it: torch's operations, torch.optim.AdamW, for the
GPT-2 runs transformers' model with its own loss; allocator and kernels as torch sets them up.
`bound` multiplies all matrices of a step and does nothing else: each shape in the type, bfloat16 or
float32, in which torch multiplies it faster here, and the head's 512 rows at a time. `cleared` is
ours, but memory that a step frees goes back to the system, which clears it for the next one.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import torch
from steady import published
from torch.utils._python_dispatch import TorchDispatchMode

from deadtokens import openmp
from deadtokens.training import machine, matmul, models
from deadtokens.training.adamw import ADAMW
from deadtokens.training.settings import RunSettings, choice

RUNS = ("crucible2", "thimble7", "wordybird1b")
CPU = torch.device("cpu")
aten = torch.ops.aten
ROWS_AT_ONCE = 512  # of the head's products
# These leave the allocator, the choice of kernels and how threads wait to torch.
AS_PUBLISHED = ("autocast", "published")
PAIRS = (("autocast", "ours"), ("published", "ours"), ("ours", "bound"), ("cleared", "ours"))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", nargs="*", default=RUNS)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)  # one way in a process
    options = arguments.parse_args()
    if options.serve:
        serve(*options.serve)
        return
    print("| run | published, autocast / ours | published / ours | ours / bound | cleared / ours |")
    print("| --- | --- | --- | --- | --- |")
    for name in options.runs:
        autocast, published, bound, cleared = ratios(name, options.rounds)
        figures = f"{autocast:.1f} | {published:.1f} | {bound:.2f} | {cleared:.2f}"
        print(f"| `{name}` | {figures} |", flush=True)


def ratios(
    name: str,
    rounds: int,
    threads: int | None = None,
    pairs: Sequence[tuple[str, str]] = PAIRS,
) -> tuple[float, ...]:
    """For each pair of ways how long the first takes, over the second; threads: the run's own."""
    threads = threads or published(name)["threads"]
    ways = {way for pair in pairs for way in pair}
    with contextlib.ExitStack() as stack:
        servers = {
            way: stack.enter_context(server(name, way, threads)) for way in WAYS if way in ways
        }
        took = [
            {way: seconds(served) for way, served in servers.items()} for _ in range(rounds + 1)
        ]
    return tuple(statistics.median(t[a] / t[b] for t in took[1:]) for a, b in pairs)


@contextlib.contextmanager
def server(
    name: str, way: str, threads: int, waiting: dict[str, str] | None = None
) -> Iterator[subprocess.Popen]:
    """A process that takes a step of a run in this way whenever it is asked for its seconds.

    `waiting` has OpenMP's variables that say how its threads wait, if not those of our programs.
    """
    command = [sys.executable, __file__, "--serve", name, way, str(threads)]
    environment = {k: v for k, v in os.environ.items() if k != machine.HUGE_PAGES}
    if way in AS_PUBLISHED:
        waiting = {}
    if waiting is not None:
        environment = openmp.as_it_comes(environment) | waiting
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def seconds(served: subprocess.Popen) -> float:
    """Seconds of one step."""
    served.stdin.write("\n")
    served.stdin.flush()
    answer = served.stdout.readline()
    if not answer:
        raise SystemExit(f"{' '.join(served.args)} ended; its message stands above.")
    return float(answer)


def serve(name: str, way: str, threads: str) -> None:
    """A step for every line that comes in, and its seconds out."""
    settings = RunSettings.from_json(published(name) | {"threads": int(threads)})
    torch.set_num_threads(settings.threads)
    if way == "cleared":
        machine._keep_freed_memory = lambda: None
    with contextlib.nullcontext() if way in AS_PUBLISHED else machine.pinned(settings.threads):
        step = WAYS[way](settings)
        for _ in sys.stdin:
            start = time.perf_counter()
            step()
            print(time.perf_counter() - start, flush=True)


def ours(settings: RunSettings) -> Callable[[], None]:
    """As `training.loop` takes a step, but for the recording."""
    multiply = matmul.named(settings.matmul_backend, CPU)
    head = choice("head", settings.head, multiply.heads)
    update = choice("adamw", settings.adamw, ADAMW)
    model = models.build(settings)
    params = [*model.parameters()]
    moments = [[torch.zeros_like(param) for param in params] for _ in range(2)]
    inputs, targets = _batch(settings)

    def step():
        with multiply.in_force():
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.autocast):
                loss, _ = head(model(inputs), model.W, targets)
            loss.backward()
        grads = (param.grad for param in params)
        update(params, grads, *moments, step=1, learning_rate=1e-3, **_adam(settings))
        model.zero_grad(set_to_none=True)

    return step


def as_published(settings: RunSettings, autocast: bool) -> Callable[[], None]:
    """The notebooks' loop: of TinyLM, or of transformers' model with its own loss."""
    model = models.build(settings)
    inputs, targets = _batch(settings)
    if settings.model == "gpt2":
        from transformers import GPT2LMHeadModel

        whole = GPT2LMHeadModel(model.transformer.config).to(torch.bfloat16).train()
        labels = inputs.roll(-1, 1)  # shifted by the data set; the model shifts once more

        def loss_of():
            return whole(inputs, labels=labels).loss
    else:
        whole = model

        def loss_of():
            logits = (model(inputs) @ model.W.T)[:, : targets.shape[1], :].contiguous()
            flat = logits.view(-1, settings.vocab_size)
            return torch.nn.functional.cross_entropy(flat, targets.reshape(-1))

    adam = _adam(settings)
    betas, eps, decay = (adam["beta1"], adam["beta2"]), adam["epsilon"], adam["weight_decay"]
    optimizer = torch.optim.AdamW(
        whole.parameters(), lr=1e-3, betas=betas, eps=eps, weight_decay=decay
    )

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = loss_of()
        loss.backward()
        optimizer.step()

    return step


def bound(settings: RunSettings) -> Callable[[], None]:
    """Every product of a step, in the faster of two types, and nothing else."""
    model = models.build(settings)
    inputs, targets = _batch(settings)
    seen = Products()
    with seen:
        hidden = model(inputs)
        hidden.backward(torch.ones_like(hidden))
    shapes = seen.shapes
    k, vocab, width = ROWS_AT_ONCE, settings.vocab_size, settings.hidden_dim
    for shape in ((1, k, width, vocab), (1, k, vocab, width), (1, vocab, k, width)):
        shapes[shape] += -(-targets.numel() // k)
    multiply = []

    def step():
        if not multiply:  # in the first turn, when no other process disturbs the choice
            for shape, times in shapes.items():
                multiply.append((min((_product(shape, t) for t in TYPES), key=_seconds), times))
        for product, times in multiply:
            for _ in range(times):
                product()

    return step


TYPES = (torch.bfloat16, torch.float32)
MULTIPLY = (aten.mm.default, aten.addmm.default, aten.bmm.default)
FORWARD = aten._scaled_dot_product_flash_attention_for_cpu.default
BACKWARD = aten._scaled_dot_product_flash_attention_for_cpu_backward.default


class Products(TorchDispatchMode):
    """Counts the products within it by their shapes (batch, m, k, n)."""

    def __init__(self):
        super().__init__()
        self.shapes = Counter()

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        if operation in MULTIPLY:
            left, right = arguments[-2:]
            batch = left.shape[0] if left.dim() == 3 else 1
            self.shapes[batch, *left.shape[-2:], right.shape[-1]] += 1
        elif operation in (FORWARD, BACKWARD):
            query = arguments[0 if operation == FORWARD else 1]
            batch, heads, length, width = query.shape
            # Backward: scores again and their gradient; gradients of values, queries and keys.
            by_width, by_length = (1, 1) if operation == FORWARD else (2, 3)
            self.shapes[batch * heads, length, width, length] += by_width
            self.shapes[batch * heads, length, length, width] += by_length
        return operation(*arguments, **(options or {}))


def _product(shape: tuple[int, int, int, int], dtype: torch.dtype) -> Callable[[], None]:
    batch, m, k, n = shape
    left, right = torch.randn(batch, m, k).to(dtype), torch.randn(batch, k, n).to(dtype)
    out = torch.empty(batch, m, n, dtype=dtype)
    if batch == 1:
        return lambda: torch.mm(left[0], right[0], out=out[0])
    return lambda: torch.bmm(left, right, out=out)


def _seconds(product: Callable[[], None]) -> float:
    took = []
    for _ in range(4):
        start = time.perf_counter()
        product()
        took.append(time.perf_counter() - start)
    return min(took[1:])


def _batch(settings: RunSettings) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    ids = torch.randint(settings.vocab_size, (settings.batch_size, settings.seq_len))
    return ids, ids[:, settings.target_offset :]


def _adam(settings: RunSettings) -> dict[str, float]:
    return {k: getattr(settings, k) for k in ("beta1", "beta2", "epsilon", "weight_decay")}


WAYS = {
    "autocast": lambda settings: as_published(settings, True),
    "published": lambda settings: as_published(settings, False),
    "ours": ours,
    "cleared": ours,
    "bound": bound,
}

if __name__ == "__main__":
    main()
