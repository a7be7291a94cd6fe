"""Damaged, cut, exchanged and crafted files: a message that names the file, or what was there.

A flipped bit in a number leaves a number, which is for checksums to find: here nothing but a result
or a `UserError` may come of any damage, whatever the kind of the file.
"""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save

from deadtokens.errors import UserError
from deadtokens.files import documents, storage, tables, tokens
from deadtokens.files.storage import Storage
from deadtokens.files.trajectory import TrajectoryReader, write_file
from deadtokens.recorded.rows import read_dead_mask
from deadtokens.text.vocabulary import given_dead_mask
from deadtokens.training import batches, checkpoints, origin
from deadtokens.training.masks import load_masks

DEAD = np.array([0, 1, 0, 0, 1, 1], bool)
FIELDS = {"W": ("U16", (7, 30, 5)), "loss": ("F32", (7,)), "moved": ("BOOL", (7, 3))}
SHAPE = {"steps": int, "phases": [str], "final": {"first": documents.STEP, "share": float}}
DOCUMENT = {"steps": 7, "phases": ["a", "ก"], "final": {"first": None, "share": 0.25}}
RUN = "0" * 64


def write_trajectory(how):
    def write(path):
        random = np.random.default_rng(0)
        with storage.create(path, FIELDS, how) as file:
            for name, (dtype, shape) in FIELDS.items():
                values = random.integers(0, 2, shape)
                file.write(name, values.astype(storage.hdf5.NUMPY_DTYPE[dtype]))

    return write


def read_everything(path):
    with storage.open_reader(path) as file:
        return {name: file.read(name) for name in file.fields}


def write_masks(path):
    write_file(path, {"dead_mask": DEAD, "live_mask": ~DEAD, "dead_indices": np.flatnonzero(DEAD)})


def write_checkpoint(path):
    state = {"parameters.W": torch.arange(6.0).reshape(2, 3)}
    checkpoints.write(path, state, 3, RUN, elapsed={"moments": 3, "schedule": 3, "data": 3})


def write_table(path):
    columns = {"step": np.arange(9), "mean": np.linspace(0, 1, 9), "arm": ["a,b"] * 9}
    tables.write(path, pd.DataFrame(columns))


# How each kind of file is written, and by what it is read.
KINDS = {
    "safetensors": (write_trajectory(Storage()), read_everything),
    "hdf5": (write_trajectory(Storage("hdf5", 3)), read_everything),
    "packed hdf5": (write_trajectory(Storage("hdf5", 3, "deflate")), read_everything),
    "tokens": (
        lambda path: write_file(path, {"tokens": np.arange(9, dtype=np.int32)}),
        tokens.read,
    ),
    "tokens of training": (
        lambda path: write_file(path, {"tokens": np.arange(9, dtype=np.int32)}),
        lambda path: batches.load_tokens(path, 9),
    ),
    "masks": (write_masks, read_dead_mask),
    "masks of training": (write_masks, lambda path: load_masks(path, 6)),
    "given masks": (write_masks, lambda path: given_dead_mask(path, np.where(DEAD, 0, 1))),
    "checkpoint": (write_checkpoint, lambda path: checkpoints.read(path, RUN)),
    "table": (write_table, lambda path: tables.read(path, ["mean"], text=["arm"])["mean"]),
    "document": (
        lambda path: path.write_text(json.dumps(DOCUMENT, indent=2, ensure_ascii=False), "utf-8"),
        lambda path: documents.read(path, SHAPE),
    ),
}
# Kinds of one content are read as one another.
CONTENT = {kind: kind for kind in KINDS} | {
    **{"tokens of training": "tokens", "masks of training": "masks", "given masks": "masks"},
}
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
FLIPS, CUTS = 60, 12


def outcome(read, path):
    """ "read", or "refused" with the name of the file; whatever else is raised, goes through."""
    try:
        read(path)
    except UserError as error:
        message = str(error)
    else:
        return "read"
    assert str(path) in message
    assert len(message) < 1500
    return "refused"


