"""Corpora that are fetched, as the configuration has them: what goes together, what is given."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from planning import configuration, inputs, schema, slices
from planning.mistakes import ConfigurationError

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
PART = {"repository": "Org/web", "revision": "v1.0.0", "bytes": 5000}
TOKENIZER = {"repository": "Org/model", "revision": "v1.0.0"}
FETCHED = {"source": "huggingface", "model_corpus_from": [PART], "tokenizer_from": TOKENIZER}


def of(name):
    return yaml.safe_load((ROOT / f"config/{name}.yaml").read_text("utf-8"))


def resolved(**corpora):
    given = {"corpora": corpora, "phases": {"published": {}}, "runs": {}}
    given |= {"runs": {"any": {"corpus": next(iter(corpora))}}, "comparison": ["any"]}
    given |= {"published": {"runs": ["any"]}, "report": {"runs": ["any"]}}
    return configuration.resolve(given, SCHEMA)


def layered(*names):
    """What Snakemake makes of these files of the project, one upon the other."""
    from snakemake.utils import update_config

    whole = of("config")
    for name in ("verdicts", *names):
        update_config(whole, of(name))
    return configuration.resolve(whole, SCHEMA)


def test_parts_get_the_defaults_of_what_they_lack():
    entry = resolved(mine=FETCHED)["corpora"]["mine"]
    optional = {"config": None, "split": "train", "column": "text", "skip": 0, "sha256": None}
    assert entry["model_corpus_from"] == [PART | optional]
    assert entry["tokenizer_from"] == TOKENIZER | {"sha256": None}


def test_a_job_is_given_its_parts_and_no_more():
    of_mine = {"corpus": "mine"}
    given = resolved(mine=FETCHED | {"tokenizer_corpus_from": [PART | {"skip": 7}]})
    [part] = slices.fetched_text(given, of_mine, "tokenizer_corpus_from")["parts"]
    assert part["skip"] == 7
    assert inputs.tokenizer_corpus(given, of_mine) == "results/corpora/mine/tokenizer_corpus.txt"
    assert inputs.tokenizer_corpus(resolved(mine=FETCHED), of_mine) == []


WRONG = {
    "no text": ({"model_corpus_from": None}, "corpora.mine.model_corpus_from is missing"),
    "no tokenizer": ({"tokenizer_from": None}, "neither tokenizer_corpus_from"),
    "a branch": (
        {"model_corpus_from": [PART, PART | {"revision": "main"}]},
        "corpora.mine.model_corpus_from.1.revision is 'main', a branch",
    ),
    "a branch of the tokenizer": (
        {"tokenizer_from": TOKENIZER | {"revision": "main"}},
        "corpora.mine.tokenizer_from.revision is 'main', a branch",
    ),
    "two tokenizers": ({"tokenizer_file": "x.json"}, "two ready tokenizers: tokenizer_file"),
    "a file": ({"model_corpus_file": "x.txt"}, "source is 'huggingface', which does not read it"),
    "files": ({"source": "files"}, "corpora.mine.model_corpus_from is given, but"),
    "synthetic": ({"source": "synthetic"}, "which reads no file"),
    "no revision": ({"model_corpus_from": [{"repository": "a/b", "bytes": 5000}]}, "revision"),
    "no size": ({"model_corpus_from": [{"repository": "a/b", "revision": "v1"}]}, "bytes"),
    "no name": ({"model_corpus_from": [PART | {"repository": "../b"}]}, "0.repository is '../b'"),
    "no sum": ({"model_corpus_from": [PART | {"sha256": "12"}]}, "0.sha256 is '12'"),
    "nothing": ({"model_corpus_from": []}, "corpora.mine.model_corpus_from is []"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_what_does_not_go_together_is_one_message(mistake):
    change, expected = WRONG[mistake]
    with pytest.raises(ConfigurationError) as error:
        resolved(mine=copy.deepcopy(FETCHED) | change)
    assert expected in str(error.value)


def test_the_published_text_is_pinned_and_its_corpora_are_disjoint():
    corpora = layered("fineweb")["corpora"]
    parts = [
        part
        for corpus in (corpora["fineweb"], corpora["wordybird_fineweb"])
        for key in ("model_corpus_from", "tokenizer_corpus_from")
        for part in corpus[key] or ()
    ]
    for entry in (*parts, corpora["wordybird_fineweb"]["tokenizer_from"]):
        assert re.fullmatch("[0-9a-f]{40}", entry["revision"]), entry
    english, thai = corpora["fineweb"]["tokenizer_corpus_from"]
    [model] = corpora["fineweb"]["model_corpus_from"]
    assert (english["bytes"], thai["bytes"], model["bytes"]) == (80_000_000, 20_000_000, 5_000_000)
    same = ("repository", "revision", "config", "split")
    assert [english[key] for key in same] == [model[key] for key in same]
    documents_of_the_published_text = 26_868
    assert english["skip"] + 1.2 * documents_of_the_published_text < model["skip"]
    [published] = layered("fineweb", "fineweb_published")["corpora"]["fineweb"]["model_corpus_from"]
    assert published == model | {"skip": 10_000}


def test_files_of_ones_own_take_the_place_of_the_published_text():
    """As the configuration was before text could be fetched: evidence rests on it."""
    given = layered("fineweb", "fineweb_files")
    for name, keys in {
        "fineweb": ("tokenizer_corpus_file", "model_corpus_file"),
        "wordybird_fineweb": ("model_corpus_file", "vocab_file", "merges_file"),
    }.items():
        corpus = given["corpora"][name]
        assert corpus["source"] == "files"
        assert all(corpus[key].startswith("data/") for key in keys)
        assert [corpus[k] for k in ("model_corpus_from", "tokenizer_corpus_from")] == [None, None]
        assert corpus["tokenizer_from"] is None
