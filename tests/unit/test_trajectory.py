import errno
import os

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from planted import peak_bytes

from deadtokens.errors import UserError
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter, write_file

FIELDS = {
    "dead_mask": ("BOOL", (5,)),
    "W": ("U16", (4, 3, 2)),
    "embeddings": ("BF16", (4, 3)),
    "last_motion_step": ("I32", (3,)),
    "m": ("F32", (4, 3, 2)),
    "loss": ("F32", (4,)),
    "dead_indices": ("I64", (3,)),
    "nothing": ("F32", (0, 3)),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trajectory.safetensors"


def write_some(path):
    """A file whose every value is known: rows in no order, one of them twice, one never."""
    W = torch.randn(4, 3, 2, generator=torch.manual_seed(0)).to(torch.bfloat16)
    with TrajectoryWriter(path, FIELDS) as file:
        file.write("dead_mask", np.array([True, False, True, True, False]))
        for t in (2, 0, 3, 1, 2):
            file.write_row("W", t, W[t])
            file.write_row("loss", t, np.float32(t / 2))
        file.write_row("embeddings", 1, torch.tensor([1, -2, 0.5], dtype=torch.bfloat16))
        file.write("last_motion_step", torch.tensor([-1, 7, 500], dtype=torch.int32))
        file.write_rows("m", 1, torch.arange(12, dtype=torch.float32).reshape(2, 3, 2))
        file.write("dead_indices", np.array([0, 2, 3]))
    return W


def test_other_readers_open_the_file(path):
    W = write_some(path)
    loaded = safetensors.torch.load_file(path)
    assert {name: tuple(tensor.shape) for name, tensor in loaded.items()} == {
        name: shape for name, (_, shape) in FIELDS.items()
    }
    assert loaded["W"].dtype == torch.uint16
    assert torch.equal(loaded["W"].view(torch.bfloat16), W)
    assert loaded["dead_mask"].tolist() == [True, False, True, True, False]
    assert loaded["embeddings"].dtype == torch.bfloat16
    assert loaded["embeddings"].tolist() == [[0, 0, 0], [1, -2, 0.5], [0, 0, 0], [0, 0, 0]]
    assert loaded["last_motion_step"].tolist() == [-1, 7, 500]
    assert loaded["last_motion_step"].dtype == torch.int32
    assert loaded["m"].flatten().tolist() == [0.0] * 6 + list(range(12)) + [0.0] * 6
    assert loaded["loss"].tolist() == [0, 0.5, 1, 1.5]
    assert loaded["dead_indices"].dtype == torch.int64
    with safetensors.safe_open(path, framework="np") as file:
        np.testing.assert_array_equal(file.get_slice("loss")[1:3], [0.5, 1])


def test_reader_gives_what_the_writer_took(path):
    W = write_some(path)
    with TrajectoryReader(path) as file:
        assert file.fields == FIELDS
        np.testing.assert_array_equal(file.read("W"), W.view(torch.uint16).numpy())
        np.testing.assert_array_equal(file.read("W", 1, 3), W[1:3].view(torch.uint16).numpy())
        np.testing.assert_array_equal(file.read("loss", 3), [1.5])
        assert file.read("loss", 2, 2).shape == (0,)
        assert file.read("embeddings").dtype == np.uint16
        assert file.read("nothing").shape == (0, 3)
        assert file.read("dead_mask").dtype == bool


def test_reader_reads_files_of_the_safetensors_library(path):
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array([1, 2**40]),
        "c": np.array(3.0),
    }
    safetensors.numpy.save_file(arrays, path, metadata={"made": "elsewhere"})
    with TrajectoryReader(path) as file:
        for name, expected in arrays.items():
            np.testing.assert_array_equal(file.read(name), expected)


def test_write_file_keeps_dtypes(path):
    arrays = {
        "bits": np.array([[0x3F80]], dtype=np.uint16),
        "mask": np.array([True]),
        "count": np.array([2**40]),
        "edge": np.array([0.1]),
        "column": np.arange(6, dtype=np.float32).reshape(3, 2)[:, 1],
    }
    write_file(path, arrays)
    loaded = safetensors.numpy.load_file(path)
    assert {name: array.dtype for name, array in loaded.items()} == {
        name: array.dtype for name, array in arrays.items()
    }
    for name, expected in arrays.items():
        np.testing.assert_array_equal(loaded[name], expected)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda file: file.write_row("loss", 0, 1.0), TypeError),
        (lambda file: file.write_row("m", 0, torch.zeros(3, 2, dtype=torch.bfloat16)), TypeError),
        (lambda file: file.write_row("m", 0, np.zeros((2, 3), np.float32)), ValueError),
        (lambda file: file.write("m", np.zeros((3, 3, 2), np.float32)), ValueError),
        (lambda file: file.write_row("loss", 4, np.float32(1)), IndexError),
        (lambda file: file.write_row("loss", -1, np.float32(1)), IndexError),
        (lambda file: file.write_rows("loss", 3, np.zeros(2, np.float32)), IndexError),
        (lambda file: file.write_row("W", 0, np.zeros((3, 2), np.int16)), TypeError),
    ],
)
def test_writer_takes_only_what_fits_the_field(path, wrong, error):
    with TrajectoryWriter(path, FIELDS) as file:
        before = path.read_bytes()
        with pytest.raises(error):
            wrong(file)
        assert path.read_bytes() == before


def test_resume_goes_on_where_it_stopped(path):
    with TrajectoryWriter(path, FIELDS) as file:
        file.write_row("loss", 1, np.float32(1))
    with TrajectoryWriter(path, FIELDS, resume=True) as file:
        file.write_row("loss", 2, np.float32(2))
    with TrajectoryReader(path) as file:
        assert file.read("loss").tolist() == [0, 1, 2, 0]
    with TrajectoryWriter(path, FIELDS):
        pass
    with TrajectoryReader(path) as file:
        assert file.read("loss").tolist() == [0, 0, 0, 0]


