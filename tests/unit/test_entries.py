"""What an entry stands for, by how the tokenizer writes text, not by what its parts are called."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from deadtokens.text import byte_level, readable, vocabulary
from deadtokens.text.entries import texts_and_scripts

TEXTS = ["\n", " the", "ก", "é", "漢", "Ж1", "1", "🙂"]
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)

# Where a tokenizer may write bytes.
PLACES = {
    "pre-tokenizer": (None, BYTES),
    "in a sequence": (None, pre_tokenizers.Sequence([pre_tokenizers.Digits(), BYTES])),
    "in a sequence in a sequence": (
        None,
        pre_tokenizers.Sequence([pre_tokenizers.Sequence([BYTES]), pre_tokenizers.Punctuation()]),
    ),
    "after words": (None, pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), BYTES])),
    "after a split, without a pattern": (
        None,
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"),
                pre_tokenizers.ByteLevel(use_regex=False),
            ]
        ),
    ),
    "normalizer": (normalizers.ByteLevel(), None),
    "normalizer in a sequence": (
        normalizers.Sequence([normalizers.NFC(), normalizers.ByteLevel()]),
        pre_tokenizers.Split("Ġ", "merged_with_next"),
    ),
    "after a normalizer": (normalizers.NFD(), BYTES),
}


def of_bpe(entries, normalizer=None, pre_tokenizer=None, **options) -> Tokenizer:
    vocab = {entry: index for index, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], **options))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    return tokenizer


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("decoder", [None, decoders.ByteLevel()])
def test_entries_in_bytes_are_read_wherever_bytes_are_written(place, decoder):
    entries = [*map(byte_level.written, TEXTS), "à¸", "ģ"]
    tokenizer = of_bpe(entries, *PLACES[place])
    if decoder is not None:
        tokenizer.decoder = decoder
    texts, scripts = texts_and_scripts(tokenizer, range(len(entries)))
    assert texts == [*TEXTS, None, None]
    assert scripts == [
        *("other", "Latin", "Thai", "Latin", "CJK", "Cyrillic", "other", "other"),
        *("partial", "partial"),
    ]


@pytest.mark.parametrize(
    "words", [None, pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit()]
)
def test_entries_in_characters_are_their_text(words):
    entries = ["é", "Ġ", "à¸", "ก", "<0x0A>"]
    texts, scripts = texts_and_scripts(of_bpe(entries, None, words), range(5))
    assert texts == entries
    assert scripts == ["Latin", "Latin", "Latin", "Thai", "Latin"]


BYTE_ENTRIES = [f"<0x{byte:02X}>" for byte in range(256)]


@given(st.integers(0, 255))
@pytest.mark.parametrize("kind", ["BPE", "Unigram"])
def test_a_byte_that_stands_in_is_that_byte(kind, byte):
    entries = ["<unk>", *BYTE_ENTRIES, "▁the", "▁"]
    if kind == "BPE":
        tokenizer = of_bpe(entries, unk_token="<unk>", byte_fallback=True)
    else:
        pieces = [(entry, 0.0) for entry in entries]
        tokenizer = Tokenizer(models.Unigram(pieces, 0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    texts, scripts = texts_and_scripts(tokenizer, [byte + 1, 0, 257, 258])
    if byte < 0x80:
        assert texts[0] == chr(byte)
        assert scripts[0] == ("Latin" if chr(byte).isalpha() else "other")
    else:
        assert (texts[0], scripts[0]) == (None, "partial")
    assert texts[1:] == ["<unk>", " the", " "]
    assert scripts[1:] == ["special", "Latin", "other"]


@pytest.mark.parametrize("words", [pre_tokenizers.Whitespace(), BYTES])
def test_an_added_token_is_its_text_and_special_only_if_it_is_called_so(words):
    tokenizer = of_bpe([*map(byte_level.written, TEXTS)], None, words)
    tokenizer.add_tokens(["กข", "Solid", AddedToken("ég", single_word=True), "123"])
    tokenizer.add_special_tokens(["<pad>", "ฃ"])
    texts, scripts = texts_and_scripts(tokenizer, range(len(TEXTS), len(TEXTS) + 6))
    assert texts == ["กข", "Solid", "ég", "123", "<pad>", "ฃ"]
    assert scripts == ["Thai", "Latin", "Latin", "other", "special", "special"]


# A model with an entry that stands for all it does not know, whatever that is called.
KNOWING_UNKNOWN = {
    "BPE": models.BPE(vocab={"no": 0, "a": 1}, merges=[], unk_token="no"),
    "WordLevel": models.WordLevel({"no": 0, "a": 1}, unk_token="no"),
    "WordPiece": models.WordPiece({"no": 0, "a": 1}, unk_token="no"),
    "Unigram": models.Unigram([("no", 0.0), ("a", -1.0)], 0),
}


@pytest.mark.parametrize("kind", KNOWING_UNKNOWN)
def test_the_unknown_token_is_special(kind):
    tokenizer = Tokenizer(KNOWING_UNKNOWN[kind])
    assert texts_and_scripts(tokenizer, [0, 1]) == (["no", "a"], ["special", "Latin"])


def test_marks_of_word_pieces_are_no_text():
    pieces = Tokenizer(models.WordPiece({"[UNK]": 0, "##ing": 1, "##1": 2, "##": 3}))
    assert texts_and_scripts(pieces, [1, 2, 3])[0] == ["ing", "1", "##"]
    entries = ["1</w>", "ก</w>", "</w>"]
    ending = of_bpe(entries, end_of_word_suffix="</w>")
    assert texts_and_scripts(ending, range(3)) == (
        ["1", "ก", "</w>"],
        ["other", "Thai", "Latin"],
    )


def test_report_and_descriptions_say_the_same():
    entries = ["<unk>", *BYTE_ENTRIES, "ก", "▁the"]
    tokenizer = of_bpe(entries, unk_token="<unk>", byte_fallback=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_tokens(["Solid"])
    n_entries = tokenizer.get_vocab_size()
    dead = np.arange(n_entries) % 2 == 0
    report = vocabulary.report_dead(tokenizer, dead, np.zeros(n_entries, np.int64))
    _, scripts = readable.describe(tokenizer, range(n_entries))
    counted = {script: row["entries"] for script, row in report["by_script"].items()}
    assert counted == {script: scripts.count(script) for script in set(scripts)}
    assert counted == {"partial": 128, "other": 76, "Latin": 54, "Thai": 1, "special": 1}
    assert readable.describe(tokenizer, [0xE0 + 1]) == (["<0xE0>"], ["partial"])
