"""Displacement and phases of Crucible 1: the notebooks' way, all in memory, against the workflow's.

    PYTHONPATH=workflow:workflow/scripts python benchmarks/analysis.py

Prints a Markdown table of ratios. The two take turns, and each is the median of its rounds: by the
clock, and of the processor, which other work on the machine does not touch. Needs 13 GB of memory,
which the notebooks' way takes, and 3 GB of disk in --folder. This process imports nothing large at
its beginning, for its children's peak memory starts from its own.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import programs
import turns

STEPS, TOKENS, WIDTH, VOCAB = 5000, 3699, 64, 10_000  # of Crucible 1
LAST_MOTION = 2509  # of Crucible 1, as published
PHASES = ("Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas")
SCHEME = {
    **{"phases": PHASES, "thresholds": (0.1, 10, 100), "vanishing_fraction": 0.01},
    **{"motion_threshold": 0.1, "population": "dead"},
    "density_bins": {"time": 500, "displacement": 160, "lowest": 1e-4, "highest": 1e6},
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, help="of the temporary files")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", default="1", help="of the notebooks' way")
    arguments.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # in a process of its own
    options = arguments.parse_args()
    if options.one:
        way, folder = options.one
        globals()[way](Path(folder))
        return
    os.environ["OMP_NUM_THREADS"] = options.threads
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        analysis(Path(folder), options.rounds)


def analysis(folder: Path, rounds: int) -> None:
    """Time and memory of the analysis of Crucible 1, in memory and by the workflow's scripts."""
    peak_of(own := [sys.executable, __file__, "--one"], "crucible1", folder)
    names = ("trajectory", "masks", "displacement", "density")
    files = {name: folder / f"{name}.safetensors" for name in names}
    files |= {"table": folder / "phases.csv", "summary": folder / "phases.json"}
    rows = {"naming": "crucible", "population": "dead"}
    scripts = {
        "measure_displacement": (rows, "trajectory", "masks", "displacement"),
        "classify_phases": (SCHEME, "displacement", "table", "summary", "density"),
    }
    least = {name: peak_of([sys.executable, programs.path(name)], "--help") for name in scripts}
    least["notebooks"] = peak_of(own, "imports", folder)
    grown = {"notebooks": [], "workflow": []}

    def notebooks():
        grown["notebooks"].append(peak_of(own, "notebooks", folder) - least["notebooks"])

    def workflow():
        for name, (settings, *given) in scripts.items():
            words = [w for file in given for w in (f"--{file}", files[file])]
            script = [sys.executable, programs.path(name)]
            peak = peak_of(script, "--settings", json.dumps(settings), *words)
            grown["workflow"].append(peak - least[name])

    took = turns.medians({"notebooks": notebooks, "workflow": workflow}, rounds)
    clock, processor = (a / b for a, b in zip(took["notebooks"], took["workflow"], strict=True))
    memory = max(grown["notebooks"]) / max(grown["workflow"])
    print("| Crucible 1, displacement and phases | notebooks / workflow |\n| --- | --- |")
    print(f"| time by the clock | {clock:.1f} |\n| processor time | {processor:.1f} |")
    print(f"| peak memory beside the imports | {memory:.0f} |\n")
    print(f"Of {STEPS * TOKENS:,} phases on either scale {differing(folder):.0f} differ.\n")


def peak_of(command: list, *words: object) -> int:
    """The peak memory of a process that must succeed."""
    process = subprocess.Popen([*map(str, [*command, *words])], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, words
    return usage.ru_maxrss


def crucible1(folder: Path) -> None:
    """A trajectory whose cells stand still once a push is less than half of them.

    All tokens are pushed alike, as dead ones are. The push falls so that about as many move as in
    a real run: all tokens until step 300, a seventh at step 1000, none after the last motion.
    """
    import numpy as np
    import torch

    from deadtokens.files.trajectory import TrajectoryWriter, write_file

    torch.manual_seed(0)
    weights, direction = (torch.randn(TOKENS, WIDTH) * 0.02).bfloat16(), torch.randn(WIDTH)
    field = {"W": ("U16", (STEPS + 1, TOKENS, WIDTH))}
    with TrajectoryWriter(folder / "trajectory.safetensors", field) as file:
        for step in range(STEPS + 1):
            file.write_row("W", step, weights)
            direction = 0.9 * direction + 0.44 * torch.randn(WIDTH)
            size = 1e-3 * min(1.0, (60 / (step + 1)) ** 2.7) if step < LAST_MOTION else 0.0
            weights = (weights.float() - size * direction).bfloat16()
    write_file(folder / "masks.safetensors", {"dead_mask": np.arange(VOCAB) >= VOCAB - TOKENS})


def imports(folder: Path) -> None:
    import safetensors.torch  # noqa: F401


def notebooks(folder: Path) -> None:
    """As published, all in memory, one scale after the other.

    crucible_1.txt: ΔW′ step by step into one tensor, then `torch.norm`.
    phase_transitions_thimble_7.txt: W as float32, ΔW beside it, the vector scale, the fractions.
    """
    import torch
    from safetensors.torch import load_file, save_file

    W_history = load_file(folder / "trajectory.safetensors")["W"].view(torch.bfloat16)
    delta_W_prime_history = torch.zeros(STEPS, TOKENS, WIDTH)
    for step in range(1, STEPS + 1):
        W_prev, W_curr = W_history[step - 1], W_history[step]
        bits = W_prev.view(torch.uint16).to(torch.int32)
        exponent = (bits >> 7) & 0xFF
        effective_exp = torch.where(exponent == 0, torch.ones_like(exponent), exponent)
        ulp = torch.pow(2.0, (effective_exp - 134).float())
        delta_W_prime_history[step - 1] = (W_curr.float() - W_prev.float()) / ulp
    sizes = {"element": torch.norm(delta_W_prime_history, dim=2)}
    del delta_W_prime_history

    W_dead = W_history.to(torch.float32)
    magnitude = torch.norm(W_dead[1:] - W_dead[:-1], dim=2)
    ulp = torch.norm(W_dead[:-1], dim=2) * (2.0**-7)
    sizes["vector"] = magnitude / ulp.clamp(min=1e-10)
    edges, fractions = (0, *SCHEME["thresholds"], torch.inf), {}
    for scale, size in sizes.items():
        fractions |= {f"{scale}_mean": size.mean(dim=1), f"{scale}_std": size.std(dim=1)}
        for phase, low, high in zip(PHASES, edges, edges[1:], strict=False):
            name = f"{scale}_{phase}".lower().replace(" ", "_")
            fractions[name] = ((size >= low) & (size < high)).float().mean(dim=1)
    save_file(fractions, folder / "notebooks.safetensors")


def differing(folder: Path) -> float:
    """How many tokens at a step the two ways sort into different phases, by their fractions."""
    from safetensors.numpy import load_file

    theirs = load_file(folder / "notebooks.safetensors")
    columns = [name for name in theirs if not name.endswith(("_mean", "_std"))]
    with open(folder / "phases.csv", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    pairs = ((float(r[c]), theirs[c][step]) for step, r in enumerate(rows) for c in columns)
    return sum(round(abs(a - b) * TOKENS) for a, b in pairs) / 2


if __name__ == "__main__":
    main()
