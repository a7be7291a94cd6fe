"""Identities of files that no rule makes: their content, read again when they look different."""

import os

import pytest
from snakemake.exceptions import WorkflowError

from deadtokens.files.checksums import Checksums
from planning import identity
from planning.identity import FileDigests


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "state/digests.json"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "model.txt"
    path.write_text("the cat sat on a mat")
    return path


def test_the_digest_is_that_of_the_content_wherever_it_lies(memory, text, tmp_path):
    digest = FileDigests(memory).of(text)
    assert digest == Checksums.of(text).digest
    text.rename(tmp_path / "moved.txt")
    os.utime(tmp_path / "moved.txt", (1, 1))
    assert FileDigests(memory).of(tmp_path / "moved.txt") == digest


def test_a_file_that_looks_the_same_is_not_read_again(memory, text, monkeypatch):
    digest = FileDigests(memory).of(text)
    monkeypatch.setattr(identity, "digests", None)
    assert FileDigests(memory).of(text) == digest


@pytest.mark.parametrize("content", ["the cat sat on a hat", "another text of another length"])
def test_another_content_is_another_digest(memory, text, content):
    digest = FileDigests(memory).of(text)
    text.write_text(content)
    os.utime(text, ns=(0, 1))
    assert FileDigests(memory).of(text) != digest


@pytest.mark.parametrize("kept", ["", "[]", '{"PATH": 3}', '{"PATH": []}', "\x00", "[" * 10000])
def test_a_damaged_memory_costs_time_alone(memory, text, kept):
    memory.parent.mkdir()
    memory.write_text(kept.replace("PATH", str(text)))
    assert FileDigests(memory).of(text) == Checksums.of(text).digest


def test_a_memory_that_cannot_be_written_costs_time_alone(tmp_path, text):
    (tmp_path / "file").write_text("")
    assert FileDigests(tmp_path / "file/digests.json").of(text) == Checksums.of(text).digest


def test_a_file_that_is_gone_is_named(memory, text):
    FileDigests(memory).of(text)
    text.unlink()
    with pytest.raises(WorkflowError, match=r"model\.txt: No such file"):
        FileDigests(memory).of(text)
