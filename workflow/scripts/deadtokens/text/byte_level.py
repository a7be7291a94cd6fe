"""GPT-2's kind of tokenizer: byte-pair encoding of bytes, trained here or read from its two files.

A byte is written as one of 256 visible characters, so that entries can stand in JSON and in lines
of text: `Ġthe` is " the". Words are found by GPT-2's pattern, which keeps the space before a word.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from deadtokens.errors import UserError
from deadtokens.files import documents
from deadtokens.text import library

END_OF_TEXT = "<|endoftext|>"
_VOCAB_AND_MERGES = "expected GPT-2's vocab.json and merges.txt"
EXAMPLES_IN_MESSAGE = 5

# GPT-2's `bytes_to_unicode`: visible Latin-1 stands for itself, the rest moves to 256 and up.
_VISIBLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_MOVED = [byte for byte in range(256) if byte not in _VISIBLE]
_BYTE_OF = {chr(byte): byte for byte in _VISIBLE}
_BYTE_OF |= {chr(256 + place): byte for place, byte in enumerate(_MOVED)}
_CHARACTER_OF = {byte: character for character, byte in _BYTE_OF.items()}


def train(corpus: Path, vocab_size: int, min_frequency: int) -> Tokenizer:
    """Learn a tokenizer from a UTF-8 file: 256 bytes, then merges, `<|endoftext|>` last, as GPT-2.

    It has fewer entries than `vocab_size` if no further pair occurs `min_frequency` times. Raises
    UserError if there is no room for all bytes.
    """
    if vocab_size <= len(_BYTE_OF):
        raise UserError(
            f"vocab_size is {vocab_size}, but a tokenizer of bytes has an entry for each of the "
            f"256 bytes and for {END_OF_TEXT}; raise vocab_size to 257 at least"
        )
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        min_frequency=min_frequency,
        initial_alphabet=list(_BYTE_OF),
        show_progress=False,
    )
    with library.explained(f"no tokenizer can be trained on {corpus}", library.TRAINING_TEXT):
        learner.train([str(corpus)], trainer)
    learned = json.loads(learner.to_str())["model"]
    vocab = learned["vocab"]
    return _tokenizer(
        vocab | {END_OF_TEXT: len(vocab)}, [tuple(pair) for pair in learned["merges"]]
    )


def read(vocab_file: Path, merges_file: Path) -> Tokenizer:
    """The tokenizer of GPT-2's two files; ids as `GPT2TokenizerFast` of transformers gives them.

    Raises UserError if one is no such file, or if they do not belong together.
    """
    vocab = _read_vocab(vocab_file)
    merges = _read_merges(merges_file, vocab, vocab_file)
    made = {left + right for left, right in merges} | _BYTE_OF.keys() | {END_OF_TEXT}
    unmade = [entry for entry in vocab if entry not in made]
    if unmade:
        raise UserError(
            f"{len(unmade)} entries of {vocab_file} are made by none of the {len(merges)} merges "
            f"in {merges_file}, first of all {_some(unmade)}: they could never occur; give the "
            "whole merges.txt that belongs to this vocab.json"
        )
    with library.explained(f"{vocab_file} and {merges_file} make no tokenizer", _VOCAB_AND_MERGES):
        return _tokenizer(vocab, merges)


def written(text: str) -> str:
    """A text in GPT-2's alphabet of bytes."""
    return "".join(map(_CHARACTER_OF.__getitem__, text.encode()))


def decoded(content: bytes) -> str | None:
    """The text of these bytes; None if they are no whole characters of UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def text_of(entry: str) -> str | None:
    """The text that an entry stands for; None if its bytes are no whole characters of UTF-8."""
    if not _BYTE_OF.keys() >= set(entry):
        return entry  # an added entry that is written as it is
    return decoded(bytes(map(_BYTE_OF.__getitem__, entry)))


def _tokenizer(vocab: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END_OF_TEXT])
    return tokenizer


def _read_vocab(path: Path) -> dict[str, int]:
    expected = "expected GPT-2's vocab.json, a JSON object of entries and their ids from 0 on"
    try:
        vocab = documents.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no vocabulary ({error}): {expected}") from None
    if not isinstance(vocab, dict) or not all(type(index) is int for index in vocab.values()):
        raise UserError(f"{path} is no vocabulary: {expected}")
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise UserError(
            f"the ids in {path} are not the numbers from 0 to {len(vocab) - 1}, one for each of "
            f"its {len(vocab)} entries: {expected}"
        )
    missing = [entry for entry in (*_BYTE_OF, END_OF_TEXT) if entry not in vocab]
    if missing:
        raise UserError(
            f"{path} has no entry {_some(missing)}: GPT-2's vocab.json has one for each of the 256 "
            f"bytes and {END_OF_TEXT}; give another kind of tokenizer as tokenizer_file"
        )
    return vocab


def _read_merges(path: Path, vocab: dict[str, int], vocab_file: Path) -> list[tuple[str, str]]:
    expected = "expected GPT-2's merges.txt, a line of two entries for every merge"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no file of merges ({error}): {expected}") from None
    merges = []
    for number, line in enumerate(lines, 1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        pair = tuple(line.split(" "))
        if len(pair) != 2 or "" in pair:
            raise UserError(f"{path}, line {number} is {line!r}: {expected}")
        missing = [entry for entry in (*pair, "".join(pair)) if entry not in vocab]
        if missing:
            raise UserError(
                f"{path}, line {number} is {line!r}, but {vocab_file} has no entry "
                f"{_some(missing)}: give the merges.txt that belongs to this vocab.json"
            )
        merges.append(pair)
    return merges


def _some(entries: list[str]) -> str:
    shown = ", ".join(map(repr, entries[:EXAMPLES_IN_MESSAGE]))
    return shown + (", ..." if len(entries) > EXAMPLES_IN_MESSAGE else "")
