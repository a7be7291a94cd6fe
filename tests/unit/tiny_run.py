"""A run that takes seconds, and the published loop, written plainly, to hold it to."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

from deadtokens.files.storage import SUFFIX
from deadtokens.training import batches, loop, matmul
from deadtokens.training.checkpoints import Workspace
from deadtokens.training.masks import load_masks
from deadtokens.training.settings import RunSettings

SCRIPT = Path(__file__).parents[2] / "workflow" / "scripts" / "training" / "train_run.py"

SETTINGS = {
    **{"run": "tiny", "experiment": "Tiny", "series": "Tests", "notes": "", "corpus": "none"},
    **{"model": "tinylm", "vocab_size": 211, "hidden_dim": 16, "num_layers": 2, "num_heads": 2},
    **{"examples": "blocks", "seq_len": 12, "target_offset": 1, "batch_size": 4},
    **{"total_steps": 12, "learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    **{"weight_decay": 0.0, "adamw": "for-loop", "precision": "bfloat16", "autocast": False},
    **{
        "head": "plain",
        "matmul_backend": "native",
        "init_std": 0.02,
        "random_seed": 42,
        "rows": "dead",
    },
    **{"record": ["W", "m", "v", "g", "delta_W_prime"], "motion_threshold": 0.1},
    **{"threads": 1, "device": "cpu", "checkpoint_seconds": 60},
}
# Tokens stop one after the other, so that a last_motion_step gone wrong shows.
FREEZING = {"learning_rate": 1e-5, "motion_threshold": 2.0}
# What the other Crucible notebooks record.
CRUCIBLE_1 = {"record": ["W", "delta_W_prime", "centroid"]}
CRUCIBLE_3 = {"rows": "all", "record": ["W", "h_mean"], "last_motion": False, "statistics": []}
# What the GPT-2 runs record.
THIMBLE = {
    **{"naming": "thimble", "rows": "all", "record": ["W", "g", "m", "v"]},
    **{"last_motion": False, "statistics": []},
}
WORDYBIRD = THIMBLE | {"naming": "wordybird", "record": ["W", "g", "m", "v", "logits"]}
LIVE = 150


def files(folder: Path) -> list[str]:
    """The names of all files in a folder; their records lie in a folder of their own."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def settings(**changes) -> RunSettings:
    return RunSettings.from_json(SETTINGS | changes)


def law_settings(run: RunSettings) -> dict:
    """The update law of a run from no checkpoint, as rules pass it to programs."""
    numbers = ("beta1", "beta2", "epsilon", "weight_decay")
    names = ("adamw", "state_precision", "second_moment_precision", "weight_precision")
    names += ("total_steps", "run")
    return {
        "optimizer": {key: getattr(run, key) for key in numbers} | {"elapsed_steps": 0},
        "schedule": {
            **{"learning_rate": run.learning_rate, "schedule": run.schedule},
            **{"schedule_steps": run.total_steps, "elapsed_steps": 0},
        },
        **{key: getattr(run, key) for key in names},
    }


def make_inputs(folder: Path, vocab_size: int = SETTINGS["vocab_size"]) -> tuple[Path, Path]:
    """A tokens and a masks file: 5 batches an epoch, live and dead ids mixed."""
    rng = np.random.default_rng(7)
    ids = rng.permutation(vocab_size)[:LIVE]
    tokens = ids[np.minimum(rng.geometric(0.03, 260), LIVE) - 1].astype(np.int32)
    dead = np.bincount(tokens, minlength=vocab_size) == 0
    save_file({"tokens": tokens}, folder / "tokens.safetensors")
    save_file(
        {"dead_mask": dead, "dead_indices": np.flatnonzero(dead)}, folder / "masks.safetensors"
    )
    return folder / "tokens.safetensors", folder / "masks.safetensors"


def command_line(folder: Path, output: Path, **changes) -> list[str]:
    """train_run.py on the inputs in `folder`."""
    options = {
        "--settings": json.dumps(SETTINGS | changes),
        "--tokens": folder / "tokens.safetensors",
        "--masks": folder / "masks.safetensors",
        "--code": "of-the-test",
        "--trajectory": output / "trajectory.safetensors",
        "--metadata": output / "metadata.json",
    }
    return [sys.executable, str(SCRIPT), *(str(part) for pair in options.items() for part in pair)]


