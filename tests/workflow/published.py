"""Small files as the published notebooks write them: their own keys, dtypes and calls.

The trajectories are walks of bfloat16 weights, not trainings.
"""

import json
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import save_file


def dead_mask(vocabulary: int) -> torch.Tensor:
    """Every third token and the last five are dead."""
    mask = torch.arange(vocabulary) % 3 == 0
    mask[-5:] = True
    return mask


def compute_ulp_bf16(tensor_bf16: torch.Tensor) -> torch.Tensor:
    """To the letter of the Crucible notebooks."""
    bits = tensor_bf16.view(torch.uint16).to(torch.int32)
    exponent = (bits >> 7) & 0xFF
    effective_exp = torch.where(exponent == 0, torch.ones_like(exponent), exponent)
    ulp = torch.pow(2.0, (effective_exp - 134).float())
    return ulp


def walk(steps: int, rows: int, width: int, seed: int = 0) -> torch.Tensor:
    """(T+1, n, D) bfloat16: steps shrink, and stop in the last quarter."""
    torch.manual_seed(seed)
    W = torch.empty(steps + 1, rows, width, dtype=torch.bfloat16)
    W[0] = 0.02 * torch.randn(rows, width)
    for t in range(1, steps + 1):
        size = 0.01 * 0.7**t if t <= 0.75 * steps else 0
        W[t] = (W[t - 1].float() + size * torch.randn(rows, width)).bfloat16()
    return W


def displacement(W: torch.Tensor) -> torch.Tensor:
    found = [
        (W[t].float() - W[t - 1].float()) / compute_ulp_bf16(W[t - 1]) for t in range(1, len(W))
    ]
    return torch.stack(found)


def crucible(path: Path, number: int, steps: int, width: int, vocabulary: int, **metadata) -> None:
    """Crucible 1, 2 or 3, with metadata.json beside it."""
    mask = dead_mask(vocabulary)
    recorded = torch.arange(vocabulary) if number == 3 else torch.where(mask)[0]
    W = walk(steps, len(recorded), width)
    delta = displacement(W)
    loss = torch.linspace(7, 5, steps + 1)
    loss[0] = float("nan")
    last = torch.full((len(recorded),), -1, dtype=torch.int32)
    for t, rows in enumerate(delta, 1):
        last[torch.norm(rows, dim=1) >= 0.1] = t
    data = {"W": W.view(torch.uint16)}
    if number == 1:
        data |= {"delta_W_prime": delta, "centroid": W.float().mean(dim=1)}
    if number == 2:
        data |= {name: W.float() * 1e-3 for name in ("m", "v")}
        data |= {"g": delta * 1e-4, "delta_W_prime": delta}
    if number == 3:
        data |= {"h_mean": torch.randn(steps, width)}
    data |= {"loss": loss}
    shapes = {name: list(tensor.shape) for name, tensor in data.items()}
    if number != 3:
        data |= {"last_motion_step": last}
    data |= {"dead_mask": mask, "dead_indices": torch.where(mask)[0]}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(data, str(path))
    metadata = {"total_steps": steps, "vocab_size": vocabulary, "hidden_dim": width, **metadata}
    metadata |= {"n_dead_tokens": int(mask.sum()), "final_loss": loss[-1].item(), "device": "mps"}
    metadata |= {"data_shapes": shapes, "experiment": f"Crucible {number}"}
    (path.parent / "metadata.json").write_text(json.dumps(metadata, indent=2))


def thimble(path: Path, steps: int, width: int, vocabulary: int, **attributes) -> None:
    """Thimble 7."""
    mask = dead_mask(vocabulary).numpy()
    W = walk(steps, vocabulary, width).view(torch.uint16).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as f:
        f.create_dataset("W", data=W, chunks=(min(1600, steps + 1), vocabulary, width))
        for name in ("grad_W", "momentum_W", "variance_W"):
            f.create_dataset(name, data=W, chunks=(min(1600, steps + 1), vocabulary, width))
        losses = np.linspace(9, 6, steps + 1, dtype=np.float32)
        losses[0] = np.nan
        f.create_dataset("losses", data=losses)
        for name, flags in (("live", ~mask), ("dead", mask)):
            f.create_dataset(f"{name}_mask", data=flags)
            f.create_dataset(f"{name}_ids", data=np.flatnonzero(flags))
        said = {"vocab_size": vocabulary, "hidden_dim": width, "num_steps": steps, "seed": 42}
        said |= {"n_live": int((~mask).sum()), "n_dead": int(mask.sum()), "adam_beta1": 0.9}
        f.attrs.update(said | attributes)


def wordybird(path: Path, steps: int, width: int, vocabulary: int, learning_rate=1e-3) -> None:
    """Wordybird 1, 3 or 1b."""
    mask = dead_mask(vocabulary)
    W = walk(steps, vocabulary, width)
    data = {"recorded_steps": torch.tensor(range(steps + 1), dtype=torch.long), "embeddings": W}
    data |= {name: W.clone() for name in ("grads", "momentum", "variance")}
    data |= {"logits": torch.zeros(steps + 1, vocabulary, dtype=torch.bfloat16)}
    data |= {"losses": torch.linspace(10, 8, steps + 1).bfloat16()}
    constants = {"init_scale": 0.02, "learning_rate": learning_rate, "weight_decay": 0.0}
    constants |= {"adam_beta1": 0.9, "adam_beta2": 0.999}
    data |= {n: torch.tensor(value, dtype=torch.float32) for n, value in constants.items()}
    data |= {"n_trained": torch.tensor(int((~mask).sum()), dtype=torch.long)}
    data |= {"n_untrained": torch.tensor(int(mask.sum()), dtype=torch.long)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(data, str(path))


def wordybird_masks(path: Path, vocabulary: int) -> None:
    mask = dead_mask(vocabulary)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"untrained_mask": mask, "trained_mask": ~mask}
    tensors |= {name.replace("mask", "indices"): torch.where(t)[0] for name, t in tensors.items()}
    save_file(tensors, str(path))
