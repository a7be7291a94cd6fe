"""GPT-2's kind of tokenizer, trained and from its two files."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import program
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from transformers import GPT2TokenizerFast

from deadtokens.errors import UserError
from deadtokens.text import byte_level, synthetic, vocabulary
from deadtokens.text.byte_level import END_OF_TEXT

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
SETTINGS = {
    "seed": 1,
    "tokenizer_english_bytes": 200_000,
    "tokenizer_thai_bytes": 50_000,
    "model_bytes": 60_000,
    "rare_characters": 200,
}
VOCAB_SIZE = 1200
# Letters, marks, contractions, and all sorts of whitespace and near whitespace.
AWKWARD = (
    "ab é.,'s1กй漢🙂\n\n \r\t\u2028\u00a0\u0085\x0b\x0c\x1c\x1f\u180e\u200b\ufeff\0<|endoftext>"
)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    synthetic.write_corpora(SETTINGS, folder / "tokenizer.txt", folder / "model.txt")
    return folder


@pytest.fixture(scope="module")
def tokenizer(corpora):
    return vocabulary.train_tokenizer(corpora / "tokenizer.txt", VOCAB_SIZE, 2, "bytes")


@pytest.fixture(scope="module")
def own(tokenizer, tmp_path_factory):
    """Files of a tokenizer whose ids follow no order: vocab, merges and what transformers makes."""
    model = json.loads(tokenizer.to_str())["model"]
    shuffled = np.random.default_rng(0).permutation(VOCAB_SIZE).tolist()
    vocab = {entry: shuffled[index] for entry, index in model["vocab"].items()}
    folder = tmp_path_factory.mktemp("own")
    vocab_file, merges_file = folder / "vocab.json", folder / "merges.txt"
    vocab_file.write_text(json.dumps(vocab), "utf-8")
    lines = ["#version: 0.2", *map(" ".join, model["merges"]), ""]
    merges_file.write_text("\n".join(lines), "utf-8")
    return vocab_file, merges_file, GPT2TokenizerFast(str(vocab_file), str(merges_file))


def test_trained_tokenizer_is_of_the_kind_of_gpt2(tokenizer):
    vocab = tokenizer.get_vocab()
    assert sorted(vocab.values()) == list(range(VOCAB_SIZE))
    assert vocab[END_OF_TEXT] == VOCAB_SIZE - 1
    assert vocab.keys() >= set(pre_tokenizers.ByteLevel.alphabet())
    assert isinstance(tokenizer.model, models.BPE)
    assert isinstance(tokenizer.pre_tokenizer, pre_tokenizers.ByteLevel)
    assert not tokenizer.pre_tokenizer.add_prefix_space
    assert tokenizer.encode(f"the{END_OF_TEXT}the").ids.count(VOCAB_SIZE - 1) == 1


@given(st.text())
def test_every_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_same_tokenizer_bytes_whatever_the_number_of_threads(corpora, tmp_path):
    settings = f'{{"tokenizer": "bytes", "vocab_size": {VOCAB_SIZE}, "min_frequency": 2}}'
    command = [*program("train_tokenizer"), "--settings", settings]
    command += ["--corpus", corpora / "tokenizer.txt"]
    made = []
    for n_threads in ("1", "2", "5"):
        path = tmp_path / f"{n_threads}.json"
        threads = {"RAYON_NUM_THREADS": n_threads, "TOKENIZERS_PARALLELISM": "true"}
        subprocess.run([*command, "--tokenizer", path], check=True, env=os.environ | threads)
        made.append(path.read_bytes())
    assert made[0] == made[1] == made[2]


def test_no_room_for_all_bytes(corpora):
    with pytest.raises(UserError, match=r"vocab_size is 256, but .* 257 at least"):
        vocabulary.train_tokenizer(corpora / "model.txt", 256, 2, "bytes")


def test_corpus_too_small_for_the_vocabulary(tmp_path):
    (tmp_path / "corpus.txt").write_text("banana banana\n", "utf-8")
    with pytest.raises(UserError, match="not vocab_size = 300: no further pair"):
        vocabulary.train_tokenizer(tmp_path / "corpus.txt", 300, 2, "bytes")


@given(text=st.text(st.sampled_from(AWKWARD), max_size=60), piece=st.integers(1, 20))
def test_encoding_in_pieces_equals_encoding_the_whole(tokenizer, tmp_path_factory, text, piece):
    corpus = tmp_path_factory.mktemp("text") / "corpus.txt"
    corpus.write_bytes(text.encode())
    pieces = list(vocabulary.encode(tokenizer, corpus, piece))
    assert np.concatenate(pieces).tolist() == tokenizer.encode(text).ids


@given(text=st.text(st.characters(codec="utf-8"), max_size=20), piece=st.integers(1, 5))
def test_no_character_confuses_the_pieces(tokenizer, tmp_path_factory, text, piece):
    text = " ".join(text) + "\n".join(text)
    corpus = tmp_path_factory.mktemp("text") / "corpus.txt"
    corpus.write_bytes(text.encode())
    pieces = list(vocabulary.encode(tokenizer, corpus, piece))
    assert np.concatenate(pieces).tolist() == tokenizer.encode(text).ids


@given(text=st.text(st.sampled_from(".\x1c\x1f\x85\u180e\u2028 \n"), max_size=12))
def test_no_cut_at_what_only_python_calls_whitespace(separators, tmp_path_factory, text):
    corpus = tmp_path_factory.mktemp("text") / "corpus.txt"
    corpus.write_bytes(text.encode())
    pieces = list(vocabulary.encode(separators, corpus, 2))
    assert np.concatenate(pieces).tolist() == separators.encode(text).ids


@pytest.fixture(scope="module")
def separators(tmp_path_factory):
    """A tokenizer with an entry for a point and a separator of files, a word to GPT-2's pattern."""
    corpus = tmp_path_factory.mktemp("separators") / "corpus.txt"
    corpus.write_bytes(b".\x1c .\x1f\n" * 9)
    tokenizer = vocabulary.train_tokenizer(corpus, 259, 2, "bytes")
    assert len(tokenizer.encode(".\x1c").ids) == 1
    return tokenizer


