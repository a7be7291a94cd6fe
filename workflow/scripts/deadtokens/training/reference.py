"""A plain training loop, to be read first. `loop` equals it bit for bit, at every step.

A Crucible run without what makes `loop` fast or safe: no kernels of our own, nothing recorded, no
checkpoints. The model, the loss, the update, and where each of them rounds, are written out here.

Shapes: B examples of L tokens, hidden states of width D, heads of width E, V tokens in the
vocabulary. All tensors are bfloat16. Sums within an operation are float32, and the order in which
they are taken decides bits. For attention and loss there are two orders: torch's own (`TORCH`, for
`matmul_backend: native`) and that of our kernels (`plain_kernels.KERNELS`, for `fused`).
Everything else is torch's in both, and its bits depend on the number of threads.

Other settings have to be those of the published Crucible runs: `model: tinylm`, `head: plain`,
`examples: blocks`, no autocast, no clipping, a constant rate, everything in bfloat16. GPT-2's runs
differ in model and loss; they are held to Hugging Face's (tests/unit/test_gpt2_runs.py).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from deadtokens.training import batches, models
from deadtokens.training.settings import RunSettings


class Step(NamedTuple):
    """A step's loss, and of the tied matrix what a run can record, (V, D) bfloat16 each."""

    loss: float
    W: torch.Tensor  # after the update, like its two moments m and v
    m: torch.Tensor
    v: torch.Tensor
    g: torch.Tensor  # the gradient that the update took up


class Operations(NamedTuple):
    """The two operations for which we have kernels."""

    attend: Callable[..., torch.Tensor]  # of query, key, value (B, H, L, E): (B, H, L, E)
    cross_entropy: Callable[..., torch.Tensor]  # of hidden (B, L, D), W (V, D), targets (B, n): ()


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Every position attends to itself and to those before it."""
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def cross_entropy(hidden: torch.Tensor, W: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean loss. Logits, log-probabilities and their gradients are all rounded to bfloat16.

    That is physics: a dead token's probability is so small that a softmax in float32 would change
    the gradient that is measured here (docs/numerics.md, 6).
    """
    logits = hidden @ W.T  # (B, L, V): of the positions that predict nothing, too, as published
    logits = logits[:, : targets.shape[1]].reshape(-1, len(W))  # (B n, V)
    return F.cross_entropy(logits, targets.reshape(-1))


TORCH = Operations(attend, cross_entropy)


def train(run: RunSettings, tokens: np.ndarray, operations: Operations = TORCH) -> Iterator[Step]:
    """The steps of a run on tokens (n,) int32, with as many threads as torch is set to."""
    params = dict(models.build(run).named_parameters())  # drawn from the seed as published
    W = params["embedding.weight"]  # (V, D): embeds the tokens and predicts them
    moments = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in params.items()}
    blocks = tokens[: len(tokens) // run.seq_len * run.seq_len].reshape(-1, run.seq_len)
    per_epoch = len(blocks) // run.batch_size

    for step in range(1, run.total_steps + 1):
        epoch, position = divmod(step - 1, per_epoch)
        order = batches.permutation(run.random_seed, epoch, len(blocks))
        chosen = order[position * run.batch_size : (position + 1) * run.batch_size]
        ids = torch.from_numpy(blocks[chosen].astype(np.int64))  # (B, L)
        targets = ids[:, run.target_offset :]  # (B, n): of the first n positions

        hidden = forward(params, ids, run, operations.attend)  # (B, L, D)
        loss = operations.cross_entropy(hidden, W, targets)
        loss.backward()
        for name, param in params.items():
            adamw(param, param.grad, *moments[name], step, run)

        m, v = moments["embedding.weight"]
        yield Step(loss.item(), W.detach().clone(), m.clone(), v.clone(), W.grad)
        for param in params.values():
            param.grad = None


def forward(p: Mapping, ids: torch.Tensor, run: RunSettings, attend: Callable) -> torch.Tensor:
    """Hidden states (B, L, D) of ids (B, L): a transformer that normalizes before each layer."""
    positions = torch.arange(ids.shape[1])[None]  # (1, L)
    x = F.embedding(ids, p["embedding.weight"]) + F.embedding(positions, p["pos_embedding.weight"])
    for i in range(run.num_layers):
        layer = f"transformer.layers.{i}."
        x = x + mix(p, layer + "self_attn.", norm(p, layer + "norm1", x), run.num_heads, attend)
        wide = linear(p, layer + "linear1", norm(p, layer + "norm2", x))  # (B, L, 4 D)
        x = x + linear(p, layer + "linear2", F.gelu(wide))
    return norm(p, "ln_f", x)


def mix(p: Mapping, layer: str, x: torch.Tensor, heads: int, attend: Callable) -> torch.Tensor:
    """Self-attention of x (B, L, D): (B, L, D).

    Positions come before examples, as in torch's layer: gradients of weights are sums over both,
    in this order.
    """
    B, L, D = x.shape
    x = x.transpose(0, 1)  # (L, B, D)
    qkv = F.linear(x, p[layer + "in_proj_weight"], p[layer + "in_proj_bias"])  # (L, B, 3 D)
    by_head = (y.reshape(L, B, heads, -1).permute(1, 2, 0, 3) for y in qkv.split(D, dim=-1))
    mixed = attend(*by_head).permute(2, 0, 1, 3).reshape(L, B, D)  # from (B, H, L, E)
    return linear(p, layer + "out_proj", mixed).transpose(0, 1)


def linear(p: Mapping, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x, p[name + ".weight"], p[name + ".bias"])


def norm(p: Mapping, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"])


@torch.no_grad()
def adamw(
    w: torch.Tensor, g: torch.Tensor, m: torch.Tensor, v: torch.Tensor, step: int, run: RunSettings
) -> None:
    """Update a parameter and its moments in place: each line computes in float32 and rounds once.

    torch rounds epsilon, too, before it adds it (docs/numerics.md, 14). In bfloat16 `v * 0.999`
    rounds back to v, so v can grow and never decay (docs/numerics.md, 1).
    """
    m.copy_(m.float().lerp(g.float(), 1 - run.beta1))
    v.copy_(v.float() * run.beta2)
    v.copy_(v.float().addcmul(g.float(), g.float(), value=1 - run.beta2))
    root = v.float().sqrt().bfloat16()
    root = (root.float() / (1 - run.beta2**step) ** 0.5).bfloat16()
    root = root + torch.tensor(run.epsilon).bfloat16()
    w.copy_(w.float() * (1 - run.learning_rate * run.weight_decay))
    step_size = run.learning_rate / (1 - run.beta1**step)
    w.copy_(w.float().addcdiv(m.float(), root.float(), value=-step_size))
