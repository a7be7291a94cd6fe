"""How fast a text is fetched beside a plain read of the same parquet files, and in what memory.

    PYTHONPATH=workflow/scripts:tests/workflow python benchmarks/fetch.py

A hub on this machine serves 100 MB of text in the form of FineWeb. What is compared takes turns;
each is the median of its rounds, of processor time, which other work on the machine does not touch,
and by the clock; the start of a program, which reads no file or fetches a kilobyte, is taken off.
Prints a Markdown table. Needs 500 MB of disk in --folder.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import loopback_hub
import numpy as np

PROGRAM = Path(__file__).parents[1] / "workflow/scripts/corpus/fetch_text.py"
BYTES = 100_000_000
DOCUMENT_WORDS, FILES, ROW_GROUP = 500, 2, 1000  # 3 kB and 1,000 documents, as in FineWeb
PLAIN = """
import sys
import pyarrow.parquet as pq
with open(sys.argv[1], "wb") as text:
    for path in sys.argv[2:]:
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
        for batch in file.iter_batches(1000, columns=["text", "id"]):
            for document in batch.column(0).to_pylist():
                text.write((document + "\\n\\n").encode())
"""
# A process of its own: what is forked from a large one counts as large until its program begins.
WATCH = """
import json, resource, subprocess, sys, time
began = time.monotonic()
subprocess.run(sys.argv[1:], check=True)
clock = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, clock, used.ru_maxrss * 1024]))
"""


class Cost(NamedTuple):
    processor: float  # seconds
    clock: float  # seconds
    memory: float  # bytes at most


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, help="of the temporary files")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(Path(folder), options.rounds)


def measure(folder: Path, rounds: int) -> None:
    files = {f"data/{i}.parquet": parquet(i) for i in range(FILES)}
    paths = []
    for name, content in files.items():
        paths.append(folder / name.replace("/", "_"))
        paths[-1].write_bytes(content)
    repository = loopback_hub.Repository("datasets", "Org/large", files)
    ways = {
        "plain": lambda: plain(folder, paths, environment),
        "start of plain": lambda: plain(folder, [], environment),
        "fetch": lambda: fetch(folder, BYTES, environment),
        "start of fetch": lambda: fetch(folder, 1000, environment),
    }
    found = {name: [] for name in ways}
    with loopback_hub.served(repository) as hub:
        environment = os.environ | loopback_hub.environment(hub, folder / "home")
        for _ in range(rounds):
            for name, way in ways.items():
                found[name].append(way())
    table({name: median(costs) for name, costs in found.items()})


def parquet(number: int) -> bytes:
    """So many documents of random words, of a length and frequency as words have them."""
    draw = np.random.default_rng(number)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = ["".join(draw.choice(letters, n)) for n in draw.integers(2, 9, 20_000)]
    ranks = (20_000 ** draw.random(BYTES // FILES // 6)).astype(int) - 1
    chosen = np.array(words, object)[ranks]
    texts = [
        " ".join(chosen[at : at + DOCUMENT_WORDS]) for at in range(0, len(chosen), DOCUMENT_WORDS)
    ]
    while sum(map(len, texts)) < BYTES // FILES + BYTES // 50:
        texts += texts[: len(texts) // 10]
    return loopback_hub.parquet(texts, row_group=ROW_GROUP)


def plain(folder: Path, paths: list[Path], environment: dict[str, str]) -> Cost:
    return cost([sys.executable, "-c", PLAIN, folder / "plain.txt", *paths], environment)


def fetch(folder: Path, size: int, environment: dict[str, str]) -> Cost:
    """Of a fetch with nothing kept from before."""
    for path in [*folder.glob("fetched*"), *folder.glob(".fetched*")]:
        path.unlink()
    part = {"repository": "Org/large", "revision": "main", "config": None, "split": "train"}
    part |= {"column": "text", "bytes": size, "skip": 0, "sha256": None}
    command = [sys.executable, PROGRAM, "--settings", json.dumps({"parts": [part]})]
    command += ["--key", "benchmark", "--log", folder / "fetched.log"]
    command += ["--text", folder / "fetched.txt", "--source", folder / "fetched.json"]
    return cost(command, environment)


def cost(command: list, environment: dict[str, str]) -> Cost:
    """Of a program, which must end well."""
    watched = [sys.executable, "-c", WATCH, *command]
    ended = subprocess.run(watched, env=environment, stdout=subprocess.PIPE, check=True)
    return Cost(*json.loads(ended.stdout))


def median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


def table(found: dict[str, Cost]) -> None:
    print("| 100 MB of text | processor, s | clock, s | MB/s (processor) | peak memory, MB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    rates = {}
    for name in ("plain", "fetch"):
        whole, start = found[name], found[f"start of {name}"]
        processor, clock = whole.processor - start.processor, whole.clock - start.clock
        rates[name] = BYTES / 1e6 / processor
        cells = f"{processor:.2f} | {clock:.2f} | {rates[name]:.0f} | {whole.memory / 1e6:.0f}"
        print(f"| {name} | {cells} |")
        cells = f"{start.processor:.2f} | {start.clock:.2f} | | {start.memory / 1e6:.0f}"
        print(f"| start of {name} | {cells} |")
    print(f"\nfetch / plain, bytes per second of processor: {rates['fetch'] / rates['plain']:.2f}")


if __name__ == "__main__":
    main()
