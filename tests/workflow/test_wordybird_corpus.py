"""Wordybird's corpus by real Snakemake: bytes as vocabulary, trained or from GPT-2's two files."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

FOLDER = "results/corpora/wordybird"
MASKS = f"{FOLDER}/masks.safetensors"
OWN_FILES = (
    "corpora: {wordybird: {source: files, model_corpus_file: text.txt, mask_names: live_dead, "
    "vocab_file: vocab.json, merges_file: merges.txt}}"
)


@pytest.mark.slow
def test_trained_untrained_masks_and_then_the_same_from_files(fresh):
    fresh.run(MASKS)
    masks = load_file(fresh.root / MASKS)
    tokens = load_file(fresh.root / FOLDER / "tokens.safetensors")["tokens"]
    assert {name: tensor.dtype for name, tensor in masks.items()} == {
        "trained_mask": np.bool_,
        "untrained_mask": np.bool_,
        "trained_indices": np.int64,
        "untrained_indices": np.int64,
    }
    assert masks["trained_mask"].shape == (1000,)
    assert masks["trained_indices"].tolist() == sorted(set(tokens.tolist()))
    assert np.array_equal(masks["untrained_mask"], ~masks["trained_mask"])
    report = json.loads((fresh.root / FOLDER / "masks.json").read_text("utf-8"))
    assert report["dead"] == len(masks["untrained_indices"]) == masks["untrained_mask"].sum()
    assert report["by_script"]["partial"]["dead"] > 0
    tokenizer = (fresh.root / FOLDER / "tokenizer.json").read_bytes()

    fresh.write("text.txt", (fresh.root / FOLDER / "model_corpus.txt").read_bytes())
    model = json.loads(tokenizer)["model"]
    fresh.write("vocab.json", json.dumps(model["vocab"]))
    fresh.write("merges.txt", "\n".join(["#version: 0.2", *map(" ".join, model["merges"]), ""]))
    fresh.run(MASKS, changes=OWN_FILES)
    assert (fresh.root / FOLDER / "tokenizer.json").read_bytes() == tokenizer
    again = load_file(fresh.root / MASKS)
    assert np.array_equal(again["dead_indices"], masks["untrained_indices"])
    assert again["token_occurrence_counts"].sum() == len(tokens)

    assert fresh.planned(MASKS, changes=OWN_FILES) == set()
    renamed = OWN_FILES.replace("live_dead", "trained_untrained")
    assert fresh.planned(MASKS, changes=renamed) == {"find_dead_tokens"}


def test_merges_of_another_vocabulary(fresh):
    entries = [chr(code) for code in range(0x21, 0x144) if code not in (0xAD, *range(0x7F, 0xA1))]
    vocab = {entry: place for place, entry in enumerate([*entries, "<|endoftext|>"])}
    assert len(vocab) == 257
    fresh.write("text.txt", "the cat\n" * 500)
    fresh.write("vocab.json", json.dumps(vocab))
    fresh.write("merges.txt", "#version: 0.2\nt h\n")
    output = fresh.failure(MASKS, changes=OWN_FILES)
    assert "merges.txt, line 2 is 't h', but vocab.json has no entry 'th'" in output
    left = [path for path in (fresh.root / FOLDER).glob("*") if path.is_file()]
    assert [path.name for path in left if path.name != "model_corpus.txt"] == []
    fresh.write("merges.txt", "#version: 0.2\n")
    assert "has 257 entries, but vocab_size is 1000" in fresh.failure(MASKS, changes=OWN_FILES)


def test_missing_files_matter_to_those_who_need_them(fresh):
    fresh.write("text.txt", "the cat\n" * 500)
    output = fresh.failure(MASKS, changes=OWN_FILES)
    assert "corpora.wordybird.vocab_file is 'vocab.json': there is no such file" in output
    assert "corpora.wordybird.merges_file is 'merges.txt': there is no such file" in output
    assert "corpora.wordybird.model_corpus_file" not in output
    planned = fresh.planned("results/corpora/flannel/tokenizer.json", changes=OWN_FILES)
    assert planned == {"make_corpus", "train_tokenizer"}