def test_encoding_a_corpus_equals_encoding_it_at_once(tokenizer, corpora):
    text = (corpora / "model.txt").read_text("utf-8")
    pieces = list(vocabulary.encode(tokenizer, corpora / "model.txt", 1000))
    assert len(pieces) > 20
    assert np.concatenate(pieces).tolist() == tokenizer.encode(text).ids


def with_added_token(tokenizer: Tokenizer, token: AddedToken) -> Tokenizer:
    changed = Tokenizer.from_str(tokenizer.to_str())
    changed.add_tokens([token])
    return changed


def with_pre_tokenizer(tokenizer: Tokenizer, **options) -> Tokenizer:
    changed = Tokenizer.from_str(tokenizer.to_str())
    changed.pre_tokenizer = pre_tokenizers.ByteLevel(**options)
    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda tokenizer: with_pre_tokenizer(tokenizer, add_prefix_space=True),
        lambda tokenizer: with_pre_tokenizer(tokenizer, add_prefix_space=False, use_regex=False),
        lambda tokenizer: with_added_token(tokenizer, AddedToken("<pad>", rstrip=True)),
        lambda tokenizer: with_added_token(tokenizer, AddedToken("<pad>", lstrip=True)),
        lambda tokenizer: with_added_token(tokenizer, AddedToken("of\n the")),
    ],
)
def test_a_tokenizer_that_looks_across_whitespace_gets_the_whole_text(tokenizer, tmp_path, change):
    changed = change(tokenizer)
    text = "the<pad>\n of\n the\n\nand\n"
    (tmp_path / "corpus.txt").write_text(text, "utf-8")
    (ids,) = vocabulary.encode(changed, tmp_path / "corpus.txt", 3)
    assert ids.tolist() == changed.encode(text).ids


def test_post_processor_of_gpt2_leaves_pieces(tokenizer, tmp_path):
    changed = Tokenizer.from_str(tokenizer.to_str())
    changed.post_processor = processors.ByteLevel(trim_offsets=True)
    text = "the of\n the\n\nand\n"
    (tmp_path / "corpus.txt").write_text(text, "utf-8")
    pieces = list(vocabulary.encode(changed, tmp_path / "corpus.txt", 3))
    assert len(pieces) > 2
    assert np.concatenate(pieces).tolist() == changed.encode(text).ids


@given(st.lists(st.sampled_from([*AWKWARD, END_OF_TEXT, " the of"]), max_size=40).map("".join))
def test_ids_are_those_of_transformers(own, text):
    vocab_file, merges_file, expected = own
    tokenizer = byte_level.read(vocab_file, merges_file)
    assert tokenizer.encode(text).ids == list(expected(text)["input_ids"])


def test_ids_of_a_corpus_are_those_of_transformers(own, corpora):
    vocab_file, merges_file, expected = own
    tokenizer = byte_level.read(vocab_file, merges_file)
    ids = np.concatenate(list(vocabulary.encode(tokenizer, corpora / "tokenizer.txt", 5000)))
    text = (corpora / "tokenizer.txt").read_text("utf-8")
    assert ids.tolist() == expected(text)["input_ids"]
    assert len(set(ids.tolist())) > VOCAB_SIZE // 2


