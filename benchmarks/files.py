"""How fast trajectories are read, and what each storage costs of disk and time.

    PYTHONPATH=workflow:workflow/scripts python benchmarks/files.py

Prints Markdown tables of ratios; what is compared takes turns, and each is the median of its
rounds. From the page cache it is processor time, which other work on the machine does not touch,
from the disk and to it time by the clock. Needs 5 GB of disk in --folder.
"""

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import turns
from analysis import crucible1
from steady import published, write_inputs

from deadtokens import displacement
from deadtokens.files import storage
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.training import loop
from deadtokens.training.batches import load_tokens
from deadtokens.training.checkpoints import Workspace
from deadtokens.training.masks import load_masks
from deadtokens.training.settings import RunSettings

# Thimble 7 with small batches; its first steps shrink least, for there all rows go.
THIMBLE = {"total_steps": 255, "batch_size": 4, "storage": "safetensors"}
STORAGES = {
    "safetensors": {},
    "HDF5": {"format": "hdf5"},
    "HDF5, deflate": {"format": "hdf5", "chunk_rows": 64, "compression": "deflate"},
}
COLUMNS = "page cache (processor) | disk (clock)"
READ_BYTES = 8_000_000  # at a time


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, help="of the temporary files")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    for table in (reading, storing):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            table(Path(folder), options.rounds)


def reading(folder: Path, rounds: int) -> None:
    """How fast the weights of Crucible 1 are read: from the page cache, and from the disk."""
    crucible1(folder)
    path, mask = folder / "trajectory.safetensors", read_dead_mask(folder / "masks.safetensors")
    buffer = np.zeros(READ_BYTES, np.uint8)
    memory = np.zeros((2, path.stat().st_size // 8), np.uint8)

    def plain():
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass

    def reader():
        with TrajectoryReader(path) as file:
            for _ in file.chunks("W", READ_BYTES):
                pass

    def whole():
        with TrajectoryReader(path) as file:
            displacement.measure(TokenRows(file, "crucible", mask, "dead"), folder / "again")

    def copy():
        for _ in range(8):
            np.copyto(*memory)

    ways = {"plain read": plain, "the reader": reader, "displacement": whole}
    cached = turns.medians(ways | {"memory copy": copy}, rounds)
    cold = turns.medians(
        {name: from_disk(way, path) for name, way in ways.items()}, rounds, uncounted=0
    )
    print(f"| W of Crucible 1, rate over a plain read's | {COLUMNS} |\n| --- | --- | --- |")
    for name, taken in cached.items():
        disk = f"{cold['plain read'].clock / cold[name].clock:.2f}" if name in cold else ""
        rate = cached["plain read"].processor / taken.processor
        print(f"| {name} | {rate:.2f} | {disk} |")
    print()


def from_disk(way, path: Path):
    """The same with nothing of the file in the page cache."""

    def emptied():
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        way()

    return emptied


def storing(folder: Path, rounds: int) -> None:
    """Size of a Thimble-like file in every storage, and how fast it is written and read."""
    settings = RunSettings.from_json(published("thimble7") | THIMBLE)
    tokens, masks = write_inputs(folder, settings.vocab_size)
    inputs = load_tokens(tokens, settings.vocab_size), load_masks(masks, settings.vocab_size)
    trained = folder / "trained"
    with Workspace(trained, "0" * 64, settings.checkpoint_seconds, {}) as work:
        loop.train(settings, *inputs, work, lambda step, loss: None)
        work.finish()
    with storage.open_reader(trained) as file:
        fields = {name: file.fields[name] for name in ("W", "grad_W", "momentum_W", "variance_W")}
        rows = {name: file.read(name) for name in fields}
    trained.unlink()

    def write(way):
        chosen = storage.Storage.from_json(STORAGES[way])
        with storage.create(folder / way, fields, chosen) as file:
            for step in range(settings.total_steps + 1):
                for name, values in rows.items():
                    file.write_row(name, step, values[step])

    def read(way):
        with storage.open_reader(folder / way) as file:
            for name in fields:
                for _ in file.chunks(name, READ_BYTES):
                    pass

    written = turns.medians({way: partial(write, way) for way in STORAGES}, rounds)
    reads = {way: partial(read, way) for way in STORAGES}
    cached = turns.medians(reads, rounds)
    cold = turns.medians(
        {way: from_disk(act, folder / way) for way, act in reads.items()}, rounds, uncounted=0
    )
    size = {way: (folder / way).stat().st_blocks for way in STORAGES}
    raw, *_ = STORAGES
    print(
        f"| storage, {settings.total_steps} steps like Thimble 7's | disk | {COLUMNS} | writing |"
    )
    print("| --- | --- | --- | --- | --- |")
    for way in STORAGES:
        rates = cached[raw].processor / cached[way].processor, cold[raw].clock / cold[way].clock
        cells = (size[way] / size[raw], *rates, written[raw].clock / written[way].clock)
        print(f"| {way} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")


if __name__ == "__main__":
    main()
