"""Ready tokenizers: a function of the text alone, one entry for an id, one message if they fail."""

import base64
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from planted import program
from tokenizers import Tokenizer

from deadtokens.errors import UserError
from deadtokens.text import byte_level, library, vocabulary

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
END = "<|endoftext|>"
TEXT = "abab cab\nabc ab bab ab\n" * 30


def added(index: int, content: str, **options) -> dict:
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    return {"id": index, "content": content} | dict.fromkeys(flags, False) | options


BPE = {
    "type": "BPE",
    "vocab": {END: 0, "a": 1, "b": 2, "c": 3, "ab": 4, "abab": 5},
    "merges": [["a", "b"], ["ab", "ab"]],
}
UNIGRAM = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1], ["b", -1], ["c", -2]]}
PARTS = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [added(0, END, special=True)],
    "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": None,
    "decoder": None,
    "model": BPE,
}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": END, "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {END: {"id": END, "ids": [0], "tokens": [END]}},
}
ROBERTA = {"type": "RobertaProcessing", "sep": [END, 0], "cls": [END, 0]}
ROBERTA |= {"trim_offsets": True, "add_prefix_space": False}


def write(folder: Path, content: dict | str) -> Path:
    path = folder / "given.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


STATES = {
    "dropout": ({"model": BPE | {"dropout": 0.5}}, "dropout 0.5"),
    "dropout of all": ({"model": BPE | {"dropout": 1.0}}, "dropout 1"),
    "truncation": (
        {
            "truncation": {"direction": "Right", "max_length": 3, "stride": 0}
            | {"strategy": "LongestFirst"}
        },
        "truncation",
    ),
    "padding": (
        {
            "padding": {"strategy": {"Fixed": 900}, "direction": "Left", "pad_to_multiple_of": None}
            | {"pad_id": 0, "pad_type_id": 0, "pad_token": END}
        },
        "padding",
    ),
    "a template": ({"post_processor": TEMPLATE}, "a post-processor that adds tokens"),
    "BERT's": (
        {"post_processor": {"type": "BertProcessing", "sep": [END, 0], "cls": [END, 0]}},
        "a post-processor that adds tokens",
    ),
    "RoBERTa's": ({"post_processor": ROBERTA}, "a post-processor that adds tokens"),
    "a sequence of them": (
        {"post_processor": {"type": "Sequence", "processors": [ROBERTA, TEMPLATE]}},
        "a post-processor that adds tokens",
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_ids_follow_from_the_text_alone(tmp_path, caplog, state):
    change, named = STATES[state]
    (tmp_path / "text.txt").write_text(TEXT, "utf-8")
    plain = vocabulary.load_tokenizer(write(tmp_path, PARTS), 6)
    expected = np.concatenate(list(vocabulary.encode(plain, tmp_path / "text.txt")))
    assert 0 not in expected
    assert caplog.text == ""
    for _ in range(3):
        changed = vocabulary.load_tokenizer(write(tmp_path, PARTS | change), 6)
        for piece in (10, 10_000):
            ids = np.concatenate(list(vocabulary.encode(changed, tmp_path / "text.txt", piece)))
            assert ids.tolist() == expected.tolist()
    assert f"given.json: switched off {named}, so that" in caplog.text


def test_sampling_is_switched_off():
    tokenizer = Tokenizer.from_str(json.dumps(PARTS | {"model": UNIGRAM, "added_tokens": []}))
    tokenizer.model.alpha, tokenizer.model.nbest_size = 0.5, 4
    assert library.make_pure(tokenizer) == ["alpha 0.5", "nbest_size 4"]
    assert tokenizer.model.alpha is tokenizer.model.nbest_size is None


def in_vocabulary(**entries) -> str:
    return json.dumps(PARTS | {"model": BPE | {"vocab": BPE["vocab"] | entries}})


WRONG_IDS = {
    "two entries, one id": (in_vocabulary(x=4), "the id 4 for two entries, '.*' and '.*'"),
    "two entries, one id, as many ids as entries": (in_vocabulary(x=4, y=7), "the id 4 for two"),
    "a gap": (in_vocabulary(x=7), "no entry with the id 6, but one with 7, 'x'"),
    "an entry twice": (
        json.dumps(PARTS).replace('"c": 3', '"c": 3, "c": 3'),
        "'c' stands twice",
    ),
    "a model twice": (
        json.dumps(PARTS).replace('"decoder"', '"padding": null, "decoder"'),
        "is no tokenizer",
    ),
    "an entry of Unigram twice": (
        json.dumps(
            PARTS
            | {"model": UNIGRAM | {"vocab": [*UNIGRAM["vocab"], ["a", -3]]}, "added_tokens": []}
        ),
        "no entry with the id 1, but|lists 5 entries, but only 4",
    ),
    "an added token with the id of another": (
        json.dumps(PARTS | {"added_tokens": [added(2, "x")]}),
        "added token 'x' has the id 2, but 6",
    ),
    "an added token that is an entry already": (
        json.dumps(PARTS | {"added_tokens": [added(6, "ab")]}),
        "added token 'ab' has the id 6, but 4",
    ),
    "an added token after a gap": (
        json.dumps(PARTS | {"added_tokens": [added(9, "x")]}),
        "added token 'x' has the id 9, but 6",
    ),
    "an added token twice": (
        json.dumps(PARTS | {"added_tokens": [added(6, "x"), added(7, "x")]}),
        "added token 'x' has the id .*, but",
    ),
}


@pytest.mark.parametrize("kind", WRONG_IDS)
@pytest.mark.parametrize("vocab_size", [6, None])
def test_each_entry_has_an_id_of_its_own(tmp_path, kind, vocab_size):
    text, message = WRONG_IDS[kind]
    with pytest.raises(UserError, match=rf"given\.json.*({message})"):
        vocabulary.load_tokenizer(write(tmp_path, text), vocab_size)


def test_gpt2s_vocabulary_with_an_entry_twice(tmp_path):
    (tmp_path / "vocab.json").write_text('{"a": 5, "a": 0}', "utf-8")
    with pytest.raises(UserError, match=r"vocab\.json is no vocabulary .*'a' stands twice"):
        byte_level.read(tmp_path / "vocab.json", tmp_path / "merges.txt")


def precompiled(content: bytes | str) -> dict:
    text = content if isinstance(content, str) else base64.b64encode(content).decode()
    return {"normalizer": {"type": "Precompiled", "precompiled_charsmap": text}}


def model(**parts) -> dict:
    return {"model": parts, "added_tokens": []}


UNREADABLE = {
    "Precompiled that is no base64": precompiled("garbage!"),
    "Precompiled of nothing": precompiled(""),
    "Precompiled of zeros": precompiled(bytes(6)),
    "Precompiled of too few": precompiled(b"\x04\0\0\0\x01\0\0\0"),
    "Precompiled of too many": precompiled(b"\xff\xff\xff\xff\0\0"),
    "a merge shorter than its prefix": model(
        type="BPE", continuing_subword_prefix="####", vocab={"a": 0, "ab": 1}, merges=[["a", "a"]]
    ),
    "a merge without its result": model(type="BPE", vocab={"a": 0, "b": 1}, merges=[["a", "b"]]),
    "a merge of one": model(type="BPE", vocab={"a": 0, "b": 1}, merges=["ab"]),
    "pieces of length 0": {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
    "no regular expression": {
        "pre_tokenizer": {
            **{"type": "Split", "pattern": {"Regex": "("}, "behavior": "Removed", "invert": False}
        }
    },
    "a dropout of 2": model(type="BPE", dropout=2, vocab={"a": 0}, merges=[]),
    "an unknown id that is none": model(type="Unigram", unk_id=9, vocab=[["a", -1]]),
    "Unigram without entries": model(type="Unigram", unk_id=0, vocab=[]),
    "an id below 0": model(type="BPE", vocab={"a": -1}, merges=[]),
    "an id of 33 bits": model(type="BPE", vocab={"a": 1 << 32}, merges=[]),
    "no such model": model(type="GPT", vocab={"a": 0}),
    "a list": '["a"]',
    "brackets": "[" * 100_000,
    "a surrogate": '{"model": "\\ud800"}',
    "a number of 5000 digits": json.dumps(PARTS).replace('"c": 3', '"c": 3' + "0" * 5000),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_file_that_the_library_cannot_read(tmp_path, kind):
    content = UNREADABLE[kind]
    path = write(tmp_path, content if isinstance(content, str) else PARTS | content)
    with pytest.raises(UserError, match=r"given\.json is no tokenizer \("):
        vocabulary.load_tokenizer(path)


def script(name: str, *arguments, settings: dict):
    command = [*program(name), "--settings", json.dumps(settings)]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def assert_one_message(result, *names: str) -> None:
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "stack backtrace" not in result.stderr
    *_, last = result.stderr.splitlines()
    assert last.startswith("error: ")
    assert all(name in last for name in names)


def test_a_panic_while_importing_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setenv("RUST_BACKTRACE", "1")
    path, copy = write(tmp_path, PARTS | precompiled(bytes(6))), tmp_path / "tokenizer.json"
    files = ["--given-tokenizer", path, "--tokenizer", copy]
    result = script("import_tokenizer", *files, settings={"vocab_size": 6})
    assert_one_message(result, "given.json is no tokenizer")
    assert not copy.exists()


UNABLE = {
    "WordLevel without an unknown token": model(
        type="WordLevel", vocab={"ab": 0}, unk_token="[UNK]"
    ),
    "WordPiece without an unknown token": model(
        type="WordPiece",
        unk_token="[UNK]",
        continuing_subword_prefix="##",
        max_input_chars_per_word=100,
        vocab={"ab": 0},
    ),
    "Unigram without an unknown token": model(type="Unigram", unk_id=None, vocab=[["ab", -1]]),
    "BPE whose unknown token is no entry": model(
        type="BPE", vocab={"a": 0, "b": 1}, merges=[], unk_token="[UNK]"
    ),
}


@pytest.mark.parametrize("kind", UNABLE)
def test_a_text_that_the_library_cannot_encode(tmp_path, kind):
    path = write(tmp_path, PARTS | UNABLE[kind])
    (tmp_path / "text.txt").write_text("ab zz", "utf-8")
    files = ["--tokenizer", path, "--corpus", tmp_path / "text.txt"]
    files += ["--tokens", tmp_path / "tokens.safetensors", "--report", tmp_path / "tokens.json"]
    result = script("encode_corpus", *files, settings={"max_lost_share": 1})
    assert_one_message(result, "given.json cannot encode", "text.txt")
    assert not (tmp_path / "tokens.safetensors").exists()


def test_a_text_by_hand_that_is_not_utf8(tmp_path):
    (tmp_path / "text.txt").write_bytes(b"ab \xff")
    files = ["--tokenizer", write(tmp_path, PARTS), "--corpus", tmp_path / "text.txt"]
    files += ["--tokens", tmp_path / "tokens.safetensors", "--report", tmp_path / "tokens.json"]
    result = script("encode_corpus", *files, settings={"max_lost_share": 1})
    assert_one_message(result, "text.txt is not UTF-8", "at byte 3")


@pytest.mark.parametrize("kind", vocabulary.TRAINERS)
@pytest.mark.parametrize("content", [None, b"ab \xff ab\n"])
def test_a_text_that_the_library_cannot_train_on(tmp_path, kind, content):
    corpus, made = tmp_path / "text.txt", tmp_path / "tokenizer.json"
    if content is not None:
        corpus.write_bytes(content)
    settings = {"tokenizer": kind, "vocab_size": 300, "min_frequency": 1}
    files = ["--corpus", corpus, "--tokenizer", made]
    result = script("train_tokenizer", *files, settings=settings)
    assert_one_message(result, "no tokenizer can be trained on", "text.txt")
    assert not made.exists()


ODD_TEXTS = {
    "carriage returns": "ab\r\nab\rab ab\r\n",
    "NUL": "ab\0ab ab\0\n",
    "a mark in the middle": "ab \ufeffab ab\n",
    "separators": "ab\u2028ab\x1cab\x85ab\n",
    "noncharacters": "ab\ufffe \ufdd0 \U0010ffff ab\n",
    "no line feed": "ab ab ab",
    "the special token": f"ab{END}ab {END}\n",
    "one long word": "ab" * 1_500,
}


@pytest.mark.parametrize("kind", vocabulary.TRAINERS)
@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts_train_a_tokenizer_that_loses_nothing_of_them(tmp_path, kind, text):
    corpus = tmp_path / "text.txt"
    corpus.write_bytes(ODD_TEXTS[text].encode() * 3)
    tokenizer = vocabulary.TRAINERS[kind](corpus, 400, 2)
    losses = vocabulary.Losses(tokenizer)
    ids = np.concatenate(list(vocabulary.encode(tokenizer, corpus, 5, losses)))
    assert ids.tolist() == tokenizer.encode(corpus.read_bytes().decode()).ids
    assert losses.share == 0
