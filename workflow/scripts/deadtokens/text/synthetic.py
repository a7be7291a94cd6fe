"""Synthetic corpora: English for the model; English, Thai and rare characters for the tokenizer.

The tokenizer corpus holds whole documents of English, then of Thai, until each has its size. Rare
characters stand in lines of their own at the ends of its English documents, spread evenly over
them: each at least once, early ones more often. The model corpus is English alone, by the same
writer (`english`), from other documents. The same bytes from the same settings everywhere.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from deadtokens.text.characters import rare_characters
from deadtokens.text.english import English
from deadtokens.text.random_stream import stream_key, words
from deadtokens.text.thai import Thai

RARE_ROUNDS = 12  # round r repeats the first 1/r of the characters: frequencies of a tail
RARE_RUN = 3  # neighbours in code point are written together: "漢字典"


def write_corpora(settings: dict[str, int], tokenizer_corpus: Path, model_corpus: Path) -> None:
    """Write both corpora, UTF-8 with line feeds, in memory independent of their sizes.

    Settings: seed, tokenizer_english_bytes, tokenizer_thai_bytes, model_bytes, rare_characters. A
    part ends with the document that reaches its size.
    """
    seed = settings["seed"]
    english = English(seed)
    _write(model_corpus, _until(settings["model_bytes"], english.documents("model")))
    size = settings["tokenizer_english_bytes"]
    documents = _until(size, english.documents("tokenizer"))
    documents = _with_tail(documents, size, rare_tail(seed, settings["rare_characters"]))
    thai = _until(settings["tokenizer_thai_bytes"], Thai(seed).documents())
    _write(tokenizer_corpus, chain(documents, thai))


def rare_tail(seed: int, size: int) -> list[str]:
    """All rare characters in short runs, in random order, round after round."""
    characters = rare_characters(size)
    tail = []
    for turn in range(1, RARE_ROUNDS + 1):
        part = characters[: len(characters) // turn]
        runs = [part[start : start + RARE_RUN] for start in range(0, len(part), RARE_RUN)]
        order = np.argsort(words(stream_key(seed, f"rare characters {turn}"), range(len(runs))))
        tail += [runs[i] for i in order.tolist()]
    return tail


def _write(path: Path, documents: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(documents)


def _until(size: int, documents: Iterable[str]) -> Iterator[str]:
    written = 0
    for document in documents:
        if written >= size:
            return
        written += len(document.encode())
        yield document


def _with_tail(documents: Iterable[str], size: int, tail: list[str]) -> Iterator[str]:
    """The documents, with as much of the tail after each as there is of the size so far."""
    written = done = 0
    for document in documents:
        written += len(document.encode())
        due = min(len(tail), len(tail) * written // max(size, 1))
        yield document
        if due > done:
            yield " ".join(tail[done:due]) + "\n\n"
            done = due
