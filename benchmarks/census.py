"""What the census of a large matrix costs: the published picture, planted and found again.

    PYTHONPATH=workflow/scripts python benchmarks/census.py

A matrix of 151,936 x 2,560 in bfloat16 (778 MB), as that of Qwen 3 4B, normal but for 2,212 tokens:
13 black holes of the published populations, 112 single vectors, a component of 15 vectors, and 3
more tokens at exponent distance 6. Its rows are shuffled. Prints wall time, processor time and peak
memory of the program compute_census, and fails if it finds anything else.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from deadtokens.files.trajectory import TrajectoryWriter

PROGRAM = Path(__file__).parents[1] / "workflow/scripts/census/compute_census.py"
ROWS, DIMENSIONS = 151_936, 2_560
TOKENS = 151_669  # of its tokenizer; the last rows have none
POPULATIONS = (814, 704, 306, 228, 11, 10, 5, 4, 4, 4, 4, 3, 3)  # 2,100 tokens
SINGLE = 112
FARTHER = 3  # tokens at exponent distance 6
CUT, SHOWN = 5, 20
MIDDLE, SIGN = 0x3C40, 0x8000  # the bits of 1.5 x 2^-7, the middle of a binade
APART = 20  # lattice steps that make no neighbour, within the binade
RULES = {
    **{"exponent_cut": CUT, "exponents_shown": SHOWN, "plateau_growth": 0.02, "shells": 20},
    **{"pair_limit": 50_000_000, "neighbours": 16, "projections": 4, "candidates": 64},
    **{"random_seed": 42, "candidate_share": 0.02, "known_share": 0.5},
    **{"unused_pattern": "^unused$", "census": "planted", "run": None, "tied": True},
    "matrices": {"input": "model.embed_tokens.weight"},
}
# Lattice steps of 15 vectors from their base in the first dimensions: a component of 85 pairs of
# neighbours, whose Manhattan distances are, with those of the pairs below, the published ones.
COMPONENT = (
    *((0, 0, 1, 1, 0, 2, 1, 1, 0), (0, 0, 2, 1, 0, 2, 1, 1, 0), (1, 0, 2, 0, 0, 2, 1, 1, 0)),
    *((0, 0, 1, 1, 0, 2, 1, 2, 0), (2, 1, 1, 0, 1, 1, 2, 1, 1), (0, 0, 1, 1, 0, 1, 1, 1, 0)),
    *((0, 0, 1, 1, 0, 2, 1, 0, 0), (0, 0, 2, 0, 0, 2, 1, 0, 0), (0, 0, 2, 1, 0, 2, 1, 0, 0)),
    *((0, 0, 1, 1, 1, 2, 1, 1, 0), (0, 0, 2, 2, 0, 1, 1, 1, 0), (0, 0, 1, 0, 0, 2, 1, 1, 0)),
    *((1, 0, 1, 1, 0, 2, 1, 1, 0), (0, 0, 1, 0, 0, 2, 1, 1, 1), (0, 0, 2, 0, 0, 2, 1, 1, 0)),
)
OF_COMPONENT = (
    814,
    228,
    11,
    4,
    3,
)  # the populations of its black holes: 1,070 tokens with 10 others
PAIRS = (1,) * 9 + (2,) * 3 + (3,) * 2 + (4,)  # by Manhattan distance, of vectors elsewhere
AT_EXPONENT = {1: 38, 2: 18, 3: 10, 4: 6, 5: 1, 6: 3}  # single vectors there
# What must be found: the published figures.
EXPECTED = {
    **{"tokens": TOKENS, "black_holes": 13, "black_hole_tokens": 2100},
    "populations": list(POPULATIONS),
    "counts": [2139, 2177, 2195, 2205, 2211, 2212, 2215],
    "within_cut": {"vectors": 125, "tokens": 2212, "singletons": SINGLE},
    "lattice_sums": {"1": 24, "2": 37, "3": 24, "4": 13, "7": 2},
    "components": 96,
    "largest_component": {"vectors": 15, "tokens": 1070, "black_holes": 5},
}


def structure(dimensions: int = DIMENSIONS) -> tuple[np.ndarray, list[int]]:
    """The vectors of the planted structure, (128, D) bits, and their populations."""
    random = np.random.default_rng(1)
    base = np.where(random.random(dimensions) < 0.5, MIDDLE, MIDDLE | SIGN).astype(np.uint16)
    vectors, sizes = [], []

    def put(steps: dict[int, int], size: int) -> None:
        vector = base.copy()
        for dimension, step in steps.items():
            vector[dimension] += step
        vectors.append(vector)
        sizes.append(size)

    for steps, size in itertools.zip_longest(COMPONENT, OF_COMPONENT, fillvalue=1):
        put(dict(enumerate(steps)), size)
    free = itertools.count(len(COMPONENT[0]))  # a dimension for each vector that is apart
    others = (Counter(POPULATIONS) - Counter(OF_COMPONENT)).elements()
    alone = [*sorted(others, reverse=True), *[1] * 29]  # at exponent distance 0
    for l1 in PAIRS:
        far = next(free)
        put({far: APART}, alone.pop(0))
        put({far: APART} | {next(free): 1 for _ in range(l1)}, alone.pop(0))
    for size in alone:
        put({next(free): APART}, size)
    for distance, number in AT_EXPONENT.items():
        for _ in range(number):
            put({next(free): distance << 7}, 1)
    return np.stack(vectors), sizes


def write(path: Path, rows: int = ROWS, tokens: int = TOKENS, at_once: int = 4096) -> None:
    """A model's file, the structure in random rows of a normal matrix, and a tokenizer.json."""
    random = np.random.default_rng(2)
    vectors, sizes = structure()
    dimensions = vectors.shape[1]
    owner = np.full(rows, -1)
    owner[random.permutation(tokens)[: sum(sizes)]] = np.repeat(np.arange(len(sizes)), sizes)
    words = {f"t{number}": number for number in range(tokens)}
    model = {"type": "WordLevel", "vocab": words, "unk_token": "t0"}
    split = {"type": "WhitespaceSplit"}
    tokenizer = {"version": "1.0", "added_tokens": [], "pre_tokenizer": split, "model": model}
    path.with_name("tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    name = RULES["matrices"]["input"]
    with TrajectoryWriter(path, {name: ("BF16", (rows, dimensions))}) as file:
        for start in range(0, rows, at_once):
            of = owner[start : start + at_once]
            numbers = random.standard_normal((len(of), dimensions), np.float32) * np.float32(0.01)
            bits = (numbers.view(np.uint32) >> 16).astype(np.uint16)  # rounded towards zero
            bits[of >= 0] = vectors[of[of >= 0]]
            file.write_rows(name, start, bits)


def wrong(summary: dict) -> list[str]:
    """What of a summary is not as it was planted."""
    found = summary["matrices"]["input"]["readings"]["bfloat16"]
    near = found["adjacency"]
    flat = {name: found[name] for name in ("tokens", "black_holes", "black_hole_tokens")}
    flat |= {"populations": found["populations"], "counts": found["exponents"]["counts"][:7]}
    flat["within_cut"] = {name: found["within_cut"][name] for name in EXPECTED["within_cut"]}
    flat |= {name: near[name] for name in ("lattice_sums", "components", "largest_component")}
    return [
        f"{n}: {flat[n]}, expected {wanted}" for n, wanted in EXPECTED.items() if flat[n] != wanted
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, help="where 800 MB go; the system's by default")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        write(folder / "model.safetensors")
        outputs = {n: folder / f"{n}.csv" for n in ("vectors", "tokens", "components")}
        given = [f"--weights={folder}/model.safetensors", f"--tokenizer={folder}/tokenizer.json"]
        given += [f"--summary={folder}/census.json"]
        given += [f"--{n}={path}" for n, path in outputs.items()]
        began = time.perf_counter()
        command = [sys.executable, PROGRAM, "--settings", json.dumps(RULES), *given]
        subprocess.run(command, check=True, env=os.environ | {"FIMBULWINTER_PROVENANCE": "none"})
        seconds = time.perf_counter() - began
        summary = json.loads((folder / "census.json").read_text("utf-8"))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print("| matrix | wall time | processor time | peak memory |\n| --- | --- | --- | --- |")
    print(
        f"| {ROWS:,} x {DIMENSIONS:,} bfloat16 | {seconds:.0f} s | "
        f"{used.ru_utime + used.ru_stime:.0f} s | {used.ru_maxrss / 1e6:.2f} GB |"
    )
    if problems := wrong(summary):
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
