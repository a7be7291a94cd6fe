"""Count the black holes of an embedding matrix, their lattice neighbours, and who is in them.

    python workflow/scripts/census/compute_census.py --settings census.settings.json \\
        --weights model.safetensors --tokenizer tokenizer.json --masks \\
        --summary census.json --vectors vectors.csv --tokens tokens.csv --components components.csv

settings: `matrices`, the name of each tensor by its role, `tied`, `census`, a name for it, and the
rules of an entry of `census` in the configuration. `run`: null, or {"run": NAME, "naming": SERIES,
"step": STEP} where the weights are the trajectory of a run; then its masks are needed, too.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from dataclasses import fields
from pathlib import Path

import pandas as pd

from deadtokens.census import counting, matrices, tokens
from deadtokens.census.structure import Rules
from deadtokens.files import tables

RULES = tuple(field.name for field in fields(Rules))
ABOUT = ("census", "run", "matrices", "tied")
SETTINGS = (*ABOUT, *RULES, "unused_pattern", "candidate_share", "known_share")
TABLES = ("vectors", "tokens", "components")


def main(options):
    """A row per vector, token and component of every matrix and reading; all of it in short."""
    given = options.settings
    found = [
        counting.count(matrix, Rules.of(given), given["candidate_share"], given["known_share"])
        for matrix in read(options)
    ]
    summary = {name: given[name] for name in (*ABOUT, "exponent_cut")}
    summary["matrices"] = {
        of.summary["matrix"]: {"tensor": given["matrices"][of.summary["matrix"]], **of.summary}
        for of in found
    }
    with command.finished(options.summary, *(getattr(options, name) for name in TABLES)) as paths:
        command.write_json(paths[0], summary)
        for path, name in zip(paths[1:], TABLES, strict=True):
            tables.write(path, pd.concat([getattr(of, name) for of in found]))


def read(options):
    """Every matrix, one after the other, with whose rows it has."""
    given, tokenizer = options.settings, None
    for role, name in given["matrices"].items():
        if given["run"] is None:
            bits, form = matrices.of_tensor(options.weights, name)
            ids, dead, rows = range(len(bits)), None, len(bits)
        else:
            run = given["run"]["naming"], given["run"]["step"]
            bits, form, ids, dead = matrices.of_run(*options.weights, *options.masks, *run)
            rows = None
        if options.tokenizer:
            tokenizer = tokenizer or tokens.load(*options.tokenizer, rows)
            described = tokens.describe(tokenizer, ids, given["unused_pattern"])
        else:
            described = tokens.without_tokenizer(ids)
        yield counting.Matrix(role, bits, form, described, dead)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    arguments.add_argument("--weights", type=Path, nargs="+", required=True)
    arguments.add_argument("--tokenizer", type=Path, nargs="*", default=[])
    arguments.add_argument("--masks", type=Path, nargs="*", default=[])
    for name in ("summary", *TABLES):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
