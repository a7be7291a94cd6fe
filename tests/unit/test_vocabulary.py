import os
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import program
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from deadtokens.errors import UserError
from deadtokens.text import synthetic, vocabulary
from deadtokens.text.vocabulary import END_OF_TEXT
from deadtokens.training.masks import load_masks

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
SETTINGS = {
    "seed": 1,
    "tokenizer_english_bytes": 200_000,
    "tokenizer_thai_bytes": 50_000,
    "model_bytes": 60_000,
    "rare_characters": 200,
}
VOCAB_SIZE = 1200


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    synthetic.write_corpora(SETTINGS, folder / "tokenizer.txt", folder / "model.txt")
    return folder


@pytest.fixture(scope="module")
def tokenizer(corpora):
    return vocabulary.train_tokenizer(corpora / "tokenizer.txt", VOCAB_SIZE, 2)


@pytest.fixture(scope="module")
def counts(tokenizer, corpora):
    tokens = np.concatenate(list(vocabulary.encode(tokenizer, corpora / "model.txt")))
    return vocabulary.count_tokens(tokens, VOCAB_SIZE)


def test_tokenizer_is_the_published_kind(tokenizer, corpora):
    vocab = tokenizer.get_vocab()
    characters = set((corpora / "tokenizer.txt").read_text("utf-8")) - set(" \n")
    assert sorted(vocab.values()) == list(range(VOCAB_SIZE))
    assert vocab[END_OF_TEXT] == 0
    assert characters <= vocab.keys()
    assert isinstance(tokenizer.model, models.BPE)
    assert isinstance(tokenizer.pre_tokenizer, pre_tokenizers.Whitespace)


def test_same_tokenizer_bytes_whatever_the_number_of_threads(corpora, tmp_path):
    settings = f'{{"tokenizer": "characters", "vocab_size": {VOCAB_SIZE}, "min_frequency": 2}}'
    command = [*program("train_tokenizer"), "--settings", settings]
    command += ["--corpus", corpora / "tokenizer.txt"]
    made = []
    for n_threads in ("1", "2", "5"):
        path = tmp_path / f"{n_threads}.json"
        threads = {"RAYON_NUM_THREADS": n_threads, "TOKENIZERS_PARALLELISM": "true"}
        subprocess.run([*command, "--tokenizer", path], check=True, env=os.environ | threads)
        made.append(path.read_bytes())
    assert made[0] == made[1] == made[2]


def test_corpus_too_small_for_the_vocabulary(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("banana banana\n", "utf-8")
    with pytest.raises(UserError, match="has 8 entries, not vocab_size = 50: no further pair"):
        vocabulary.train_tokenizer(corpus, 50, 2)


def test_more_characters_than_the_vocabulary_holds(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("abcdefghij", "utf-8")
    with pytest.raises(UserError, match=r"has 11 entries, not vocab_size = 8: .* 10 different"):
        vocabulary.train_tokenizer(corpus, 8, 2)


@given(
    text=st.text(
        st.sampled_from("ab é.,'ก\n\r\t\u2028\u00a0\x0b\x0c\x1c<|endoftext>"), max_size=60
    ),
    piece=st.integers(1, 20),
)
def test_encoding_in_pieces_equals_encoding_the_whole(tokenizer, tmp_path_factory, text, piece):
    corpus = tmp_path_factory.mktemp("text") / "corpus.txt"
    corpus.write_bytes(text.encode())
    pieces = list(vocabulary.encode(tokenizer, corpus, piece))
    assert all(ids.dtype == np.int32 for ids in pieces)
    assert np.concatenate(pieces).tolist() == tokenizer.encode(text).ids


def test_encoding_a_corpus_equals_encoding_it_at_once(tokenizer, corpora):
    text = (corpora / "model.txt").read_text("utf-8")
    pieces = list(vocabulary.encode(tokenizer, corpora / "model.txt", 1000))
    assert len(pieces) > 20
    assert np.concatenate(pieces).tolist() == tokenizer.encode(text).ids


def with_part(tokenizer, name, part):
    changed = Tokenizer.from_str(tokenizer.to_str())
    setattr(changed, name, part)
    return changed


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("pre_tokenizer", pre_tokenizers.ByteLevel(add_prefix_space=True)),
        ("pre_tokenizer", None),
        ("normalizer", normalizers.Replace("\n", "a")),
    ],
)
def test_a_tokenizer_that_looks_across_lines_gets_the_whole_text(tokenizer, tmp_path, name, part):
    changed = with_part(tokenizer, name, part)
    text = "the of\nthe\n\nand\n"
    (tmp_path / "corpus.txt").write_text(text, "utf-8")
    (ids,) = vocabulary.encode(changed, tmp_path / "corpus.txt", 3)
    assert ids.tolist() == changed.encode(text).ids


def test_missing_tokenizer(tmp_path):
    with pytest.raises(UserError, match="there is no tokenizer file"):
        vocabulary.load_tokenizer(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"model": 3}'])
def test_no_tokenizer(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(UserError, match=r"tokenizer\.json is no tokenizer"):
        vocabulary.load_tokenizer(tmp_path / "tokenizer.json")


def test_tokenizer_of_another_size(tokenizer, tmp_path):
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match="has 1200 entries, but vocab_size is 10000"):
        vocabulary.load_tokenizer(tmp_path / "tokenizer.json", 10000)