def test_resume_refuses_another_file(path):
    with pytest.raises(UserError, match="no such file"):
        TrajectoryWriter(path, FIELDS, resume=True)
    with TrajectoryWriter(path, {**FIELDS, "loss": ("I32", (4,))}):
        pass
    before = path.read_bytes()
    with pytest.raises(UserError, match="not laid out for"):
        TrajectoryWriter(path, FIELDS, resume=True)
    assert path.read_bytes() == before


def test_reader_names_missing_keys(path):
    write_some(path)
    with TrajectoryReader(path) as file:
        file.require("W", "loss")
        with pytest.raises(UserError, match=r"trajectory\.safetensors: no g, centroid in this"):
            file.require("W", "g", "centroid")
        with pytest.raises(UserError, match="no g"):
            file.read("g")


DAMAGES = {
    "last byte lost": lambda content: content[:-1],
    "half lost": lambda content: content[: len(content) // 2],
    "header cut": lambda content: content[:100],
    "only the length": lambda content: content[:8],
    "empty": lambda content: b"",
    "too long": lambda content: content + b"\0",
    "HDF5": lambda content: b"\x89HDF\r\n\x1a\n" + content,
    "header of zeros": lambda content: bytes(len(content)),
    "wrong offsets": lambda content: content.replace(b'"U16","shape":[4', b'"U16","shape":[3'),
    "unknown dtype": lambda content: content.replace(b'"BF16"', b'"BF17"'),
    "no object": lambda content: (2).to_bytes(8, "little") + b"[]",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_reader_refuses_a_damaged_file(path, damage):
    write_some(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"trajectory\.safetensors: (not a safet|truncated or dam)"):
        TrajectoryReader(path)


def test_reader_reports_a_file_cut_while_it_is_read(path):
    write_some(path)
    with TrajectoryReader(path) as file:
        os.truncate(path, path.stat().st_size - 1)
        with pytest.raises(UserError, match="cut short"):
            file.read("dead_mask")


def test_reader_reports_a_missing_file(path):
    with pytest.raises(UserError, match="no such file"):
        TrajectoryReader(path)


@given(
    rows=st.integers(0, 30),
    max_bytes=st.integers(0, 100),
    overlap=st.integers(0, 3),
)
def test_chunks_cover_all_rows_in_order(tmp_path_factory, rows, max_bytes, overlap):
    path = tmp_path_factory.mktemp("chunks") / "x.safetensors"
    values = np.arange(rows * 2, dtype=np.int32).reshape(rows, 2)
    write_file(path, {"x": values})
    row_bytes = 8
    next_new = 0
    with TrajectoryReader(path) as file:
        for start, chunk in file.chunks("x", max_bytes, overlap):
            np.testing.assert_array_equal(chunk, values[start : start + len(chunk)])
            assert chunk.nbytes <= max(max_bytes, (overlap + 1) * row_bytes)
            assert start == max(0, next_new - overlap)
            assert start + len(chunk) > max(next_new, overlap)
            next_new = start + len(chunk)
    assert next_new == rows or rows <= overlap


def test_too_small_a_disk_shows_before_the_first_row(path, largest_file):
    largest_file(100_000)
    with pytest.raises(UserError, match=r"needs 400,\d\d\d bytes and [\d,]+ are free"):
        TrajectoryWriter(path, {"W": ("U16", (50_000, 2, 2))})
    assert list(path.parent.iterdir()) == []
    with TrajectoryWriter(path, FIELDS):
        pass


def test_a_full_disk_leaves_no_file(path, monkeypatch):
    def full(descriptor, offset, size):
        os.ftruncate(descriptor, size // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match="No space left on device"):
        TrajectoryWriter(path, FIELDS)
    assert list(path.parent.iterdir()) == []


def test_without_fallocate_the_free_space_is_asked_for(path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    write_some(path)
    assert safetensors.torch.load_file(path)["loss"].tolist() == [0, 0.5, 1, 1.5]
    path.unlink()
    with pytest.raises(UserError, match="No space left on device"):
        TrajectoryWriter(path, {"W": ("F32", (10**9, 10**6))})
    assert list(path.parent.iterdir()) == []


def test_a_disk_that_fills_up_later_is_reported(path, largest_file):
    with TrajectoryWriter(path, {"loss": ("F32", (100_000,))}) as file:
        file.write_row("loss", 0, np.float32(1))
        largest_file(200_000)
        with pytest.raises(UserError, match="needs 400"):
            file.write_row("loss", 99_999, np.float32(1))


def test_other_trouble_stays_what_it_is(path):
    with pytest.raises(IsADirectoryError):
        TrajectoryWriter(path.parent, FIELDS)


WRITE_AND_READ = """
import numpy as np
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter
steps, path = {steps}, {path!r}
with TrajectoryWriter(path, {{"W": ("U16", (steps + 1, 1000, 32))}}) as file:
    for t in range(steps + 1):
        file.write_row("W", t, np.full((1000, 32), t, np.uint16))
with TrajectoryReader(path) as file:
    total = 0
    for start, rows in file.chunks("W", 1_000_000, overlap=1):
        total += len(rows) - 1
    assert total == steps
"""


def test_memory_does_not_grow_with_the_number_of_steps(path):
    """64 kB a step: 6.4 MB on disk, then 64 MB."""
    few = peak_bytes(WRITE_AND_READ.format(steps=100, path=str(path)))
    many = peak_bytes(WRITE_AND_READ.format(steps=1000, path=str(path)))
    assert path.stat().st_size > 64_000_000
    assert many - few < 4_000_000
