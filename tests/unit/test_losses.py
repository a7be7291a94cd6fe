"""Characters that a tokenizer has no entry for: counted, stated, an error when many."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import program
from safetensors.numpy import load_file
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from deadtokens.errors import UserError
from deadtokens.text import vocabulary
from deadtokens.text.losses import Losses

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
UNKNOWN = "[UNK]"
LETTERS = "abcd"
CYRILLIC = "жщю"
MERGES = [("a", "b"), ("c", "d"), ("ab", "cd"), ("a", "a")]
PIECES = [*LETTERS, *map("".join, MERGES)]


def bpe(**options) -> Tokenizer:
    entries = [UNKNOWN, *PIECES] if "unk_token" in options else PIECES
    vocab = {entry: index for index, entry in enumerate(entries)}
    return Tokenizer(models.BPE(vocab=vocab, merges=MERGES, **options))


def unigram() -> Tokenizer:
    return Tokenizer(models.Unigram([(UNKNOWN, 0.0), *((piece, -1.0) for piece in PIECES)], 0))


def wordpiece() -> Tokenizer:
    entries = [UNKNOWN, *PIECES, *(f"##{piece}" for piece in PIECES)]
    vocab = {entry: index for index, entry in enumerate(entries)}
    return Tokenizer(models.WordPiece(vocab, unk_token=UNKNOWN))


def word_level() -> Tokenizer:
    return Tokenizer(models.WordLevel({UNKNOWN: 0, "ab": 1, "cd": 2}, unk_token=UNKNOWN))


def bytes_without(*missing: int) -> Tokenizer:
    """GPT-2's alphabet without some of its bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = [entry for place, entry in enumerate(alphabet) if place not in missing]
    made = Tokenizer(models.BPE(vocab={entry: i for i, entry in enumerate(entries)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return made


def with_parts(tokenizer: Tokenizer, normalizer=None, pre_tokenizer=None, added=()) -> Tokenizer:
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.add_tokens([*added])
    return tokenizer


def count(tokenizer: Tokenizer, text: str, folder: Path, piece: int = 1 << 18) -> tuple:
    (folder / "text.txt").write_bytes(text.encode())
    losses = Losses(tokenizer)
    pieces = vocabulary.encode(tokenizer, folder / "text.txt", piece, losses)
    return np.concatenate(list(pieces)), losses


TEXTS = st.text(st.sampled_from(LETTERS + CYRILLIC + "1 \n\u00a0"), max_size=40)


@given(text=TEXTS, piece=st.integers(1, 20), splits=st.booleans(), adds=st.booleans())
def test_a_character_without_an_entry_vanishes(tmp_path_factory, text, piece, splits, adds):
    """Of a BPE that has no unknown token; its ids stay those of the library."""
    words = pre_tokenizers.Whitespace() if splits else None
    added = [AddedToken("щ"), AddedToken("ю", single_word=True)] if adds else []
    tokenizer = with_parts(bpe(), pre_tokenizer=words, added=added)
    ids, losses = count(tokenizer, text, tmp_path_factory.mktemp("text"), piece)
    assert ids.tolist() == tokenizer.encode(text).ids
    alone = [tokenizer.encode(character).ids for character in text]
    expected = [c for c, found in zip(text, alone, strict=True) if not found and not c.isspace()]
    lost = losses.vanished
    if adds:  # a word of its own only here and there
        lost, expected = (
            {c: n for c, n in lost.items() if c != "ю"},
            [c for c in expected if c != "ю"],
        )
    assert lost == {c: expected.count(c) for c in expected}
    assert losses.unknown.total() == 0
    assert losses.characters == len(text)
    assert losses.whitespace == sum(map(str.isspace, text))


@given(text=TEXTS)
@pytest.mark.parametrize("make", [lambda: bpe(unk_token=UNKNOWN, fuse_unk=True), unigram])
def test_a_character_without_an_entry_becomes_the_unknown_token(tmp_path_factory, make, text):
    tokenizer = with_parts(make(), pre_tokenizer=pre_tokenizers.Whitespace())
    ids, losses = count(tokenizer, text, tmp_path_factory.mktemp("text"))
    assert ids.tolist() == tokenizer.encode(text).ids
    lost = [c for c in text if c in CYRILLIC + "1"]
    assert losses.unknown == {c: lost.count(c) for c in lost}
    assert losses.vanished.total() == 0


@pytest.mark.parametrize("make", [wordpiece, word_level])
def test_a_word_without_entries_becomes_the_unknown_token_as_a_whole(tmp_path, make):
    tokenizer = with_parts(make(), pre_tokenizer=pre_tokenizers.Whitespace())
    ids, losses = count(tokenizer, "ab cd abж\ncd ж1", tmp_path)
    assert ids.tolist().count(0) == 2
    assert losses.unknown == {"a": 1, "b": 1, "ж": 2, "1": 1}
    assert losses.share == 5 / 11


@pytest.mark.parametrize("make", [lambda: bpe(unk_token=UNKNOWN), unigram, wordpiece, word_level])
def test_a_text_that_names_the_unknown_token_loses_nothing(tmp_path, make):
    tokenizer = with_parts(make(), pre_tokenizer=pre_tokenizers.Whitespace())
    tokenizer.add_special_tokens([UNKNOWN])
    ids, losses = count(tokenizer, f"ab {UNKNOWN} cd", tmp_path)
    assert 0 in ids
    assert losses.share == 0


def test_a_character_that_loses_one_of_its_bytes_is_lost(tmp_path):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = bytes_without(alphabet.index("¶"))  # the second byte of ж, D0 B6
    ids, losses = count(tokenizer, "жа ж\n", tmp_path)
    assert ids.tolist() == tokenizer.encode("жа ж\n").ids
    assert losses.vanished == {"ж": 2}


@given(text=st.text(max_size=30))
def test_nothing_is_lost_in_all_bytes(tmp_path_factory, text):
    tokenizer = bytes_without()
    ids, losses = count(tokenizer, text, tmp_path_factory.mktemp("text"))
    assert ids.tolist() == tokenizer.encode(text).ids
    assert losses.share == 0


def fallback() -> Tokenizer:
    vocab = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"▁": 256, "a": 257}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def test_nothing_is_lost_where_bytes_stand_in(tmp_path):
    _, losses = count(fallback(), "ab ж a\n漢", tmp_path)
    assert losses.share == 0
    assert losses.characters == 8


# A normalizer, a text, and what it deletes of it.
NORMALIZERS = {
    "letters within a word": (normalizers.Replace(Regex("[bж]"), ""), "abcdж ab c", "bbж"),
    "all": (normalizers.Replace(Regex("(?m)."), ""), "abж cd", "abжcd"),
    "all at once": (normalizers.Replace(Regex("(?m).+"), ""), "abж cd", "abжcd"),
    "longer pieces": (normalizers.Replace(Regex("<[^>]+>"), ""), "a<cd>b <b>", "<cd><b>"),
    "accents": (normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]), "áb", ""),
    "marks": (normalizers.StripAccents(), "a\u0301b", "\u0301"),
    "nothing, but composes": (normalizers.NFC(), "a\u0301b", ""),
    "nothing, but decomposes": (normalizers.NFKD(), "ﬁ ½ b", ""),
    "nothing, but replaces two by one": (normalizers.Replace("cd", "b"), "acd cd", ""),
    "nothing, but lowers": (normalizers.Lowercase(), "AB İ", ""),
    "nothing, but marks spaces": (
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        "ab cd",
        "",
    ),
}