def completed(words: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(words, capture_output=True, text=True)


def run_script(folder: Path, output: Path, **changes) -> subprocess.CompletedProcess:
    return completed(command_line(folder, output, **changes))


def train(
    folder: Path,
    run: RunSettings,
    report=lambda step, loss: None,
    identity="0" * 64,
    kept=None,
    begin_from=None,
    scratch=None,
    asked=lambda: None,
):
    """Train on the inputs in `folder`, into its trajectory.safetensors or .h5."""
    tokens = batches.load_tokens(folder / "tokens.safetensors", run.vocab_size)
    masks = load_masks(folder / "masks.safetensors", run.vocab_size)
    output = folder / f"trajectory{SUFFIX[run.storage]}"
    with Workspace(output, identity, run.checkpoint_seconds, kept, scratch) as work:
        outcome = loop.train(run, tokens, masks, work, report, begin_from, asked)
        work.finish()
    return outcome


class PublishedTinyLM(nn.Module):
    """The model of the Crucible notebooks, head included; gives logits and hidden states."""

    def __init__(self, vocab_size, hidden_dim, num_layers, num_heads, seq_len):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_dim)
        self.pos_embedding = nn.Embedding(seq_len, hidden_dim)
        encoder_layer = nn.TransformerEncoderLayer(
            d_model=hidden_dim,
            nhead=num_heads,
            dim_feedforward=hidden_dim * 4,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.transformer = nn.TransformerEncoder(encoder_layer, num_layers=num_layers)
        self.ln_f = nn.LayerNorm(hidden_dim)
        nn.init.normal_(self.embedding.weight, mean=0.0, std=0.02)
        nn.init.normal_(self.pos_embedding.weight, mean=0.0, std=0.02)

    def forward(self, input_ids):
        length = input_ids.shape[1]
        hidden = self.embedding(input_ids) + self.pos_embedding(torch.arange(length).unsqueeze(0))
        causal_mask = nn.Transformer.generate_square_subsequent_mask(length)
        hidden = self.transformer(hidden, mask=causal_mask, is_causal=True)
        hidden = self.ln_f(hidden)
        return hidden @ self.embedding.weight.T, hidden


def published_ulp(tensor_bf16):
    bits = tensor_bf16.view(torch.uint16).to(torch.int32)
    exponent = (bits >> 7) & 0xFF
    effective_exp = torch.where(exponent == 0, torch.ones_like(exponent), exponent)
    return torch.pow(2.0, (effective_exp - 134).float())


def plain_loop(run: RunSettings, tokens: np.ndarray, dead_mask: torch.Tensor) -> dict:
    """Every field of the three Crucible notebooks, by torch.nn and torch.optim.AdamW.

    The order of the batches alone is taken from the library: the notebook's shuffle depends on how
    much randomness was drawn before it.
    """
    torch.set_num_threads(run.threads)
    torch.manual_seed(run.random_seed)
    multiply = matmul.named(run.matmul_backend, torch.device("cpu")).in_force
    model = PublishedTinyLM(
        run.vocab_size, run.hidden_dim, run.num_layers, run.num_heads, run.seq_len
    ).to(torch.bfloat16)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=run.learning_rate,
        betas=(run.beta1, run.beta2),
        eps=run.epsilon,
        weight_decay=run.weight_decay,
    )
    blocks = tokens[: len(tokens) // run.seq_len * run.seq_len].reshape(-1, run.seq_len)
    per_epoch = len(blocks) // run.batch_size
    weight = model.embedding.weight
    rows = dead_mask if run.rows == "dead" else torch.ones_like(dead_mask)
    nothing = torch.zeros(int(rows.sum()), run.hidden_dim)
    last_motion_step = torch.full((len(nothing),), -1, dtype=torch.int32)
    previous = weight.detach()[rows]
    record = {"W": [previous], "m": [nothing], "v": [nothing], "g": [], "delta_W_prime": []}
    record |= {"centroid": [previous.float().mean(dim=0)], "h_mean": []}
    losses = [float("nan")]
    model.train()
    for step in range(run.total_steps):
        epoch, position = divmod(step, per_epoch)
        order = batches.permutation(run.random_seed, epoch, len(blocks))
        chosen = order[position * run.batch_size : (position + 1) * run.batch_size]
        input_ids = torch.from_numpy(blocks[chosen].astype(np.int64))
        with multiply(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=run.autocast):
            logits, h = model(input_ids)
            shift_logits = logits[:, : -run.target_offset, :].contiguous()
            shift_labels = input_ids[:, run.target_offset :].contiguous()
            loss = nn.CrossEntropyLoss()(
                shift_logits.view(-1, run.vocab_size), shift_labels.view(-1)
            )
        optimizer.zero_grad()
        with multiply():
            loss.backward()
        record["g"].append(weight.grad[rows].float())
        optimizer.step()
        current = weight.detach()[rows]
        record["W"].append(current)
        record["centroid"].append(current.float().mean(dim=0))
        record["h_mean"].append(h.mean(dim=(0, 1)).cpu().float().detach())
        record["m"].append(optimizer.state[weight]["exp_avg"][rows].float())
        record["v"].append(optimizer.state[weight]["exp_avg_sq"][rows].float())
        displacement = (current.float() - previous.float()) / published_ulp(previous)
        record["delta_W_prime"].append(displacement)
        losses.append(loss.item())
        moved = torch.norm(displacement, dim=1) >= run.motion_threshold
        last_motion_step[moved] = step + 1
        previous = current
    fields = {name: torch.stack(record[name]) for name in run.record}
    if run.last_motion:
        fields["last_motion_step"] = last_motion_step
    return fields | {
        "W": fields["W"].view(torch.uint16),
        "loss": torch.tensor(losses),
        "dead_mask": dead_mask,
        "dead_indices": dead_mask.nonzero().flatten(),
    }
