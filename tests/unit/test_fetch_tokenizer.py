"""Ready tokenizers from the Hub, by its own client, against a hub on this machine."""

import hashlib
import json
from pathlib import Path

import loopback_hub
import pytest
from forked import Forks
from loopback_hub import Repository

from deadtokens.text import byte_level, vocabulary

PROGRAM = Path(__file__).parents[2] / "workflow/scripts/corpus/fetch_tokenizer.py"
KEY = "corpora.mine.tokenizer_from"
SIZE = 300


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    text = tmp_path_factory.mktemp("text") / "text.txt"
    text.write_text(
        "the cat sat on a mat while seven dogs walked past our old house by night\n" * 50
    )
    return byte_level.train(text, SIZE, 2)


@pytest.fixture(scope="module")
def world(tmp_path_factory, tokenizer):
    whole = tokenizer.to_str().encode()
    model = json.loads(whole)["model"]
    merges = "\n".join(["#version: 0.2", *(" ".join(pair) for pair in model["merges"])])
    pair = {"vocab.json": json.dumps(model["vocab"]).encode(), "merges.txt": merges.encode()}
    repositories = (
        Repository("models", "Org/whole", {"tokenizer.json": whole, **pair}),
        Repository("models", "Org/pair", pair),
        Repository("models", "Org/none", {"vocab.json": pair["vocab.json"]}),
        Repository("models", "Org/gated", {"tokenizer.json": whole}, gated=True),
    )
    home = tmp_path_factory.mktemp("home")
    with (
        loopback_hub.served(*repositories) as hub,
        Forks(loopback_hub.environment(hub, home)) as forks,
    ):
        yield hub, forks


@pytest.fixture
def fetch(world, tmp_path):
    def run(source, vocab_size=SIZE):
        given = {"revision": "v1.0.0", "sha256": None} | source
        settings = json.dumps({"tokenizer_from": given, "vocab_size": vocab_size})
        command = [PROGRAM, "--settings", settings, "--key", KEY]
        command += ["--tokenizer", tmp_path / "tokenizer.json"]
        return world[1].run(tmp_path, [*command, "--source", tmp_path / "source.json"])

    return run


@pytest.mark.parametrize(
    ("repository", "files"),
    [("Org/whole", ["tokenizer.json"]), ("Org/pair", ["vocab.json", "merges.txt"])],
)
def test_it_encodes_as_its_files_do(world, fetch, tmp_path, tokenizer, repository, files):
    ended = fetch({"repository": repository})
    assert ended.code == 0, ended.output
    assert not ended.imported_torch
    found = vocabulary.load_tokenizer(tmp_path / "tokenizer.json", SIZE)
    text = "seven old cats, ever so naïve"
    assert found.encode(text).ids == tokenizer.encode(text).ids
    source = json.loads((tmp_path / "source.json").read_text())
    served = world[0].repository("models", repository)
    sums = {name: hashlib.sha256(served.files[name]).hexdigest() for name in files}
    assert source == {
        "repository": repository,
        "revision": "v1.0.0",
        "commit": served.commit,
        "sha256": sums,
    }
    (tmp_path / "tokenizer.json").unlink()
    assert fetch({"repository": repository, "sha256": sums[files[0]]}).code == 0


WRONG = {
    "no tokenizer": ({"repository": "Org/none"}, ["repository is 'Org/none'", "merges.txt"]),
    "no repository": ({"repository": "Org/no"}, ["repository is 'Org/no'", "HF_TOKEN"]),
    "no revision": ({"repository": "Org/pair", "revision": "v7"}, ["revision is 'v7'"]),
    "gated": ({"repository": "Org/gated"}, ["it is gated, and there is no token", "HF_TOKEN"]),
    "another": ({"repository": "Org/pair", "sha256": "1" * 64}, ["sha256 is 111", "vocab.json: "]),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_one_message(fetch, tmp_path, mistake):
    source, expected = WRONG[mistake]
    ended = fetch(source)
    assert ended.code == 1, ended.output
    assert "Traceback" not in ended.output
    for words in (f"error: {KEY}", *expected):
        assert words in ended.output, ended.output
    assert not (tmp_path / "tokenizer.json").exists()


def test_another_size_is_refused(fetch, tmp_path):
    ended = fetch({"repository": "Org/whole"}, vocab_size=SIZE + 1)
    assert ended.code == 1
    assert f"has {SIZE} entries, but vocab_size is {SIZE + 1}" in ended.output
    assert not (tmp_path / "tokenizer.json").exists()