@EACH_KIND
def test_flipped_bits(tmp_path, kind):
    write, read = KINDS[kind]
    path = tmp_path / "file"
    write(path)
    content = path.read_bytes()
    outcomes = []
    for seed in range(FLIPS):
        random = np.random.default_rng(seed)
        damaged = bytearray(content)
        within = len(content) if seed % 2 else min(len(content), 600)
        for place in random.integers(within, size=seed % 3 + 1):
            damaged[place] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        outcomes.append(outcome(read, path))
    assert "refused" in outcomes


@EACH_KIND
def test_cut_and_lengthened(tmp_path, kind):
    """Whatever is cut off is missed, but whole lines of a table."""
    write, read = KINDS[kind]
    path = tmp_path / "file"
    write(path)
    content = path.read_bytes()
    for length in {0, 1, 7, 8, 9, *np.linspace(10, len(content) - 1, CUTS).astype(int).tolist()}:
        path.write_bytes(content[:length])
        whole_lines = kind == "table" and content[:length].endswith(b"\n")
        assert outcome(read, path) == "refused" or whole_lines
    path.write_bytes(bytes(len(content)))
    assert outcome(read, path) == "refused"
    path.write_bytes(content + b"\xff")
    assert outcome(read, path) == "refused" or "hdf5" in kind  # HDF5 knows its own end


@EACH_KIND
def test_every_other_kind_in_its_place(tmp_path, kind):
    _, read = KINDS[kind]
    path = tmp_path / "file"
    for other, (write, _) in KINDS.items():
        path.unlink(missing_ok=True)
        write(path)
        alike = {CONTENT[kind], CONTENT[other]}
        assert outcome(read, path) == "refused" or len(alike) == 1 or read is read_everything
    for make in (Path.mkdir, os.mkfifo):
        path.unlink()
        make(path)
        assert outcome(read, path) == "refused"
        path.rmdir() if path.is_dir() else None
        path.touch()
    path.unlink()
    assert outcome(read, path) == "refused"


def header(text, data=b"", length=None):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


