"""The folder of a Hugging Face model: which file holds its embedding matrices, and of what size.

Nothing is run and nothing is unpickled: JSON is parsed, and of a safetensors file its header alone.
It needs no numpy, for it is asked before any job.
"""

import difflib
import math
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deadtokens.errors import UserError
from deadtokens.files import documents, opening

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt")
# Ends of names, those of today's architectures first; two tensors of one end are ambiguous.
INPUT_ENDS = (
    *("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight"),
    *("tok_embeddings.weight", "shared.weight", "embeddings.weight"),
)
OUTPUT_ENDS = ("lm_head.weight", "embed_out.weight", "predictions.decoder.weight")
# GPT-2 and OPT have tables of positions beside that of tokens.
NOT_OF_TOKENS = ("position", "wpe", "token_type", "patch")
LENGTH_BYTES = 8
LONGEST_HEADER = 100_000_000  # the limit of the safetensors library
SHOWN = 5
BYTES = {"BF16": 2, "F16": 2, "U16": 2, "F32": 4}  # of the formats that a census takes


@dataclass(frozen=True)
class Tensor:
    """A tensor in a file, as the file's header states it."""

    name: str
    path: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Model:
    """Its matrices by role, `input` and, if it is another one, `output`; `tied` if there is one
    for both; its tokenizer, None if the folder has none; what config.json states of both."""

    matrices: Mapping[str, Tensor]
    tied: bool
    tokenizer: str | None


def find(folder: str) -> Model:
    """The matrices of a model's folder; UserError that says what is there and what to do."""
    if not os.path.isdir(folder):
        raise UserError(
            f"{folder}: there is no such folder; expected that of a Hugging Face model, with "
            f"{CONFIG} and {WHOLE}."
        )
    file_of = _files(Path(folder))
    config = _config(Path(folder, CONFIG))
    names = {"input": _one(folder, file_of, INPUT_ENDS, "input")}
    if names["input"] is None:
        raise UserError(
            f"{folder}: no input embeddings among its {len(file_of)} tensors "
            f"({', '.join(list(file_of)[:SHOWN])} …); expected a name that ends with one of "
            f"{', '.join(INPUT_ENDS)}. Name it yourself: source: tensor."
        )
    output = _one(folder, file_of, OUTPUT_ENDS, "output")
    says_tied = config.get("tie_word_embeddings") is True
    # With tied embeddings the library loads the input matrix into both, whatever the file holds.
    if output is not None and not says_tied:
        names["output"] = output
    matrices = {role: tensor(file_of[name], name) for role, name in names.items()}
    tokenizer = Path(folder, TOKENIZER)
    return Model(matrices, "output" not in names, str(tokenizer) if tokenizer.is_file() else None)


def tensor(path: str, name: str) -> Tensor:
    """A tensor of a safetensors file; UserError if it is not there, or is no matrix of a format
    that a census takes."""
    entries = header(Path(path))
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=SHOWN, cutoff=0.3)
        raise UserError(
            f"{path}: no tensor {name}; the nearest names are "
            f"{', '.join(near or list(entries)[:SHOWN]) or 'none'}. Name one of them."
        )
    entry = entries[name]
    shape = tuple(entry["shape"])
    if len(shape) != 2 or 0 in shape:
        raise UserError(
            f"{path}: {name} has the shape {list(shape)}; expected a matrix, a row per token, of "
            "two axes that are not empty. Name the tensor of the embeddings."
        )
    if entry["dtype"] not in BYTES:
        raise UserError(
            f"{path}: {name} is {entry['dtype']}; expected one of {', '.join(BYTES)}. Save the "
            "model in one of these."
        )
    return Tensor(name, path, entry["dtype"], shape)


def matrix_bytes(found: Tensor) -> int:
    """How large it is."""
    return BYTES[found.dtype] * math.prod(found.shape)


def header(path: Path) -> dict[str, dict]:
    """The entries of a safetensors file's header by name; UserError if it is none, or pickled."""
    if path.suffix in PICKLED:
        raise UserError(_pickled(str(path)))
    with os.fdopen(opening.descriptor(path), "rb") as file:
        start = file.read(LENGTH_BYTES)
        length = struct.unpack("<Q", start)[0] if len(start) == LENGTH_BYTES else LONGEST_HEADER + 1
        content = file.read(length) if length <= LONGEST_HEADER else b""
    try:
        entries = documents.parse(content.decode("utf-8"))
        documents.check(entries.pop("__metadata__", {}), {str: str}, "__metadata__")
        documents.check(entries, {str: {"dtype": str, "shape": [int]}})
    except (ValueError, AttributeError) as error:
        said = f" ({error})" if content else ""
        raise UserError(f"{path}: no safetensors file, or damaged{said}. Get it again.") from None
    return entries


def _files(folder: Path) -> dict[str, str]:
    """The file of every tensor, by name."""
    index = folder / INDEX
    if not index.exists() and not (folder / WHOLE).exists():
        pickled = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLED)
        if pickled:
            raise UserError(_pickled(f"{folder}/{pickled[0]}"))
        raise UserError(
            f"{folder}: no weights: expected {WHOLE}, or {INDEX} with the files that it names. Get "
            "them too."
        )
    if not index.exists():
        return dict.fromkeys(header(folder / WHOLE), str(folder / WHOLE))
    named = documents.read(index, {"weight_map": {str: str}})["weight_map"]
    outside = [name for name in named.values() if os.path.basename(name) != name]
    if outside:
        raise UserError(f"{index}: {outside[0]!r} is no file of this folder. Get the index again.")
    missing = sorted({name for name in named.values() if not (folder / name).exists()})
    # Only the files of embeddings are needed; the others may be elsewhere.
    wanted = {file for name, file in named.items() if name.endswith((*INPUT_ENDS, *OUTPUT_ENDS))}
    if needed := sorted({*missing} & wanted):
        raise UserError(f"{folder}: {', '.join(needed)} of {INDEX} is missing. Get it too.")
    return {name: str(folder / file) for name, file in named.items()}


def _config(path: Path) -> dict:
    if not path.exists():
        raise UserError(
            f"{path}: there is no such file; it says whether the embeddings are tied. Get it too, "
            "or name a file and a tensor: source: tensor."
        )
    return documents.read(path)


def _one(folder: str, names: Iterable[str], ends: Iterable[str], role: str) -> str | None:
    """The one tensor of a role; None if there is none, UserError if there are several."""
    for end in ends:
        found = [
            name
            for name in names
            if (name == end or name.endswith(f".{end}"))
            and not any(other in name for other in NOT_OF_TOKENS)
        ]
        if len(found) > 1:
            raise UserError(
                f"{folder}: {len(found)} tensors may be the {role} embeddings: "
                f"{', '.join(found[:SHOWN])}. Name the one you mean: source: tensor."
            )
        if found:
            return found[0]
    return None


def _pickled(path: str) -> str:
    return (
        f"{path}: pickled weights, which can run any code when they are read, so they are not; "
        f"expected {WHOLE}. Many models have it beside them; else load the model where you trust "
        "it, and save_pretrained(FOLDER, safe_serialization=True)."
    )
