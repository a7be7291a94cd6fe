"""Displacement and phases against the notebooks' way, and what each storage costs of disk and time.

    PYTHONPATH=workflow:workflow/scripts python benchmarks/files.py

Prints Markdown tables of ratios. Whatever is compared takes turns, and each is the median of its
rounds. Needs 13 GB of memory (the notebooks' way does) and 3 GB of disk, in --folder.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "workflow/scripts"
STEPS, TOKENS, WIDTH, VOCAB = 5000, 3699, 64, 10_000  # of Crucible 1
LAST_MOTION = 2509  # of Crucible 1, as published
PHASES = ("Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas")
THRESHOLDS = (0.1, 10.0, 100.0)
BINS = {"time": 500, "displacement": 160, "lowest": 1e-4, "highest": 1e6}
# Thimble 7 but for the batch, a sixteenth: its rows change just so, and sooner.
THIMBLE = {"total_steps": 128, "batch_size": 8, "storage": "safetensors"}
STORAGES = {
    "safetensors": {},
    "HDF5": {"format": "hdf5"},
    "HDF5, deflate": {"format": "hdf5", "chunk_rows": 64, "compression": "deflate"},
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, help="of the temporary files")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--one", nargs="+", help=argparse.SUPPRESS)  # in a process of its own
    options = arguments.parse_args()
    if options.one:
        way, *paths = options.one
        globals()[way](*map(Path, paths))
        return
    for table in (analysis, reading, storing):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            table(Path(folder), options.rounds)


def analysis(folder: Path, rounds: int) -> None:
    """Time and memory of the analysis of Crucible 1, in memory and by the workflow's scripts."""
    in_a_process(own("crucible1", folder))
    scheme = {"phases": PHASES, "thresholds": THRESHOLDS, "vanishing_fraction": 0.01}
    scheme |= {"motion_threshold": 0.1, "tokens": "dead", "density_bins": BINS}
    paths = ("trajectory", "masks", "displacement", "density")
    files = {name: folder / f"{name}.safetensors" for name in paths}
    files |= {"table": folder / "phases.csv", "summary": folder / "phases.json"}
    ways = {
        "notebooks": [own("notebooks", folder)],
        "workflow": [
            script("measure_displacement", {"naming": "crucible", "tokens": "dead"})
            + given(files, "trajectory", "masks", "displacement"),
            script("classify_phases", scheme)
            + given(files, "displacement", "table", "summary", "density"),
        ],
    }
    imports = {"notebooks": [own("imports", folder)]}
    imports["workflow"] = [[*words[:2], "--help"] for words in ways["workflow"]]
    took = {way: [] for way in ways}
    memory = {way: 0.0 for way in ways}
    for _ in range(rounds):
        for way, commands in ways.items():
            runs = [in_a_process(command) for command in commands]
            bare = [in_a_process(command) for command in imports[way]]
            took[way].append(sum(seconds for seconds, _ in runs))
            grown = (peak - least for (_, peak), (_, least) in zip(runs, bare, strict=True))
            memory[way] = max(memory[way], *grown)
    seconds = {way: statistics.median(values) for way, values in took.items()}
    print("| Crucible 1, displacement and phases | notebooks / workflow |\n| --- | --- |")
    print(f"| time | {seconds['notebooks'] / seconds['workflow']:.1f} |")
    print(f"| memory beside the imports | {memory['notebooks'] / memory['workflow']:.0f} |")
    print(f"\nTokens at a step that the two ways sort otherwise: {differences(folder)}.\n")


def own(way: str, *paths: Path) -> list[str]:
    return [sys.executable, __file__, "--one", way, *map(str, paths)]


def script(name: str, settings: dict) -> list[str]:
    return [sys.executable, str(SCRIPTS / f"{name}.py"), "--settings", json.dumps(settings)]


def given(files: dict[str, Path], *names: str) -> list[str]:
    return [word for name in names for word in (f"--{name}", str(files[name]))]


