"""A training step of each model family: the published loop, ours, and the products alone.

    make bench

Prints a Markdown table of ratios. All are measured side by side in one process, in turn, and each
is the median of its rounds. Models and batches have their published sizes; token ids are random,
since no time depends on what they say. `plain` is the published loop as a CPU runs it (with
autocast, and without), `bound` the three products of the head alone, in the
type in which this processor multiplies faster.
"""

import argparse
import statistics
import time

import torch
from steady import published

from deadtokens.training import machine, models, products
from deadtokens.training.settings import RunSettings, choice

RUNS = ("crucible2", "thimble7", "wordybird1b")
CPU = torch.device("cpu")
WAYS = {
    "plain, autocast": {"products": "native", "autocast": True},
    "plain": {"products": "native", "autocast": False},
    "ours": {},
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", nargs="*", default=RUNS)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    print("| run | plain with autocast / ours | plain / ours | ours / bound |")
    print("| --- | --- | --- | --- |")
    for name in options.runs:
        settings = published(name)
        with machine.pinned(settings["threads"]):
            steps = {way: step_of(settings | changes) for way, changes in WAYS.items()}
            steps["bound"] = head_products(settings)
            took = medians(steps, options.rounds)
        ours = took["ours"]
        print(
            f"| `{name}` | {took['plain, autocast'] / ours:.1f} | {took['plain'] / ours:.1f} "
            f"| {ours / took['bound']:.2f} |",
            flush=True,
        )


def medians(ways: dict, rounds: int) -> dict[str, float]:
    """The median seconds of each way, taken in turn, after one round that does not count."""
    seconds = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, step in ways.items():
            start = time.perf_counter()
            step()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def step_of(values: dict):
    """Forward and backward pass of a run; the update is the same for all, and cheap."""
    settings = RunSettings.from_json(values)
    multiply = products.named(settings.products, CPU)
    head = choice("head", settings.head, multiply.heads)
    model = models.build(settings)
    ids = torch.randint(settings.vocab_size, (settings.batch_size, settings.seq_len))
    targets = ids[:, settings.target_offset :]

    def step():
        with multiply.in_force():
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.autocast):
                loss, _ = head(model(ids), model.tied, targets)
            loss.backward()
        model.zero_grad()

    return step


def head_products(values: dict):
    """Logits, and the gradients of hidden states and of the tied matrix, some rows at a time."""
    rows = values["batch_size"] * (values["seq_len"] - values["target_offset"])
    vocab, width, chunk = values["vocab_size"], values["hidden_dim"], 512
    dtype = torch.bfloat16 if machine.multiplies_bfloat16() else torch.float32
    hidden, tied = torch.randn(chunk, width).to(dtype), torch.randn(vocab, width).to(dtype)
    logits, of_hidden = (torch.empty(chunk, n, dtype=dtype) for n in (vocab, width))
    of_tied = torch.zeros(vocab, width, dtype=dtype)

    def multiply():
        for _ in range(0, rows, chunk):
            torch.mm(hidden, tied.T, out=logits)
            torch.mm(logits, tied, out=of_hidden)
            of_tied.addmm_(logits.T, hidden)

    return multiply


if __name__ == "__main__":
    main()