@given(st.lists(st.integers(0, 9), max_size=40))
def test_masks_equal_brute_force(tokens):
    expected = Counter(tokens)
    counts = vocabulary.count_tokens(np.array(tokens, np.int32), 12)  # 10 and 11 never occur
    tensors = vocabulary.masks(counts == 0, counts)
    assert tensors["token_occurrence_counts"].tolist() == [expected[i] for i in range(12)]
    assert tensors["dead_mask"].tolist() == [i not in expected for i in range(12)]
    assert tensors["live_mask"].tolist() == [i in expected for i in range(12)]
    assert tensors["dead_indices"].tolist() == [i for i in range(12) if i not in expected]
    assert tensors["live_indices"].tolist() == [i for i in range(12) if i in expected]
    kinds = {name: tensor.dtype for name, tensor in tensors.items()}
    assert {kinds.pop("live_mask"), kinds.pop("dead_mask")} == {np.dtype(bool)}
    assert set(kinds.values()) == {np.dtype(np.int64)}


def test_masks_named_as_wordybirds():
    counts = np.array([3, 0, 1, 0])
    tensors = vocabulary.masks(counts == 0, counts, "trained_untrained")
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
        "trained_mask": [True, False, True, False],
        "untrained_mask": [False, True, False, True],
        "trained_indices": [0, 2],
        "untrained_indices": [1, 3],
    }
    kinds = {name: tensor.dtype for name, tensor in tensors.items()}
    assert {kinds.pop("trained_mask"), kinds.pop("untrained_mask")} == {np.dtype(bool)}
    assert set(kinds.values()) == {np.dtype(np.int64)}


@pytest.mark.parametrize("names", vocabulary.MASK_NAMES)
def test_training_and_given_masks_read_either_naming(tmp_path, names):
    counts = np.array([3, 0, 1, 0])
    path = tmp_path / "masks.safetensors"
    save_file(vocabulary.masks(counts == 0, counts, names), path)
    assert load_masks(path, 4).dead_indices.tolist() == [1, 3]
    assert vocabulary.given_dead_mask(path, counts).tolist() == [False, True, False, True]


@pytest.mark.parametrize("wrong", [-1, 12])
def test_token_ids_outside_the_vocabulary(wrong):
    with pytest.raises(UserError, match="12 entries"):
        vocabulary.count_tokens(np.array([3, wrong], np.int32), 12)


def test_no_dead_token():
    counts = np.array([1, 2, 3])
    with pytest.raises(UserError, match="no token is dead: all 3 entries"):
        vocabulary.masks(counts == 0, counts)


COUNTS = np.array([0, 5, 0, 7])


def save_dead(path, dead):
    save_file({"dead_mask": np.array(dead)}, path)
    return path


def test_given_masks_may_name_fewer_than_are_dead(tmp_path):
    path = save_dead(tmp_path / "masks.safetensors", [True, False, False, False])
    assert vocabulary.given_dead_mask(path, COUNTS).tolist() == [True, False, False, False]


def test_given_masks_that_claim_dead_a_token_that_occurs(tmp_path):
    path = save_dead(tmp_path / "masks.safetensors", [True, True, False, True])
    with pytest.raises(UserError, match=r"2 tokens .* 1 \(5 times\), 3 \(7 times\)"):
        vocabulary.given_dead_mask(path, COUNTS)


def test_given_masks_of_another_length(tmp_path):
    path = save_dead(tmp_path / "masks.safetensors", [True, False, True])
    with pytest.raises(UserError, match=r"shape \(3,\), but the tokenizer has 4 entries"):
        vocabulary.given_dead_mask(path, COUNTS)


def test_given_masks_without_a_dead_mask(tmp_path):
    save_file({"mask": np.zeros(4, bool)}, tmp_path / "masks.safetensors")
    with pytest.raises(UserError, match=r"\['mask'\], but no dead_mask or untrained_mask"):
        vocabulary.given_dead_mask(tmp_path / "masks.safetensors", COUNTS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"", "not a safetensors file"),
        (b"no safetensors at all", "not a safetensors file"),
    ],
)
def test_given_masks_that_are_no_mask_file(tmp_path, content, message):
    if content is not None:
        (tmp_path / "masks.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=rf"masks\.safetensors: {message}"):
        vocabulary.given_dead_mask(tmp_path / "masks.safetensors", COUNTS)


def test_report_counts_by_script(tokenizer, counts):
    dead = counts == 0
    report = vocabulary.report_dead(tokenizer, dead, counts)
    by_script = report["by_script"]
    assert report["live"] + report["dead"] == report["entries"] == VOCAB_SIZE
    assert report["tokens"] == counts.sum()
    assert sum(row["entries"] for row in by_script.values()) == VOCAB_SIZE
    assert sum(row["dead"] for row in by_script.values()) == dead.sum() == report["dead"]
    thai = [
        dead[index]
        for token, index in tokenizer.get_vocab().items()
        if any("\u0e00" <= character <= "\u0e7f" for character in token)
    ]
    assert by_script["Thai"] == {"entries": len(thai), "dead": sum(thai)}
    assert report["every_thai_token_dead"] is True
    assert by_script["special"] == {"entries": 1, "dead": 1}


def test_report_sees_a_live_thai_token(tokenizer, counts):
    counts = counts.copy()
    counts[tokenizer.token_to_id("ก")] = 1
    report = vocabulary.report_dead(tokenizer, counts == 0, counts)
    assert report["every_thai_token_dead"] is False


def test_report_without_thai_says_nothing_of_it(tmp_path):
    (tmp_path / "corpus.txt").write_text("banana bandana\n", "utf-8")
    tokenizer = vocabulary.train_tokenizer(tmp_path / "corpus.txt", 6, 2)
    report = vocabulary.report_dead(tokenizer, np.ones(6, bool), np.zeros(6, np.int64))
    assert report["every_thai_token_dead"] is None
    assert report["by_script"]["Latin"] == {"entries": 5, "dead": 5}
