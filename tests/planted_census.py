"""A small planted census with odd tokens, and its page, made by the program; and a large one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from planted_explorer import ODD

from deadtokens.census import counting, formats, tokens
from deadtokens.census import page as page_of_census
from deadtokens.census.structure import Rules
from deadtokens.files import documents, tables
from deadtokens.program import command

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "workflow/scripts/census/write_census_page.py"
PARTS = [
    path
    for folder in ("pages", "census")
    for path in sorted((ROOT / "workflow/report" / folder).glob("*.*"))
]
TABLES = ("vectors", "tokens", "components")
RULES = Rules(
    **{"exponent_cut": 5, "exponents_shown": 12, "plateau_growth": 0.01, "pair_limit": 1000},
    **{"shells": 3, "neighbours": 3, "projections": 2, "candidates": 8, "random_seed": 1},
)
ROWS, PADDED = 120, 3
HOLE, SECOND = range(len(ODD)), range(20, 24)  # rows of one vector: every odd token in the first


def matrix(role: str = "input", reverse: bool = False, named: bool = True) -> counting.Matrix:
    """ROWS x 48 numbers of float32, the last PADDED rows without a token; two black holes, which
    are neighbours once rounded to bfloat16."""
    values = np.random.default_rng(0).normal(0, 1e-6, (ROWS, 48)).astype(np.float32)
    base = np.float32(0.01171875)  # the middle of a binade
    values[[*HOLE, *SECOND]] = base
    values[SECOND, 3] = base + np.float32(2.0**-14)  # a lattice step of bfloat16
    texts = [*ODD, *(f"word{row}" for row in range(len(ODD), ROWS))]
    described = tokens.without_tokenizer(range(ROWS))
    if named:
        described = described.assign(
            token=texts, script=np.resize(["Latin", "Thai"], ROWS), reachable="yes"
        )
        described.loc[30:39, "kind"] = tokens.UNUSED
        described.loc[ROWS - PADDED :, ["token", "script", "kind", "reachable"]] = [
            *("", "", tokens.PADDED, "")
        ]
    bits = values[::-1].copy() if reverse else values
    return counting.Matrix(role, bits.view(np.uint32), formats.BY_DTYPE["F32"], described)


def write(folder: Path, *matrices: counting.Matrix) -> None:
    """The four files of a census, as its program writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {of.name: counting.count(of, RULES, 0.02, 0.5) for of in matrices}
    summary = {
        **{"census": "planted <i>one</i>", "run": None, "tied": len(matrices) < 2},
        **{"exponent_cut": RULES.exponent_cut},
        "matrices": {
            name: {"tensor": f"{name}.weight", **of.summary} for name, of in found.items()
        },
    }
    command.write_json(folder / "census.json", summary)
    for name in TABLES:
        parts = [getattr(of, name) for of in found.values()]
        tables.write(folder / f"{name}.csv", pd.concat(parts))


def make(folder: Path, **changes: Path) -> subprocess.CompletedProcess:
    files = {"summary": folder / "census.json", "page": folder / "explorer.html"}
    files |= {name: folder / f"{name}.csv" for name in TABLES} | changes
    words = [word for name, path in files.items() for word in (f"--{name}", path)]
    return subprocess.run(
        [sys.executable, PROGRAM, *words, "--parts", *PARTS],
        capture_output=True,
        text=True,
        check=False,
    )


def page(folder: Path, **changes: Path) -> Path:
    done = make(folder, **changes)
    assert done.returncode == 0, done.stderr
    return folder / "explorer.html"


def failure(folder: Path, **changes: Path) -> str:
    """The one message of a call that must end with exit code 1."""
    done = make(folder, **changes)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "error: " in line]
    return line


def write_large(folder: Path, rows: int) -> None:
    """The files of a census of so many tokens, without a census: that of a small bfloat16 matrix,
    with numbers drawn for the others, which share no bits, and words of several letters."""
    small = matrix()
    bits = formats.rounded_to_bfloat16(small.bits, small.form)
    write(folder, counting.Matrix("input", bits, formats.BFLOAT16, small.tokens))
    summary = documents.read(folder / "census.json")
    found = summary["matrices"]["input"]["readings"]["bfloat16"]
    table = tables.read(folder / "tokens.csv", text=page_of_census.TEXT)
    random, more = np.random.default_rng(0), rows - len(table)
    drawn = table.iloc[np.resize(np.arange(30, 100), more)].reset_index(drop=True)
    letters = random.choice([*"abcdefghijklmnopqrstuvwxyz"], (more, 7))
    real = {
        name: random.lognormal(size=more)
        for name in ("distance", "norm", "cosine_distance", "unused_distance", "at_power_of_two")
    }
    drawn = drawn.assign(
        token_id=np.arange(len(table), rows),
        token=["".join(word) for word in letters],
        vector=np.arange(found["vectors"], found["vectors"] + more),
        exponent_distance=random.integers(6, 60, more),
        **real,
    )
    tables.write(folder / "tokens.csv", pd.concat([table, drawn]))
    found["rows"] = rows
    command.write_json(folder / "census.json", summary)
