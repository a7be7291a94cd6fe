"""From nothing to a figure on text of the Hub, by one command; then without it."""

import json
import os
import subprocess

import loopback_hub
import pytest
import yaml
from loopback_hub import Repository, card, parquet
from smoke import SNAKEMAKE

from deadtokens.text import byte_level, synthetic

TARGETS = ("results/crucible2_fineweb/phases.png", "results/corpora/wordybird_fineweb/masks.json")
SIZES = {
    "seed": 1,
    "tokenizer_english_bytes": 400_000,
    "tokenizer_thai_bytes": 60_000,
    "model_bytes": 1000,
    "rare_characters": 50,
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """English and Thai documents, and a tokenizer of bytes."""
    folder = tmp_path_factory.mktemp("texts")
    tokenizer_text = folder / "tokenizer.txt"
    synthetic.write_corpora(SIZES, tokenizer_text, folder / "model.txt")
    documents = tokenizer_text.read_text("utf-8").split("\n\n")
    thai = [text for text in documents if any("\u0e00" <= c <= "\u0e7f" for c in text)]
    english = [text for text in documents if text not in {*thai}]
    return english, thai, byte_level.train(tokenizer_text, 300, 2).to_str().encode()


def repositories(texts, corpora):
    """What the configuration names, at the commits that it names."""
    english, thai, tokenizer = texts
    [_, of_thai] = corpora["fineweb"]["tokenizer_corpus_from"]
    [of_english] = corpora["fineweb"]["model_corpus_from"]
    model = corpora["wordybird_fineweb"]["tokenizer_from"]
    half = len(english) // 2
    sample = {
        "README.md": card({"default": "data/*.parquet", "sample-10BT": "sample/10BT/*.parquet"}),
        "data/x.parquet": parquet(["another"]),
        "sample/10BT/000.parquet": parquet(english[:half]),
        "sample/10BT/001.parquet": parquet(english[half:], half),
    }
    languages = {
        "README.md": card({"tha_Thai": "data/tha_Thai/train/*.parquet"}),
        "data/tha_Thai/train/000.parquet": parquet(thai),
    }
    kinds = ("datasets", "datasets", "models")
    entries, files = (
        (of_english, of_thai, model),
        (sample, languages, {"tokenizer.json": tokenizer}),
    )
    return [
        Repository(kind, entry["repository"], of, commit=entry["revision"])
        for kind, entry, of in zip(kinds, entries, files, strict=True)
    ]


def smaller(corpora, texts):
    """The same corpora at the size of a test, in the words of a configuration."""
    english, thai = (sum(len(t.encode()) for t in of) for of in texts[:2])
    of_english, of_thai = corpora["fineweb"]["tokenizer_corpus_from"]
    [model] = corpora["fineweb"]["model_corpus_from"]
    [wordybird] = corpora["wordybird_fineweb"]["model_corpus_from"]
    of_english["bytes"], of_thai["bytes"] = english // 2, thai // 2
    model |= {"skip": len(texts[0]) * 3 // 4, "bytes": english // 8}
    wordybird["bytes"] = 20_000
    corpora["fineweb"]["vocab_size"], corpora["wordybird_fineweb"]["vocab_size"] = 800, 300
    return yaml.safe_dump({"corpora": corpora})


def test_one_command_fetches_trains_and_draws_and_needs_no_network_again(fresh, texts, tmp_path):
    corpora = yaml.safe_load((fresh.root / "config/fineweb.yaml").read_text("utf-8"))["corpora"]
    served = repositories(texts, corpora)
    fresh.write("config/small.yaml", smaller(corpora, texts))
    files = ["config/smoke.yaml", "config/fineweb.yaml", "config/small.yaml"]

    def snakemake(environment, *arguments):
        result = subprocess.run(
            [SNAKEMAKE, "--cores", "2", *TARGETS, *arguments, "--configfile", *files],
            cwd=fresh.root,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return result.returncode, result.stdout + result.stderr

    with loopback_hub.served(*served) as hub:
        code, output = snakemake(loopback_hub.environment(hub, tmp_path / "home"))
        assert code == 0, output
    folder = fresh.root / "results/corpora/fineweb"
    assert (fresh.root / TARGETS[0]).stat().st_size > 0
    english, thai = json.loads((folder / "tokenizer_corpus_source.json").read_text())["parts"]
    [model] = json.loads((folder / "model_corpus_source.json").read_text())["parts"]
    assert english["last_document"] < model["first_document"]
    assert (english["commit"], thai["commit"]) == (served[0].commit, served[1].commit)
    assert json.loads((folder / "masks.json").read_text())["dead"] > 20
    source = json.loads((folder.parent / "wordybird_fineweb/tokenizer_source.json").read_text())
    assert source["commit"] == served[2].commit
    code, output = snakemake(loopback_hub.environment(None, tmp_path / "elsewhere"))
    assert code == 0, output
    assert "Nothing to be done" in output
