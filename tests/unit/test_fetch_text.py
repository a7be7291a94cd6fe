"""Texts from the Hub: the clients themselves, against a hub on this machine that can misbehave."""

import hashlib
import json
import os
import random
import signal
from pathlib import Path

import loopback_hub
import pytest
from forked import Forks
from huggingface_hub.errors import OfflineModeIsEnabled
from loopback_hub import Repository, card, parquet

from deadtokens.hub import contact

PROGRAM = Path(__file__).parents[2] / "workflow/scripts/corpus/fetch_text.py"
KEY = "corpora.mine.model_corpus_from"
TEXTS = [
    f"Document {i} says: " + "good morning, \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35. " * (i % 9)
    for i in range(300)
]
TEXTS[7] = TEXTS[120] = None
TEXTS[9] = ""
FILES = {
    "README.md": card({"default": "data/*.parquet", "sample": "sample/*.parquet"}),
    "data/other.parquet": parquet(["other"] * 10),
    "sample/000.parquet": parquet(TEXTS[:150]),
    "sample/001.parquet": parquet(TEXTS[150:], 150, row_group=40),
}
PART = {
    "repository": "Org/web",
    "revision": "v1.0.0",
    "config": "sample",
    "split": "train",
    "column": "text",
    "bytes": 9000,
    "skip": 0,
    "sha256": None,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A hub, and a process with its address of which programs are forked."""
    home = tmp_path_factory.mktemp("home")
    with loopback_hub.served() as hub, Forks(loopback_hub.environment(hub, home)) as forks:
        yield hub, forks


@pytest.fixture
def hub(world):
    world[0].forget()
    world[0].repositories[:] = [Repository("datasets", "Org/web", FILES)]
    return world[0]


@pytest.fixture
def fetch(world, tmp_path):
    """Fetches parts, of which only what differs from PART is given, into tmp_path."""

    def run(*parts, started=lambda pid: None, **environment):
        command = command_of(tmp_path, *(PART | part for part in parts or ({},)))
        return world[1].run(tmp_path, command, started, **environment)

    return run


def command_of(folder, *parts):
    """The command that fetches these parts into this folder."""
    settings = json.dumps({"parts": parts})
    command = [PROGRAM, "--settings", settings, "--key", KEY, "--log", folder / "log"]
    return [*command, "--text", folder / "text.txt", "--source", folder / "source.json"]


def plain(texts, size, skip=0):
    """The text as it is defined, in as few words as possible, and the number after its last."""
    taken = b""
    for number, text in enumerate(texts):
        if number >= skip and text:
            taken += text.encode() + b"\n\n"
        if number >= skip and len(taken) >= size:
            return taken, number + 1
    raise AssertionError("too little text")


def message(ended, tmp_path):
    """What a call says that must end with one message, exit code 1 and nothing half-written."""
    assert ended.code == 1, ended.output
    assert "Traceback" not in ended.output
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    said = [line for line in ended.output.splitlines() if line.startswith("error: ")]
    assert len(said) == 1, ended.output
    assert not (tmp_path / "text.txt").exists()
    assert not (tmp_path / "source.json").exists()
    assert not list(tmp_path.glob(".partial.*"))
    return said[0]


@pytest.mark.parametrize("skip", [0, 5, 10, 119, 149, 150, 213])
def test_it_is_the_text_as_defined_and_the_record_says_so(hub, fetch, tmp_path, skip):
    ended = fetch({"skip": skip})
    assert ended.code == 0, ended.output
    assert not ended.imported_torch
    expected, after = plain(TEXTS, PART["bytes"], skip)
    assert (tmp_path / "text.txt").read_bytes() == expected
    [source] = json.loads((tmp_path / "source.json").read_text())["parts"]
    taken = [i for i in range(skip, after) if TEXTS[i]]
    assert source == {
        "repository": "Org/web",
        "revision": "v1.0.0",
        "commit": hub.repositories[0].commit,
        "config": "sample",
        "split": "train",
        "column": "text",
        "first_document": skip,
        "last_document": after - 1,
        "documents": len(taken),
        "first_id": f"<urn:uuid:{taken[0]:08d}>",
        "last_id": f"<urn:uuid:{taken[-1]:08d}>",
        "bytes": len(expected),
        "sha256": hashlib.sha256(expected).hexdigest(),
    }


def test_parts_follow_one_another(hub, fetch, tmp_path):
    thai = Repository("datasets", "Org/thai", {"data/x.parquet": parquet(TEXTS[50:100], id=None)})
    hub.repositories.append(thai)
    second = {"repository": "Org/thai", "revision": "main", "config": None, "bytes": 2000}
    ended = fetch({}, second)
    assert ended.code == 0, ended.output
    expected = plain(TEXTS, 9000)[0] + plain(TEXTS[50:], 2000)[0]
    assert (tmp_path / "text.txt").read_bytes() == expected
    parts = json.loads((tmp_path / "source.json").read_text())["parts"]
    assert [part["first_id"] for part in parts] == ["<urn:uuid:00000000>", None]
    log = (tmp_path / "log").read_text()
    assert "100%" in log
    assert "kB/s" in log or "s/kB" in log


def test_what_is_no_parquet_is_streamed(hub, fetch, tmp_path):
    lines = "".join(json.dumps({"id": i, "body": text}) + "\n" for i, text in enumerate(TEXTS))
    hub.repositories.append(Repository("datasets", "Org/lines", {"x.jsonl": lines.encode()}))
    part = {"repository": "Org/lines", "config": None, "column": "body", "skip": 20}
    ended = fetch(part)
    assert ended.code == 0, ended.output
    assert (tmp_path / "text.txt").read_bytes() == plain(TEXTS, 9000, 20)[0]
    assert not ended.imported_torch
    other = message_of_second(fetch, tmp_path, part | {"column": "id"})
    assert f"{KEY}.0.column is 'id'" in other
    assert "body" in other


def message_of_second(fetch, tmp_path, part):
    for path in (tmp_path / "text.txt", tmp_path / "source.json"):
        path.unlink()
    return message(fetch(part), tmp_path)


def large(n_blocks):
    """Documents that no compression makes smaller, of about so many blocks of 4 MiB."""
    draw = random.Random(1)
    return [draw.randbytes(5000).hex() for _ in range(int(n_blocks * (4 << 20)) // 10_000)]


@pytest.fixture(scope="module")
def large_file():
    texts = large(3.5)  # the footer lies in a block of its own
    return texts, {"data/x.parquet": parquet(texts, row_group=50)}


@pytest.fixture
def large_part(hub, large_file):
    hub.repositories.append(Repository("datasets", "Org/large", large_file[1]))
    size = sum(len(text) + 2 for text in large_file[0]) - 20_000
    return {"repository": "Org/large", "config": None, "bytes": size}


def test_a_connection_that_breaks_in_mid_file_is_made_again(
    hub, fetch, tmp_path, large_file, large_part
):
    breaks = iter([10_000, 3, None, 2 << 20])
    hub.fault = lambda asked: next(breaks, None) if asked.range else None
    ended = fetch(large_part)
    assert ended.code == 0, ended.output
    assert next(breaks, "all") == "all"
    assert len(ended.waits) == 3
    expected = plain(large_file[0], large_part["bytes"])[0]
    assert (tmp_path / "text.txt").read_bytes() == expected


def test_a_killed_fetch_continues_where_it_was(hub, fetch, tmp_path, large_file, large_part):
    process = []

    def kill(asked):
        if asked.range and asked.range.startswith("bytes=8388608"):
            os.kill(process[0], signal.SIGKILL)

    hub.fault = kill
    ended = fetch(large_part, started=process.append)
    assert ended.code == -signal.SIGKILL
    assert {path.name for path in tmp_path.glob("*.txt*")} <= {
        ".fetched.text.txt",
        ".fetched.text.txt.json",
    }
    kept = (tmp_path / ".fetched.text.txt").read_bytes()
    expected = plain(large_file[0], large_part["bytes"])[0]
    assert 7_000_000 < len(kept) < len(expected)
    hub.forget()
    ended = fetch(large_part)
    assert ended.code == 0, ended.output
    assert (tmp_path / "text.txt").read_bytes() == expected
    asked_for = [r.range for r in hub.requests if r.range]
    assert asked_for
    assert not [r for r in asked_for if r.startswith("bytes=0-")]


def test_what_was_fetched_before_a_failure_is_not_fetched_again(
    hub, fetch, tmp_path, large_file, large_part
):
    hub.fault = lambda asked: (
        (503, {}) if asked.range and asked.range.startswith("bytes=8388608") else None
    )
    said = message(fetch(large_part), tmp_path)
    assert "status 503" in said
    assert f"{KEY}.0" in said
    listed = [asked for asked in hub.requests if "/tree" in asked.path]
    hub.forget()
    assert fetch(large_part).code == 0
    assert len(listed) == len([asked for asked in hub.requests if "/tree" in asked.path]) > 0
    expected = plain(large_file[0], large_part["bytes"])[0]
    assert (tmp_path / "text.txt").read_bytes() == expected
    assert not [r for r in hub.requests if r.range and r.range.startswith("bytes=0-")]


def test_neither_files_nor_row_groups_that_are_skipped_are_read(hub, fetch):
    assert fetch({"skip": 200, "bytes": 1000}).code == 0
    whole = len(FILES["sample/000.parquet"])
    # All that a file of one block can be asked for is the block.
    assert hub.bytes_of("000.parquet") <= whole
    assert hub.bytes_of("other.parquet") == 0


FAULTS = {
    "a moment of 503": ((503, {}), 2),
    "too many requests": ((429, {"Retry-After": "7"}), 1),
    "a fault of the server": ((500, {}), 1),
}


@pytest.mark.parametrize(
    ("method", "where"),
    [("GET", "/api/"), ("GET", "/resolve/"), ("HEAD", "/resolve/"), ("GET", "/elsewhere/")],
)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_passes_is_waited_for(hub, fetch, tmp_path, fault, method, where):
    answer, times = FAULTS[fault]
    left = [answer] * times
    hub.fault = lambda asked: (
        left.pop() if left and where in asked.path and asked.method == method else None
    )
    # Descriptions that were kept from other tests would not be asked for.
    name = f"Org/{tmp_path.name}"
    hub.repositories.append(Repository("datasets", name, FILES))
    ended = fetch({"repository": name})
    assert ended.code == 0, ended.output
    assert (tmp_path / "text.txt").read_bytes() == plain(TEXTS, 9000)[0]
    assert not left
    if method == "HEAD":
        return  # which the clients ask again at once
    assert len(ended.waits) >= times
    if "Retry-After" in answer[1]:
        assert ended.waits[0] in (7, 8)  # the clients add one


def damaged(content):
    """A parquet file whose pages are no pages any more, with a footer that is."""
    return content[:4] + bytes(len(content) // 2) + content[4 + len(content) // 2 :]


WRONG = {
    "no such repository": ({"repository": "Org/none"}, ["0.repository is 'Org/none'", "HF_TOKEN"]),
    "no such revision": ({"revision": "v9"}, ["0.revision is 'v9'", "hash of a commit"]),
    "no such config": ({"config": "nope"}, ["0.config is 'nope'", "sample", "default"]),
    "no such split": ({"split": "test"}, ["0.split is 'test'", "train"]),
    "no such column": ({"column": "body"}, ["0.column is 'body'", "text, id, dump", "Give"]),
    "no text": ({"column": "token_count"}, ["0.column is 'token_count'", "int64", "text"]),
    "too little": ({"bytes": 10**9}, ["0.bytes is 1,000,000,000", "ends after", "less"]),
    "another text": ({"sha256": "0" * 64}, ["0.sha256 is 000", "another text", "pin"]),
    "cut short": ({"repository": "Org/cut"}, ["sample/000.parquet of the data set Org/cut", "Pin"]),
    "damaged": ({"repository": "Org/damaged"}, ["no readable parquet file", "Pin another"]),
    "gated": ({"repository": "Org/gated"}, ["gated", "there is no token", "HF_TOKEN"]),
    "no data": ({"repository": "Org/empty", "config": None}, ["Org/empty", "config is None"]),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_one_message(hub, fetch, tmp_path, mistake):
    first = FILES["sample/000.parquet"]
    hub.repositories += [
        Repository("datasets", "Org/cut", FILES | {"sample/000.parquet": first[:-100]}),
        Repository("datasets", "Org/damaged", FILES | {"sample/000.parquet": damaged(first)}),
        Repository("datasets", "Org/gated", FILES, gated=True),
        Repository("datasets", "Org/empty", {"README.md": b"# Nothing"}),
    ]
    part, expected = WRONG[mistake]
    said = message(fetch(part), tmp_path)
    assert f"{KEY}.0" in said
    for words in expected:
        assert words in said, said


def test_a_server_that_fails_for_good_is_one_message(hub, fetch, tmp_path):
    hub.fault = lambda asked: (500, {})
    ended = fetch()
    assert "status 500" in message(ended, tmp_path)
    assert 0 < len(ended.waits) < 10


def test_too_many_requests_for_long_are_not_waited_for(hub, fetch, tmp_path):
    hub.fault = lambda asked: (429, {"Retry-After": "3600"})
    ended = fetch()
    said = message(ended, tmp_path)
    assert "status 429" in said
    assert "in 3600 seconds" in said
    assert ended.waits == []


WITHOUT = ("start again", "results that stand already", "source: files", "source: synthetic")


def test_a_network_that_is_gone_for_good_is_one_message(hub, fetch, tmp_path):
    hub.fault = lambda asked: 0
    said = message(fetch(), tmp_path)
    for words in ("the Hub cannot be reached", "HF_ENDPOINT", *WITHOUT):
        assert words in said, said


def test_no_network_is_not_waited_for(tmp_path):
    with Forks(loopback_hub.environment(None, tmp_path / "home")) as forks:
        ended = forks.run(tmp_path, command_of(tmp_path, PART))
    said = message(ended, tmp_path)
    for words in (f"{KEY}.0", "cannot be reached", "Connection refused", *WITHOUT):
        assert words in said, said
    assert ended.waits == []


def test_a_client_that_may_not_ask_is_one_message():
    place = contact.Place(f"{KEY}.0", "dataset", "Org/web", "v1")
    error = OfflineModeIsEnabled("offline")
    said = contact.why(error, place)
    for words in (f"{KEY}.0", "Org/web", "HF_HUB_OFFLINE", *WITHOUT):
        assert words in said, said
    assert contact.wait_after(error) is None
    assert contact.why(ValueError("a fault of our own"), place) is None


def test_a_token_opens_what_is_gated_and_stands_nowhere(hub, fetch, tmp_path):
    hub.repositories.append(Repository("datasets", "Org/gated", FILES, gated=True))
    part = {"repository": "Org/gated"}
    said = message(fetch(part, HF_TOKEN="hf_wrong"), tmp_path)
    assert "the token in use may not read it" in said
    assert "hf_wrong" not in said
    ended = fetch(part, HF_TOKEN=loopback_hub.TOKEN)
    assert ended.code == 0, ended.output
    assert (tmp_path / "text.txt").read_bytes() == plain(TEXTS, 9000)[0]
    elsewhere = [asked for asked in hub.requests if "/elsewhere/" in asked.path]
    assert elsewhere
    assert not any(asked.token for asked in elsewhere)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert loopback_hub.TOKEN.encode() not in path.read_bytes(), path


def test_what_was_fetched_once_is_there_without_a_hub(hub, fetch, tmp_path):
    assert fetch().code == 0
    text, source = ((tmp_path / name).read_bytes() for name in ("text.txt", "source.json"))
    for name in ("text.txt", "source.json"):
        (tmp_path / name).unlink()
    hub.forget()
    assert fetch().code == 0
    assert hub.requests == []
    assert (tmp_path / "text.txt").read_bytes() == text
    assert (tmp_path / "source.json").read_bytes() == source


@pytest.mark.parametrize(
    "change", [{"skip": 3}, {"bytes": 5000}, {"revision": "main"}, {"repository": "Org/copy"}]
)
def test_another_text_takes_nothing_of_the_one_before(hub, fetch, tmp_path, change):
    hub.repositories.append(Repository("datasets", "Org/copy", FILES))
    assert fetch().code == 0
    before = (tmp_path / "text.txt").read_bytes()
    other = Path(tmp_path, "a copy.txt")
    os.link(tmp_path / "text.txt", other)
    assert fetch(change).code == 0
    part = PART | change
    assert (tmp_path / "text.txt").read_bytes() == plain(TEXTS, part["bytes"], part["skip"])[0]
    assert other.read_bytes() == before


def test_what_is_kept_and_was_changed_is_fetched_again(hub, fetch, tmp_path):
    assert fetch().code == 0
    expected = (tmp_path / "text.txt").read_bytes()
    (tmp_path / "text.txt").unlink()
    kept = tmp_path / ".fetched.text.txt"
    kept.write_bytes(b"X" + kept.read_bytes()[1:])
    assert fetch().code == 0
    assert (tmp_path / "text.txt").read_bytes() == expected
    (tmp_path / "text.txt").unlink()
    (tmp_path / ".fetched.text.txt.json").write_text("{")
    assert fetch().code == 0
    assert (tmp_path / "text.txt").read_bytes() == expected


def test_the_right_sum_is_no_mistake(hub, fetch):
    digest = hashlib.sha256(plain(TEXTS, 9000)[0]).hexdigest()
    assert fetch({"sha256": digest}).code == 0
