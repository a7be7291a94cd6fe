"""Users' own text: checked and copied; and how far two corpora overlap."""

import codecs
import hashlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deadtokens.errors import UserError

log = logging.getLogger("fimbulwinter")

PIECE_BYTES = 1 << 20
BYTE_ORDER_MARK = "\ufeff"
# All of ASCII's but those from tab to carriage return, and escape, which colours a terminal.
CONTROL = bytes({*range(0x20), 0x7F} - {*range(0x09, 0x0E), 0x1B})
MOST_CONTROL = 0.01  # of the bytes of a text
SHORTEST_TELLING_LINE = 40  # characters; shorter lines ("Share this", "Read more") repeat by chance
LINES_PER_BATCH = 100_000


def import_text(source: Path, copy: Path) -> None:
    """Copy a UTF-8 text byte for byte, without a byte order mark; the source is only read.

    Raises UserError if it is missing, no file, empty or blank, not UTF-8 (says at which byte), or
    so full of control characters that it is no text.
    """
    if not source.is_file():
        raise UserError(
            f"there is no corpus file {source}: expected a UTF-8 text file; check the path "
            "(a relative path counts from the folder in which the workflow runs)"
        )
    check_text(source)
    with source.open("rb") as text, copy.open("wb") as file:
        # It says how a file is encoded and is no part of the text, where it would be a token.
        if text.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            log.info("%s begins with a byte order mark; the copy does not", source)
        else:
            text.seek(0)
        shutil.copyfileobj(text, file, PIECE_BYTES)


def check_text(source: Path) -> None:
    """Read a text through, in bounded memory; UserError if it is blank or no text in UTF-8.

    UTF-16 without a byte order mark is often valid UTF-8, but half of it are control characters.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_read, n_control, is_blank, piece = 0, 0, True, b"."
    with source.open("rb") as file:
        while piece:
            piece = file.read(PIECE_BYTES)
            n_pending = len(decoder.getstate()[0])  # bytes of a character that straddles two pieces
            try:
                text = decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                offset = n_read - n_pending + error.start
                raise UserError(
                    f"the corpus file {source} is not UTF-8: {error.reason} "
                    f"(0x{error.object[error.start]:02x}) at byte {offset};"
                    " save it as UTF-8 and start again"
                ) from None
            is_blank = is_blank and not text.replace(BYTE_ORDER_MARK, "").strip()
            n_read += len(piece)
            n_control += len(piece) - len(piece.translate(None, CONTROL))
    if is_blank:
        found = f"holds nothing but whitespace ({n_read} bytes)" if n_read else "is empty"
        raise UserError(f"the corpus file {source} {found}: expected UTF-8 text")
    if n_control > MOST_CONTROL * n_read:
        raise UserError(
            f"the corpus file {source} is no text in UTF-8: {n_control} of its {n_read} bytes are "
            "control characters, as in UTF-16 or in a program's own format; save it as UTF-8 and "
            "start again"
        )


def overlap(model_corpus: Path, tokenizer_corpus: Path) -> dict[str, int | float]:
    """How much of the model corpus also stands in the tokenizer corpus, line by line.

    A line is what stands between two line feeds, without the whitespace at its ends; it counts if
    it has at least 40 characters. Lines are compared by 64-bit hashes, in memory of 16 bytes per
    line of the model corpus.
    """
    known = np.unique(np.concatenate([hashes for hashes, _ in _telling_lines(model_corpus)]))
    is_shared = np.zeros(len(known), bool)
    for hashes, _ in _telling_lines(tokenizer_corpus):
        places, found = _find(hashes, known)
        is_shared[places[found]] = True
    shared = known[is_shared]
    n_lines = n_characters = n_shared_lines = n_shared_characters = 0
    for hashes, lengths in _telling_lines(model_corpus):
        _, found = _find(hashes, shared)
        n_lines += len(hashes)
        n_characters += int(lengths.sum())
        n_shared_lines += int(found.sum())
        n_shared_characters += int(lengths[found].sum())
    return {
        "shortest_line_counted": SHORTEST_TELLING_LINE,
        "lines": n_lines,
        "shared_lines": n_shared_lines,
        "share_of_lines": n_shared_lines / max(n_lines, 1),
        "characters": n_characters,
        "shared_characters": n_shared_characters,
        "share_of_characters": n_shared_characters / max(n_characters, 1),
    }


def _telling_lines(corpus: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Hashes (uint64) and lengths (int64) of the lines that count, in batches."""
    hashes, lengths = [], []
    with corpus.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            line = line.strip()
            if len(line) >= SHORTEST_TELLING_LINE:
                hashes.append(_hash(line))
                lengths.append(len(line))
            if len(hashes) == LINES_PER_BATCH:
                yield np.array(hashes, np.uint64), np.array(lengths, np.int64)
                hashes, lengths = [], []
    yield np.array(hashes, np.uint64), np.array(lengths, np.int64)


def _find(hashes: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place of each hash in the sorted `known`, and whether it stands there."""
    if not len(known):
        return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), bool)
    places = np.searchsorted(known, hashes).clip(max=len(known) - 1)
    return places, known[places] == hashes


def _hash(line: str) -> int:
    return int.from_bytes(hashlib.blake2b(line.encode(), digest_size=8).digest(), "big")
