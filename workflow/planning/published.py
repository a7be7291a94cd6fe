"""The published files by their own names (`inputs`): which corpora and runs they stand for.

They become `corpora.*_file` and `runs.*.trajectory_file`, unless the configuration itself says
something of those. A corpus of which anything is given is never made up: what its runs lack is
refused by name.
"""

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from planning.corpora import FILE_KEYS
from planning.mistakes import ConfigurationError, check_known

DEPTH = 3  # folders below the given one: the author's keeps data/ and tensors/SERIES/
# The key of `inputs`, the published name.
NAMES = {
    "flannel_model_corpus": "flannel_model_corpus.txt",
    "flannel_tokenizer": "flannel_tokenizer_chars.json",
    "flannel_masks": "live_dead_tokens.safetensors",
    "wordybird_corpus": "fineweb_2mb_unicode.txt",
    "wordybird_tokenizer": "tokenizer.json",
    "wordybird_masks": "fineweb_token_masks.safetensors",
    "crucible1": "crucible_1_trajectory.safetensors",
    "crucible2": "crucible_2_trajectory.safetensors",
    "crucible3": "crucible_3_trajectory.safetensors",
    "thimble7": "thimble_7.h5",
    "wordybird1": "1.12c_wordybird_1.safetensors",
    "wordybird3": "1.12e_wordybird_3.safetensors",
    "wordybird1b": "1.12f_wordybird_1b.safetensors",
}
# A name that files of others have, too: it counts in the folder itself alone.
COMMON = ("wordybird_tokenizer",)
# Of each corpus the keys of `inputs` for its text, tokenizer and masks, and its runs.
CORPORA = {
    "flannel": ("flannel_model_corpus", "flannel_tokenizer", "flannel_masks"),
    "wordybird": ("wordybird_corpus", "wordybird_tokenizer", "wordybird_masks"),
}
RUNS = {
    "flannel": ("crucible1", "crucible2", "crucible3", "thimble7"),
    "wordybird": ("wordybird1", "wordybird3", "wordybird1b"),
}
OF_CORPUS = ("model_corpus_file", "tokenizer_file", "mask_file")


def laid_in(configuration: Mapping) -> dict:
    """The configuration with the files that `inputs` gives; raises `ConfigurationError`.

    It keeps under `inputs` what was found, by key.
    """
    given = found(configuration.get("inputs", {}))
    configuration = {**copy.deepcopy(dict(configuration)), "inputs": given}
    for name in (*RUNS["flannel"], *RUNS["wordybird"]):
        if name in given:
            check_known(f"inputs.{name} stands for the run {name}; it", name, "runs", configuration)
            run = configuration["runs"][name]
            configuration["runs"][name] = {"trajectory_file": given[name]} | run
    for corpus, keys in CORPORA.items():
        if given.keys() & {*keys, *RUNS[corpus]}:
            configuration["corpora"][corpus] = _corpus(
                configuration["corpora"].get(corpus, {}), given, keys
            )
    return configuration


def found(inputs: Mapping | str) -> dict[str, str]:
    """The given files by their keys; `ConfigurationError` if one is given twice."""
    inputs = {"folder": inputs} if isinstance(inputs, str) else dict(inputs)
    folder = inputs.pop("folder", None)
    keys = {key: path for key, path in inputs.items() if path is not None}
    in_folder = {} if folder is None else _in_folder(folder)
    given = in_folder | keys
    taken = {}
    for key, path in given.items():
        other = taken.setdefault(os.path.realpath(path), key)
        if other != key:
            raise ConfigurationError(
                f"inputs.{other} and inputs.{key} name the same file, {path!r}; allowed: a file "
                "for each. Remove one of them."
            )
    return given


def hint(configuration: Mapping, corpus: str) -> str:
    """What `inputs` lacks of a corpus, for the end of a message; empty if it gives nothing."""
    given = configuration.get("inputs", {})
    if corpus not in CORPORA or not given.keys() & {*CORPORA[corpus], *RUNS[corpus]}:
        return ""
    lacking = [NAMES[key] for key in CORPORA[corpus][:2] if key not in given]
    return f"`inputs` gives other files of it, but not {' and '.join(lacking)}." if lacking else ""


def _corpus(corpus: Mapping, given: Mapping[str, str], keys: tuple[str, ...]) -> dict:
    """An entry of `corpora` with these files, unless it names files itself."""
    if any(corpus.get(name) for name in FILE_KEYS):
        return dict(corpus)
    files = {name: given[key] for name, key in zip(OF_CORPUS, keys, strict=True) if key in given}
    has_text = {"model_corpus_file", "tokenizer_file"} <= files.keys()
    if not has_text:
        files.pop("model_corpus_file", None)
    return {**corpus, "source": "files" if has_text else "none", **files}


def _in_folder(folder: str) -> dict[str, str]:
    if not os.path.isdir(folder):
        what = "there is no such folder" if not os.path.lexists(folder) else "it is no folder"
        raise ConfigurationError(
            f"inputs.folder is {folder!r}: {what}. Paths are taken from the working directory, "
            f"{Path.cwd()}."
        )
    places: dict[str, list[str]] = {key: [] for key in NAMES}
    for path in _files(folder):
        for key, name in NAMES.items():
            at_top = os.path.dirname(path) == folder.rstrip("/")
            if os.path.basename(path) == name and (at_top or key not in COMMON):
                places[key].append(path)
    for key, paths in places.items():
        if len(paths) > 1:
            raise ConfigurationError(
                f"inputs.folder is {folder!r}, which holds {NAMES[key]} more than once: "
                f"{', '.join(paths[:2])}. Set inputs.{key} to the one that is meant, and the other "
                "files by their keys, or name a folder with one of them."
            )
    if not any(places.values()):
        raise ConfigurationError(
            f"inputs.folder is {folder!r}, which holds none of the published files: "
            f"{', '.join(NAMES.values())}. Name the folder with some of them."
        )
    return {key: paths[0] for key, paths in places.items() if paths}


def _files(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if depth < DEPTH and name[0] != ".")
        yield from (os.path.join(place, name) for name in sorted(files))