@pytest.mark.parametrize("kind", NORMALIZERS)
def test_what_a_normalizer_deletes_vanishes(tmp_path, kind):
    normalizer, text, deleted = NORMALIZERS[kind]
    tokenizer = with_parts(unigram(), normalizer, pre_tokenizers.Whitespace())
    ids, losses = count(tokenizer, text, tmp_path)
    assert ids.tolist() == tokenizer.encode(text).ids
    assert losses.vanished == {c: deleted.count(c) for c in deleted}


def test_what_a_pre_tokenizer_removes_vanishes(tmp_path):
    digits = pre_tokenizers.Split(Regex("[0-9]+"), "removed")
    _, losses = count(with_parts(bpe(), pre_tokenizer=digits), "ab11c1d", tmp_path)
    assert losses.vanished == {"1": 3}


def run(folder: Path, tokenizer: Tokenizer, text: str, most: float):
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "text.txt").write_text(text, "utf-8")
    command = [*program("encode_corpus"), "--tokenizer"]
    command += [folder / "tokenizer.json", "--corpus", folder / "text.txt"]
    command += ["--tokens", folder / "tokens.safetensors", "--report", folder / "tokens.json"]
    command += ["--settings", json.dumps({"max_lost_share": most})]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_script_counts_and_says_what_was_lost(tmp_path):
    tokenizer = with_parts(bpe(), pre_tokenizer=pre_tokenizers.Whitespace())
    result = run(tmp_path, tokenizer, "ab жщ cd ж\n", most=0.5)
    assert result.returncode == 0
    assert (
        "3 vanished and 0 became the unknown token: 42.8571 % of the text is lost" in result.stderr
    )
    assert json.loads((tmp_path / "tokens.json").read_text("utf-8")) == {
        "characters": 11,
        "whitespace": 4,
        "vanished": 3,
        "unknown": 0,
        "lost_share": 3 / 7,
        "most_often_lost": {"ж": 2, "щ": 1},
    }
    assert load_file(tmp_path / "tokens.safetensors")["tokens"].tolist() == [4, 5]


TOO_MUCH = {
    "vanished": (bpe, "ab жщ", 0.4, "loses 50.00% of .*text.txt.* 2 vanish .*'ж'"),
    "unknown": (unigram, "ab жщ", 0.4, "loses 50.00% of .*text.txt.* 2 become the unknown"),
    "all": (bpe, "жщ", 1, "makes no token of the 2 characters of .*text.txt"),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_script_refuses_to_lose_more_than_is_allowed(tmp_path, kind):
    make, text, most, message = TOO_MUCH[kind]
    tokenizer = with_parts(make(), pre_tokenizer=pre_tokenizers.Whitespace())
    result = run(tmp_path, tokenizer, text, most)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "tokenizer.json" in result.stderr
    _, losses = count(tokenizer, text, tmp_path)
    with pytest.raises(UserError, match=message):
        losses.check(most, tmp_path / "text.txt")
    assert not (tmp_path / "tokens.safetensors").exists()
    assert not (tmp_path / "tokens.json").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_a_damaged_count_is_named(tmp_path, content):
    tokenizer = with_parts(bpe(), pre_tokenizer=pre_tokenizers.Whitespace())
    assert run(tmp_path, tokenizer, "ab", most=0).returncode == 0
    (tmp_path / "tokens.json").write_bytes(content)
    shutil.rmtree(tmp_path / ".provenance")  # without a record its content is looked at
    command = [*program("find_dead_tokens"), "--settings"]
    command += ['{"mask_names": "live_dead"}', "--tokens", tmp_path / "tokens.safetensors"]
    command += ["--losses", tmp_path / "tokens.json", "--tokenizer", tmp_path / "tokenizer.json"]
    command += ["--model-corpus", tmp_path / "text.txt", "--masks", tmp_path / "masks.safetensors"]
    command += ["--report", tmp_path / "masks.json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "tokens.json: no" in result.stderr
    assert not (tmp_path / "masks.safetensors").exists()
