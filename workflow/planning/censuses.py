"""Embedding matrices that are counted: whether an entry can be, and where its matrices lie.

`check` looks at the configuration alone, at every call; files are looked at for entries that are
asked for, before any job. To bring a model here is the business of others: all that is needed is
the folder, as Hugging Face writes it.
"""

import re
from collections.abc import Mapping

from deadtokens.census import requirements as census
from deadtokens.errors import UserError
from deadtokens.files import model_folder
from deadtokens.files.model_folder import Model
from planning.givenfiles import why_unusable
from planning.mistakes import ConfigurationError, as_yaml, check_known

# What each source needs, and what it may be given.
NEEDED = {"model": ("folder",), "tensor": ("file", "tensor"), "run": ("run",)}
OPTIONAL = {"run": ("step",)}
OF_SOURCES = ("folder", "file", "tensor", "run", "step")
# What of an entry its program is given as it stands.
RULES = (
    *(
        "unused_pattern",
        "exponent_cut",
        "exponents_shown",
        "plateau_growth",
        "pair_limit",
        "shells",
    ),
    *("neighbours", "projections", "candidates", "random_seed", "candidate_share"),
    "known_share",
)


def is_of_run(entry: Mapping) -> bool:
    return entry["source"] == "run"


def check(key: str, entry: Mapping, configuration: Mapping) -> None:
    """The keys of its source and no others, a run that records W, a pattern that is one."""
    source = entry["source"]
    needed, allowed = NEEDED[source], (*NEEDED[source], *OPTIONAL.get(source, ()))
    for name in OF_SOURCES:
        if name in needed and entry[name] is None:
            raise ConfigurationError(
                f"{key}.{name} is missing; allowed with source: {source}: {' and '.join(needed)} "
                "set."
            )
        if name not in allowed and entry[name] is not None:
            raise ConfigurationError(
                f"{key}.{name} is {as_yaml(entry[name])}, but {key}.source is {source}; allowed "
                f"with it: {', '.join(allowed)}. Remove the key or change source."
            )
    try:
        re.compile(entry["unused_pattern"])
    except re.error as error:
        raise ConfigurationError(
            f"{key}.unused_pattern is {as_yaml(entry['unused_pattern'])}; allowed: a regular "
            f"expression of Python ({error})."
        ) from None
    if entry["exponents_shown"] < entry["exponent_cut"]:
        raise ConfigurationError(
            f"{key}.exponents_shown is {entry['exponents_shown']}; allowed: at least exponent_cut, "
            f"{entry['exponent_cut']}."
        )
    if is_of_run(entry):
        check_known(f"{key}.run", entry["run"], "runs", configuration)
        reason = census.why_no_census(
            entry["run"], configuration["runs"][entry["run"]], entry["step"]
        )
        if reason is not None:
            raise ConfigurationError(f"{key} has run: {entry['run']}. {reason}")


def find(key: str, entry: Mapping) -> Model:
    """The matrices of a model or file; ConfigurationError if there are none, or too large ones."""
    try:
        found = _model(entry)
    except UserError as error:
        raise ConfigurationError(f"{key}: {error}") from None
    for tensor in found.matrices.values():
        needed = census.memory_mb(*tensor.shape, tensor.dtype)
        if needed > entry["memory_mb"]:
            rows, dimensions = tensor.shape
            raise ConfigurationError(
                f"{key}: {tensor.name} in {tensor.path}, {rows:,} x {dimensions:,} {tensor.dtype}, "
                f"takes up to {needed:,} MB of memory; allowed by {key}.memory_mb: "
                f"{entry['memory_mb']:,}. Set it higher where there is so much."
            )
    return found


def roles(key: str, entry: Mapping) -> dict[str, object]:
    """matrices: the name of each tensor by its role; tied: whether one stands for both."""
    found = find(key, entry)
    names = {role: tensor.name for role, tensor in found.matrices.items()}
    return {"matrices": names, "tied": found.tied}


def memory_mb(key: str, entry: Mapping) -> dict[str, int]:
    """What each matrix takes at most, by its role."""
    matrices = find(key, entry).matrices.items()
    return {role: census.memory_mb(*tensor.shape, tensor.dtype) for role, tensor in matrices}


def tokenizer(key: str, entry: Mapping) -> str | None:
    """The tokenizer of a model or file: the one that is named, else that of the folder."""
    named = entry["tokenizer_file"]
    if named is None:
        return None if is_of_run(entry) else find(key, entry).tokenizer
    reason = why_unusable(named)
    if reason is not None:
        raise ConfigurationError(f"{key}.tokenizer_file is {named!r}: {reason}")
    return named


def _model(entry: Mapping) -> Model:
    if entry["source"] == "model":
        return model_folder.find(entry["folder"])
    tensor = model_folder.tensor(entry["file"], entry["tensor"])
    return Model({"matrix": tensor}, tied=False, tokenizer=None)
