"""The synthetic corpora: their bytes, and what of natural language they must have."""

import hashlib
import re
from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest

from deadtokens.text import english, synthetic
from deadtokens.text.characters import rare_characters, script_of
from deadtokens.text.english import English

SETTINGS = {
    "seed": 42,
    "tokenizer_english_bytes": 400_000,
    "tokenizer_thai_bytes": 100_000,
    "model_bytes": 2_000_000,
    "rare_characters": 500,
}
SHA256 = {
    "tokenizer": "597951b734448af8793da0e04267d7c6ce13e9dea4499c17a11fb478e6794b9a",
    "model": "79696c8df4a560c5d8114b2291f9737d4a781f25957a36249b74b578514016d7",
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    paths = {"tokenizer": folder / "tokenizer.txt", "model": folder / "model.txt"}
    synthetic.write_corpora(SETTINGS, paths["tokenizer"], paths["model"])
    return {name: path.read_bytes() for name, path in paths.items()}


@pytest.fixture(scope="module")
def model_words(corpora):
    return re.findall(r"[^\W\d_]+|[^\w\s]+|\d+", corpora["model"].decode().lower())


@pytest.mark.parametrize("name", SHA256)
def test_same_bytes_on_every_platform_and_with_every_version(corpora, name):
    assert hashlib.sha256(corpora[name]).hexdigest() == SHA256[name]


def test_another_seed_is_another_text():
    texts = {next(English(seed).documents("model")) for seed in (1, 2)}
    assert len(texts) == 2


def test_documents_do_not_depend_on_the_block(monkeypatch):
    in_one_block = list(islice(English(5).documents("model"), 40))
    monkeypatch.setattr(english, "DOCUMENTS_PER_BLOCK", 7)
    assert list(islice(English(5).documents("model"), 40)) == in_one_block


def test_sizes_are_reached_and_exceeded_by_less_than_a_document(corpora):
    longest = 50_000
    assert 0 <= len(corpora["model"]) - SETTINGS["model_bytes"] < longest
    wanted = SETTINGS["tokenizer_english_bytes"] + SETTINGS["tokenizer_thai_bytes"]
    assert 0 <= len(corpora["tokenizer"]) - wanted < longest


def test_thai_and_rare_characters_are_in_the_tokenizer_corpus_alone(corpora):
    scripts = {script_of(character) for character in set(corpora["model"].decode())}
    assert scripts == {"Latin", "other"}
    rare = set(rare_characters(SETTINGS["rare_characters"]))
    assert len(rare) == SETTINGS["rare_characters"]
    assert not rare & set(corpora["model"].decode())
    in_tokenizer_corpus = Counter(corpora["tokenizer"].decode())
    assert rare <= in_tokenizer_corpus.keys()
    assert sum(map(in_tokenizer_corpus.__getitem__, rare)) < 0.01 * in_tokenizer_corpus.total()
    assert "Thai" in map(script_of, in_tokenizer_corpus)


def test_rare_characters_are_of_many_scripts():
    scripts = Counter(map(script_of, rare_characters(2400)))
    assert {"CJK", "Hangul", "Greek", "Cyrillic", "Arabic", "Devanagari", "Kana"} <= scripts.keys()
    assert not {"Latin", "Thai"} & scripts.keys()


def test_word_frequencies_follow_zipf(model_words):
    counts = np.array(sorted(Counter(filter(str.isalpha, model_words)).values(), reverse=True))
    ranks = np.unique(np.geomspace(10, 5000, 60).astype(int))
    slope, _ = np.polyfit(np.log(ranks), np.log(counts[ranks - 1]), 1)
    assert 0.9 < -slope < 1.1


def test_frequent_words_are_short(model_words):
    frequent = [word for word, _ in Counter(filter(str.isalpha, model_words)).most_common()]
    assert np.mean([len(word) for word in frequent[:100]]) < 4
    assert np.mean([len(word) for word in frequent[5000:]]) > 6


def test_the_word_before_says_something_about_the_next_one(model_words):
    """Held out, a bigram model with absolute discounting beats the unigram model by 0.7 nats."""
    split = len(model_words) * 9 // 10
    train, held_out = model_words[:split], model_words[split:]
    unigrams, bigrams = Counter(train), Counter(pairwise(train))
    followers = Counter(before for before, _ in bigrams)
    histories = Counter(after for _, after in bigrams)
    discount, gains = 0.75, []
    for before, word in pairwise(held_out):
        alone = (unigrams[word] or 0.5) / len(train)
        gain = 0.0
        if seen := unigrams[before]:
            left = discount * followers[before] * (histories[word] or 0.5) / len(bigrams)
            gain = np.log((max(bigrams[before, word] - discount, 0) + left) / seen / alone)
        gains.append(gain)
    assert np.mean(gains) > 0.7


def test_documents_keep_to_their_topics():
    """Halves of one document share more of their longer words than halves of two documents do."""
    halves = []
    for document in islice(English(3).documents("model"), 200):
        content = re.findall("[a-z]{5,}", document)
        halves.append((set(content[::2]), set(content[1::2])))
    same = [len(one & two) / len(one | two) for one, two in halves]
    other = [len(one & two) / len(one | two) for (one, _), (_, two) in pairwise(halves)]
    assert np.mean(same) > 1.5 * np.mean(other)