def in_a_process(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory of a process; this one stays small, for its peak is inherited."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - start, usage.ru_maxrss


def crucible1(folder: Path) -> None:
    """A trajectory whose cells stand still once steps are less than half of them, as Crucible's do.

    All tokens are pushed alike. The push falls so fast that of cells and tokens about as many move
    as in a real run: all tokens until step 300, a tenth of them at step 1000, none after 2509.
    """
    import numpy as np
    import torch

    from deadtokens.files.trajectory import TrajectoryWriter, write_file

    torch.manual_seed(0)
    weights = (torch.randn(TOKENS, WIDTH) * 0.02).bfloat16()
    field = {"W": ("U16", (STEPS + 1, TOKENS, WIDTH))}
    with TrajectoryWriter(folder / "trajectory.safetensors", field) as file:
        direction = torch.randn(WIDTH)
        for step in range(STEPS + 1):
            file.write_row("W", step, weights)
            direction = 0.9 * direction + 0.44 * torch.randn(WIDTH)
            size = 1e-3 * min(1.0, (60 / (step + 1)) ** 2.7) if step < LAST_MOTION else 0.0
            weights = (weights.float() - size * direction).bfloat16()
    write_file(folder / "masks.safetensors", {"dead_mask": np.arange(VOCAB) >= VOCAB - TOKENS})


def imports(folder: Path) -> None:
    import numpy
    import safetensors.torch

    assert numpy and safetensors.torch


def notebooks(folder: Path) -> None:
    """As published: everything in memory, scale after scale, the memory of each freed behind it."""
    import safetensors.torch

    weights = safetensors.torch.load_file(folder / "trajectory.safetensors")["W"]
    result = {}
    for scale, measure in {"element": crucible_notebook, "vector": thimble_notebook}.items():
        size = measure(weights)
        for phase, low, high in zip(PHASES, (0, *THRESHOLDS), (*THRESHOLDS, 1e30), strict=True):
            result[f"{scale} {phase}"] = ((size >= low) & (size < high)).float().mean(dim=1)
        result[f"{scale} mean"], result[f"{scale} std"] = size.mean(dim=1), size.std(dim=1)
    safetensors.torch.save_file(result, folder / "notebooks.safetensors")


def crucible_notebook(weights):
    """crucible_1.txt: ΔW′ step by step into one tensor, then `torch.norm`; (T, n)."""
    import torch

    W_history = weights.view(torch.bfloat16)
    delta_W_prime_history = torch.zeros(STEPS, TOKENS, WIDTH)
    for step in range(1, STEPS + 1):
        W_prev, W_curr = W_history[step - 1], W_history[step]
        bits = W_prev.view(torch.uint16).to(torch.int32)
        exponent = (bits >> 7) & 0xFF
        effective_exp = torch.where(exponent == 0, torch.ones_like(exponent), exponent)
        ulp = torch.pow(2.0, (effective_exp - 134).float())
        delta_W_prime_history[step - 1] = (W_curr.float() - W_prev.float()) / ulp
    return torch.norm(delta_W_prime_history, dim=2)


def thimble_notebook(weights):
    """phase_transitions_thimble_7.txt: all of W as float32, ΔW beside it; (T, n)."""
    import torch

    W_dead = weights.view(torch.bfloat16).to(torch.float32)
    delta_W = W_dead[1:] - W_dead[:-1]
    magnitude = torch.norm(delta_W, dim=2)
    ulp = torch.norm(W_dead[:-1], dim=2) * (2.0**-7)
    return magnitude / ulp.clamp(min=1e-10)


def differences(folder: Path) -> str:
    """By how many tokens the fractions of the two ways differ."""
    import numpy as np
    from safetensors.numpy import load_file

    theirs = load_file(folder / "notebooks.safetensors")
    with open(folder / "phases.csv", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    told = []
    for scale in ("element", "vector"):
        differing = 0
        for phase in PHASES:
            column = f"{scale}_{phase}".lower().replace(" ", "_")
            ours = np.array([float(row[column]) for row in rows])
            differing += np.rint(np.abs(ours - theirs[f"{scale} {phase}"]) * TOKENS).sum() / 2
        told.append(f"{differing:.0f} of {STEPS * TOKENS} on the {scale} scale")
    return ", ".join(told)


def reading(folder, rounds): ...


def storing(folder, rounds): ...


if __name__ == "__main__":
    main()