W, HALF = entry(), {"v": entry(offsets=(8, 16))}
EIGHT, SIXTEEN = bytes(8), bytes(16)
# What cannot be the beginning of a safetensors file, and the bytes after it.
HEADERS = {
    "longer than the file": header({"W": W}, EIGHT, length=10_000),
    "longer than any file": header({"W": W}, EIGHT, length=2**64 - 1),
    "shorter than it is": header({"W": W}, EIGHT, length=20),
    "no object": header([W], EIGHT),
    "a number": header(b"3", EIGHT),
    "spaces before it": header(b"  {}"),
    "an entry that is a list": header({"W": [W]}, EIGHT),
    "an entry within an entry": header({"W": {"W": W}}, EIGHT),
    "an entry without a place": header({"W": {"dtype": "F32", "shape": [2]}}, EIGHT),
    "not UTF-8": header(b'{"\xff": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT),
    "half a surrogate pair": header({"\ud800": W}, EIGHT),
    "nested deeply": header(b'{"W":' * 100_000),
    "nested deeply in metadata": header(b'{"__metadata__":' + b"[" * 100_000),
    "metadata that is no text": header({"__metadata__": {"a": 1}, "W": W}, EIGHT),
    "metadata that is a list": header({"__metadata__": [], "W": W}, EIGHT),
    "the same name twice": header(
        b'{"W":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"W":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        SIXTEEN,
    ),
    "the same key twice": header(
        b'{"W":{"dtype":"F64","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT
    ),
    "NaN": header(b'{"W":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}', EIGHT),
    "5,000 digits": header(
        b'{"W":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,8]}}', EIGHT
    ),
    "a shape of floats": header({"W": entry(shape=[2.0])}, EIGHT),
    "a shape of truth values": header({"W": entry(shape=[True, 2])}, EIGHT),
    "a shape of text": header({"W": entry(shape=["2"])}, EIGHT),
    "a shape that is a number": header({"W": entry(shape=2)}, EIGHT),
    "a negative shape": header({"W": entry(shape=[-1, -2])}, EIGHT),
    "a huge shape": header({"W": entry(shape=[2**64])}, EIGHT),
    "a huge shape of nothing": header({"W": entry(shape=[0, 2**62], offsets=[0, 0])}),
    "many axes": header({"W": entry(shape=[1] * 65 + [2])}, EIGHT),
    "another size than its shape": header({"W": entry(shape=[3])}, EIGHT),
    "a place of floats": header({"W": entry(offsets=[0.0, 8.0])}, EIGHT),
    "a place of truth values": header({"W": entry("U8", [1], [False, True])}, bytes(1)),
    "a place of three": header({"W": entry(offsets=[0, 8, 8])}, EIGHT),
    "a negative place": header({"W": entry(offsets=[-8, 0])}, EIGHT),
    "a place in the header": header({"W": entry(offsets=[-16, -8])}, EIGHT),
    "a place backwards": header({"W": entry(offsets=[8, 0])}, EIGHT),
    "a place far beyond": header({"W": entry(offsets=[2**62, 2**62 + 8])}, EIGHT),
    "a place after the end": header({"W": entry(offsets=[8, 16])}, EIGHT),
    "one over the other": header({"W": W, "v": entry(offsets=(4, 12))}, bytes(12)),
    "one upon the other": header({"W": W, "v": W}, EIGHT),
    "a gap between them": header({"W": W, "v": entry(offsets=(12, 20))}, bytes(20)),
    "a gap before them": header(HALF, SIXTEEN),
    "more than they take": header({"W": W}, SIXTEEN),
    "less than they take": header({"W": W} | HALF, EIGHT),
    "a dtype that nobody knows": header({"W": entry(dtype="F33")}, EIGHT),
    "a dtype that is a number": header({"W": entry(dtype=32)}, EIGHT),
    "float8 of another size": header({"W": entry("F8_E4M3", [9])}, EIGHT),
}


@pytest.mark.parametrize("way", HEADERS)
def test_crafted_headers(tmp_path, way):
    path = tmp_path / "file.safetensors"
    path.write_bytes(HEADERS[way])
    with pytest.raises(UserError, match=r"file\.safetensors: (not a safet|truncated or dam)"):
        TrajectoryReader(path)


def test_what_the_library_writes_is_read(tmp_path):
    """Metadata, scalars and tensors without elements, be they in the middle."""
    path = tmp_path / "file.safetensors"
    arrays = {
        "scalar": np.array(3.0),
        "nothing": np.zeros((0, 5), np.float32),
        "flags": DEAD,
        "empty": np.zeros(0, np.int64),
        "W": np.arange(6.0),
    }
    path.write_bytes(save(arrays, {"format": "np"}))
    with TrajectoryReader(path) as file:
        for name, array in arrays.items():
            np.testing.assert_array_equal(file.read(name), array, strict=True)


def elapsed(**changes):
    return {"moments": 3, "schedule": 3, "data": 3} | changes


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"elapsed": 3},
        {"elapsed": [3, 3, 3]},
        {"elapsed": elapsed(data=2.5)},
        {"elapsed": elapsed(data=True)},
        {"elapsed": {"parameters": 3}},
    ],
)
def test_a_checkpoint_that_says_nonsense_in_good_order(tmp_path, more):
    """Its digest is right: somebody made it so."""
    path = tmp_path / "checkpoint.safetensors"
    checkpoints.write(path, {"parameters.W": torch.zeros(2)}, 3, RUN, **more)

    class Settings:
        resume_run, resume_step, restore = RUN, 3, ("parameters", "moments", "schedule", "data")

    with pytest.raises(UserError, match=r"checkpoint\.safetensors: no checkpoint to begin from"):
        origin.restore(Settings(), path, {"parameters.W": torch.zeros(2)})
