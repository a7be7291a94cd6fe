"""A ready tokenizer from the Hub: its one file, or the two of GPT-2's kind."""

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from deadtokens.errors import UserError
from deadtokens.hub import contact
from deadtokens.hub.contact import Place

WHOLE = ("tokenizer.json",)
OF_GPT2 = ("vocab.json", "merges.txt")


def fetch(source: Mapping, key: str) -> tuple[list[Path], dict[str, Any]]:
    """The files of a tokenizer in the clients' cache, and what was taken.

    source: an entry of the configuration; a repository without tokenizer.json gives its vocab.json
    and merges.txt. Raises UserError if it has neither or cannot be read, or if the file that
    decides (the last one) is not the one whose `sha256` is stated.
    """
    place = Place(key, "model", source["repository"], source["revision"])
    commit = contact.commit(place)
    for names in (WHOLE, OF_GPT2):
        paths = [_file(place, commit, name) for name in names]
        if None not in paths:
            break
    else:
        raise UserError(
            f"{key}.repository is {source['repository']!r}, which has neither {WHOLE[0]} nor "
            f"{' and '.join(OF_GPT2)} at this revision. Give a repository with a tokenizer of "
            "Hugging Face's tokenizers library."
        )
    sums = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in zip(names, paths, strict=True)
    }
    _check_sums(sums, source["sha256"], place, commit)
    known = {name: source[name] for name in ("repository", "revision")}
    return paths, known | {"commit": commit, "sha256": sums}


def _file(place: Place, commit: str, name: str) -> Path | None:
    """Where the file lies now; None if the repository has none of this name."""
    ask = partial(hf_hub_download, place.repository, name, revision=commit)

    def found() -> Path | None:
        try:
            return Path(ask())
        except LocalEntryNotFoundError:
            raise  # no contact, and no copy from before
        except EntryNotFoundError:
            return None

    return contact.patiently(found, contact.wait_after, place)


def _check_sums(sums: Mapping[str, str], stated: str | None, place: Place, commit: str) -> None:
    if stated is not None and stated not in sums.values():
        found = ", ".join(f"{name}: {digest}" for name, digest in sums.items())
        raise UserError(
            f"{place.key}.sha256 is {stated}, but {place.words} has at commit {commit} {found}. "
            "It is another tokenizer than the one stated: pin the revision of that one, or state "
            "this one."
        )