def test_script_writes_the_tokenizer_of_the_files(own, tmp_path):
    vocab_file, merges_file, _ = own
    command = [*program("import_vocabulary"), "--vocab", vocab_file]
    command += ["--merges", merges_file, "--tokenizer", tmp_path / "tokenizer.json"]
    wrong = [*command, "--settings", '{"vocab_size": 50257}']
    result = subprocess.run(wrong, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "has 1200 entries, but vocab_size is 50257" in result.stderr
    assert list(tmp_path.iterdir()) == []
    subprocess.run([*command, "--settings", '{"vocab_size": 1200}'], check=True)
    made = vocabulary.load_tokenizer(tmp_path / "tokenizer.json", VOCAB_SIZE)
    assert made.get_vocab() == json.loads(vocab_file.read_text("utf-8"))


def without(vocab: dict, entry: str) -> dict:
    """The vocabulary with one entry less, and ids that still run from 0 on."""
    return {name: place for place, name in enumerate(sorted(vocab.keys() - {entry}))}


BAD_VOCABULARIES = {
    "no JSON": (lambda vocab: "banana", "vocab.json is no vocabulary"),
    "a list": (lambda vocab: "[1]", "vocab.json is no vocabulary: expected GPT-2's vocab.json"),
    "ids of text": (lambda vocab: '{"a": "0"}', "is no vocabulary: expected"),
    "an id twice": (lambda vocab: json.dumps(vocab | {"zzz": 0}), "numbers from 0 to 1200"),
    "a byte missing": (lambda vocab: json.dumps(without(vocab, "Ā")), "has no entry 'Ā'"),
    "no special token": (
        lambda vocab: json.dumps(without(vocab, END_OF_TEXT)),
        "has no entry '<|endoftext|>'",
    ),
    "an entry too many": (
        lambda vocab: json.dumps(vocab | {"<pad>": VOCAB_SIZE}),
        "1 entries of .* made by none of the 943 merges .* '<pad>'",
    ),
}


@pytest.mark.parametrize("kind", BAD_VOCABULARIES)
def test_bad_vocabulary(own, tmp_path, kind):
    vocab_file, merges_file, _ = own
    spoil, message = BAD_VOCABULARIES[kind]
    spoiled = tmp_path / "vocab.json"
    spoiled.write_text(spoil(json.loads(vocab_file.read_text("utf-8"))), "utf-8")
    with pytest.raises(UserError, match=message):
        byte_level.read(spoiled, merges_file)


BAD_MERGES = {
    "half of them": (lambda lines: lines[: len(lines) // 2], "made by none of the"),
    "another vocabulary's": (lambda lines: [*lines, "zzz yyy"], "line 946 is 'zzz yyy', but"),
    "a result without entry": (lambda lines: [*lines, "Ā Ā"], "no entry 'ĀĀ'"),
    "three entries": (lambda lines: ["a b c", *lines], "line 1 is 'a b c': expected"),
    "a JSON file": (lambda lines: ['{"a": 1}'], "no entry"),
    "bytes": (lambda lines: ["\udcff"], "is no file of merges"),
}


@pytest.mark.parametrize("kind", BAD_MERGES)
def test_bad_merges(own, tmp_path, kind):
    vocab_file, merges_file, _ = own
    spoil, message = BAD_MERGES[kind]
    spoiled = tmp_path / "merges.txt"
    lines = merges_file.read_text("utf-8").split("\n")
    spoiled.write_text("\n".join(spoil(lines)), "utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match=message):
        byte_level.read(vocab_file, spoiled)


def test_missing_files(own, tmp_path):
    vocab_file, merges_file, _ = own
    with pytest.raises(UserError, match=r"absent\.json is no vocabulary .*No such file"):
        byte_level.read(tmp_path / "absent.json", merges_file)
    with pytest.raises(UserError, match=r"absent\.txt is no file of merges .*No such file"):
        byte_level.read(vocab_file, tmp_path / "absent.txt")


@given(st.binary(max_size=8))
def test_text_of_an_entry_is_that_of_its_bytes(content):
    text = byte_level.text_of("".join(map(visible_byte, content)))
    assert (text is None) == ("\ufffd" in content.decode(errors="replace"))
    assert text is None or text.encode() == content


def visible_byte(byte: int) -> str:
    """As GPT-2's encoder.py moves the bytes that are not visible."""
    visible = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)}
    visible |= {*range(ord("®"), ord("ÿ") + 1)}
    return chr(byte if byte in visible else 256 + sum(b not in visible for b in range(byte)))


def test_report_counts_scripts_of_what_the_bytes_say(tokenizer, corpora):
    tokens = np.concatenate(list(vocabulary.encode(tokenizer, corpora / "model.txt")))
    counts = vocabulary.count_tokens(tokens, VOCAB_SIZE)
    report = vocabulary.report_dead(tokenizer, counts == 0, counts)
    by_script = report["by_script"]
    texts = [tokenizer.decode([index]) for index in range(VOCAB_SIZE - 1)]
    partial = sum("\ufffd" in text for text in texts)
    thai = sum("\u0e00" <= max(text) <= "\u0e7f" for text in texts)
    assert by_script["Thai"] == {"entries": thai, "dead": thai}
    assert thai > 50
    assert report["every_thai_token_dead"] is True
    assert by_script["partial"]["entries"] == partial > 128
    assert by_script["special"] == {"entries": 1, "dead": 1}
    assert sum(row["entries"] for row in by_script.values()) == VOCAB_SIZE


def test_an_entry_outside_the_alphabet_is_read_as_it_is():
    assert byte_level.text_of("ก ข") == "ก ข"
