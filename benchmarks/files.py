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
CLOCK, WORK = 0, 1  # of the two times of a run
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
    arguments.add_argument("--threads", default="1", help="of the notebooks' way")
    arguments.add_argument("--one", nargs="+", help=argparse.SUPPRESS)  # in a process of its own
    options = arguments.parse_args()
    if options.one:
        way, *paths = options.one
        globals()[way](*map(Path, paths))
        return
    os.environ["OMP_NUM_THREADS"] = options.threads
    for tables in ((analysis, reading), (storing,)):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            for table in tables:
                table(Path(folder), options.rounds)


def analysis(folder: Path, rounds: int) -> None:
    """Time and memory of the analysis of Crucible 1, in memory and by the workflow's scripts."""
    in_a_process(own("crucible1", folder))
    scheme = {"phases": PHASES, "thresholds": THRESHOLDS, "vanishing_fraction": 0.01}
    scheme |= {"motion_threshold": 0.1, "tokens": "dead", "density_bins": BINS}
    paths = ("trajectory", "masks", "displacement", "density")
    files = {name: folder / f"{name}.safetensors" for name in paths}
    files |= {"table": folder / "phases.csv", "summary": folder / "phases.json"}
    rows, bins = {"naming": "crucible", "tokens": "dead"}, ("table", "summary", "density")
    measure = script("measure_displacement", rows, files, "trajectory", "masks", "displacement")
    classify = script("classify_phases", scheme, files, "displacement", *bins)
    ways = {"notebooks": [own("notebooks", folder)], "workflow": [measure, classify]}
    imports = {"notebooks": [own("imports", folder)]}
    imports["workflow"] = [[*command[:2], "--help"] for command in ways["workflow"]]
    runs, memory = {way: [] for way in ways}, dict.fromkeys(ways, 0)
    for _ in range(rounds):
        for way, commands in ways.items():
            clocks, works, peaks = zip(*map(in_a_process, commands), strict=True)
            _, _, least = zip(*map(in_a_process, imports[way]), strict=True)
            runs[way].append((sum(clocks), sum(works)))
            memory[way] = max(memory[way], *map(int.__sub__, peaks, least))
    clock, work = (ratio(runs["notebooks"], runs["workflow"], of) for of in (CLOCK, WORK))
    print("| displacement and phases, Crucible 1 | notebooks / workflow |\n| --- | --- |")
    print(f"| time by the clock | {clock:.1f} |\n| processor time | {work:.1f} |")
    print(f"| peak memory beside the imports | {memory['notebooks'] / memory['workflow']:.0f} |")
    print(f"\nTokens at a step that the two ways sort otherwise: {differences(folder)}.\n")


def own(way: str, *paths: Path) -> list[str]:
    return [sys.executable, __file__, "--one", way, *map(str, paths)]


def script(name: str, settings: dict, files: dict[str, Path], *names: str) -> list[str]:
    given = (word for file in names for word in (f"--{file}", str(files[file])))
    path = str(SCRIPTS / f"{name}.py")
    return [sys.executable, path, "--settings", json.dumps(settings), *given]


def in_a_process(command: list[str]) -> tuple[float, float, int]:
    """Seconds by the clock and of the processor, peak memory; this process stays small, for a
    child inherits its peak.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    seconds = time.perf_counter() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def in_turn(ways: dict, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of each way by the clock and of the processor, after a round that does not count."""
    runs = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter(), time.process_time()
            way()
            if turn:
                runs[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return runs


def ratio(these: list[tuple], those: list[tuple], of: int) -> float:
    return statistics.median(r[of] for r in these) / statistics.median(r[of] for r in those)


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
    import safetensors.torch  # noqa: F401


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


def reading(folder: Path, rounds: int) -> None:
    """How fast the weights of Crucible 1 are read: from the page cache, and from the disk."""
    import numpy as np

    from deadtokens import displacement
    from deadtokens.files.rows import TokenRows, read_dead_mask
    from deadtokens.files.trajectory import TrajectoryReader

    path, mask = folder / "trajectory.safetensors", read_dead_mask(folder / "masks.safetensors")
    buffer, copy = np.zeros((2, displacement.CHUNK_BYTES), np.uint8)
    times = path.stat().st_size // len(buffer)

    def plain():
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass

    def reader():
        with TrajectoryReader(path) as file:
            for _ in file.chunks("W", displacement.CHUNK_BYTES, overlap=1):
                pass

    def whole():
        with TrajectoryReader(path) as file:
            displacement.measure(TokenRows(file, "crucible", mask, "dead"), folder / "again")

    ways = {"plain read": plain, "the reader": reader, "displacement": whole}
    copies = {"memory copy": lambda: [np.copyto(copy, buffer) for _ in range(times)]}
    cached = in_turn(ways | copies, rounds)
    cold = in_turn({name: from_disk(way, path) for name, way in ways.items()}, rounds)
    print("| rate over that of a plain read | page cache | disk |\n| --- | --- | --- |")
    for name in cached:
        disk = f"{ratio(cold['plain read'], cold[name], CLOCK):.2f}" if name in cold else ""
        print(f"| {name} | {ratio(cached['plain read'], cached[name], WORK):.2f} | {disk} |")
    print("\nPage cache by processor time, disk by the clock.\n")


def from_disk(way, path: Path):
    """The same with nothing of the file in the page cache."""

    def emptied():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        way()

    return emptied


def storing(folder: Path, rounds: int) -> None:
    """Size of a Thimble-like file in every storage, and how fast it is written and read."""
    from steady import published, write_inputs

    from deadtokens.files import storage
    from deadtokens.training import loop
    from deadtokens.training.batches import load_tokens
    from deadtokens.training.checkpoints import Workspace
    from deadtokens.training.masks import load_masks
    from deadtokens.training.settings import RunSettings

    settings = RunSettings.from_json(published("thimble7") | THIMBLE)
    tokens, masks = write_inputs(folder, settings.vocab_size)
    inputs = load_tokens(tokens, settings.vocab_size), load_masks(masks, settings.vocab_size)
    with Workspace(folder / "trained", "0" * 64, settings.checkpoint_seconds, {}) as work:
        loop.train(settings, *inputs, work, lambda step, loss: None)
        work.finish()
    with storage.open_reader(folder / "trained") as file:
        fields = {name: file.fields[name] for name in ("W", "grad_W", "momentum_W", "variance_W")}
        rows = {name: file.read(name) for name in fields}

    def write(way):
        chosen = storage.Storage.from_json(STORAGES[way])
        with storage.create(folder / way, fields, chosen) as file:
            for step in range(settings.total_steps + 1):
                for name, values in rows.items():
                    file.write_row(name, step, values[step])

    def read(way):
        with storage.open_reader(folder / way) as file:
            for name in fields:
                for _ in file.chunks(name, 8_000_000):
                    pass

    writing = in_turn({way: lambda way=way: write(way) for way in STORAGES}, rounds)
    reads = {way: lambda way=way: read(way) for way in STORAGES}
    cached = in_turn(reads, rounds)
    cold = in_turn({way: from_disk(act, folder / way) for way, act in reads.items()}, rounds)
    print(f"W, g, m, v of all rows, {settings.total_steps} steps; all over safetensors'.\n")
    print("| storage | disk | written per second | read, page cache | read, disk |")
    print("| --- | --- | --- | --- | --- |")
    raw, *_ = STORAGES
    size = {way: (folder / way).stat().st_blocks for way in STORAGES}
    for way in STORAGES:
        rates = ((writing, CLOCK), (cached, WORK), (cold, CLOCK))
        cells = [f"{ratio(runs[raw], runs[way], of):.2f}" for runs, of in rates]
        print(f"| {way} | {size[way] / size[raw]:.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
