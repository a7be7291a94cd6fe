import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import torch
from planted import peak_bytes

from deadtokens.errors import UserError
from deadtokens.files import hdf5, storage
from deadtokens.files.storage import Storage

PLAIN = Storage("hdf5", chunk_rows=3)
PACKED = Storage("hdf5", chunk_rows=3, compression="deflate")
BOTH = pytest.mark.parametrize("how", [PLAIN, PACKED], ids=["plain", "packed"])

FIELDS = {
    "W": ("U16", (7, 300, 5)),
    "losses": ("F32", (7,)),
    "embeddings": ("BF16", (7, 2000)),
    "m": ("F32", (7, 3, 2)),
    "wide": ("F64", (4, 2, 3, 500)),
    "moved": ("BOOL", (7, 3)),
    "live_mask": ("BOOL", (5,)),
    "ids": ("I64", (3,)),
    **{name.lower(): (name, (2, 3)) for name in ("U8", "I8", "I16", "F16", "U32", "I32", "U64")},
    "scalar": ("F64", ()),
    "nothing": ("F32", (0, 3)),
    "empty": ("I32", (0,)),
}
ATTRIBUTES = {"vocab_size": 10_000, "learning_rate": 1e-3, "model": "GPT-2"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trajectory.h5"


def arrays(fields=FIELDS):
    random = np.random.default_rng(0)
    for name, (dtype, shape) in fields.items():
        kind = hdf5.NUMPY_DTYPE[dtype]
        yield name, random.integers(0, 2 if dtype == "BOOL" else 100, shape).astype(kind)


def write_all(path, how, **options):
    with storage.create(path, FIELDS, how, ATTRIBUTES, **options) as file:
        for name, values in arrays():
            file.write(name, values)


@BOTH
def test_reader_gives_what_the_writer_took(path, how):
    write_all(path, how)
    assert os.listdir(path.parent) == [path.name]
    with storage.open_reader(path) as file:
        assert file.fields == FIELDS
        assert file.attributes == ATTRIBUTES
        for name, expected in arrays():
            read = file.read(name)
            assert read.dtype == expected.dtype
            np.testing.assert_array_equal(read, expected, strict=True)
            if expected.ndim:
                np.testing.assert_array_equal(file.read(name, 1, 4), expected[1:4])
                np.testing.assert_array_equal(file.read(name, -1), expected[-1:])
                parts = [rows for _, rows in file.chunks(name, 100)]
                np.testing.assert_array_equal(np.concatenate([expected[:0], *parts]), expected)
        for start, rows in file.chunks("W", 8000, overlap=1):
            np.testing.assert_array_equal(rows, dict(arrays())["W"][start : start + 2])


@BOTH
def test_h5py_alone_opens_the_file(path, how):
    write_all(path, how)
    with h5py.File(path) as file:
        assert set(file) == set(FIELDS)
        assert dict(file.attrs) == ATTRIBUTES
        for name, expected in arrays():
            np.testing.assert_array_equal(file[name][()], expected, strict=True)
        np.testing.assert_array_equal(file["W"][:, 123], dict(arrays())["W"][:, 123])


@BOTH
def test_rows_in_any_order_and_tensors(path, how):
    W = torch.randn(7, 4, 2, generator=torch.manual_seed(0)).to(torch.bfloat16)
    with storage.create(path, {"W": ("U16", (7, 4, 2)), "loss": ("F32", (7,))}, how) as file:
        for t in (6, 0, 5, 2, 3):
            file.write_row("W", t, W[t])
        file.write_rows("W", 0, W[:3])
        file.write_row("loss", 3, np.float32(2))
        with pytest.raises(IndexError):
            file.write_row("W", 7, W[0])
        with pytest.raises(TypeError):
            file.write_row("W", 0, W[0].float())
    expected = W.view(torch.uint16).numpy().copy()
    expected[4] = 0  # never written
    with storage.open_reader(path) as file:
        np.testing.assert_array_equal(file.read("W"), expected)
        assert file.read("loss").tolist() == [0, 0, 0, 2, 0, 0, 0]


def test_thimble_7_is_laid_out_as_published(path):
    """32.8 GB, of which the last chunk's unused rows are a hole."""
    names = ("W", "grad_W", "momentum_W", "variance_W")
    fields = dict.fromkeys(names, ("U16", (6001, 10_000, 64)))
    fields |= {"losses": ("F32", (6001,))}
    row = np.arange(640_000, dtype=np.uint32).astype(np.uint16).reshape(10_000, 64)
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("the check of this platform asks for 31 GB")
    with pytest.MonkeyPatch.context() as patch:
        reserved = []
        patch.setattr(os, "posix_fallocate", lambda _, offset, size: reserved.append(size))
        with storage.create(path, fields, Storage("hdf5"), ATTRIBUTES) as file:
            for t in (0, 1599, 1600, 6000):
                file.write_row("momentum_W", t, row + np.uint16(t))
    assert sum(reserved) == 4 * 6001 * 1_280_000 + 6001 * 4
    assert path.stat().st_size == pytest.approx(4 * 6400 * 1_280_000, rel=1e-5)
    assert path.stat().st_blocks * 512 < 10_000_000
    with h5py.File(path) as file:
        for name in names:
            assert file[name].chunks == (1600, 10_000, 64)
            assert file[name].shape == (6001, 10_000, 64)
            assert file[name].dtype == np.uint16
            assert file[name].compression is None
        assert file["losses"].chunks is None
        for t in (0, 1599, 1600, 6000):
            np.testing.assert_array_equal(file["momentum_W"][t], row + np.uint16(t))
        assert not file["momentum_W"][1601].any()


def test_stretches_end_with_their_chunk():
    layout = hdf5.RowLayout({"W": ("U16", (8, 2, 2)), "loss": ("F32", (8,))}, 3, {})
    assert [rows for _, *rows in layout.stretches("W", 2, 8)] == [[2, 3], [3, 6], [6, 8]]
    assert [rows for _, *rows in layout.stretches("loss", 2, 8)] == [[2, 8]]


def test_a_short_run_takes_no_room_for_steps_it_does_not_have(path):
    with storage.create(path, {"W": ("U16", (20, 100, 8))}, Storage("hdf5")):
        pass
    assert path.stat().st_size < 20 * 1600 + 10_000


def test_layout_in_memory_is_what_hdf5_writes_to_disk(path, tmp_path, monkeypatch):
    fields = {"W": ("U16", (7, 3, 2)), "loss": ("F32", (7,))}
    with storage.create(path, fields, PLAIN, ATTRIBUTES):
        pass
    real = tmp_path / "real.h5"
    monkeypatch.setattr(hdf5, "SparseFile", lambda: real.open("wb+"))
    hdf5.RowLayout(fields, 3, ATTRIBUTES)
    assert real.read_bytes() == path.read_bytes()


@BOTH
def test_bytes_depend_on_rows_alone(path, tmp_path, how):
    write_all(path, how)
    other = tmp_path / "other.h5"
    time.sleep(1.1)  # the unit of the time stamps that HDF5 writes by default
    with storage.create(other, FIELDS, how, ATTRIBUTES):
        pass
    for name, values in reversed(list(arrays())):
        with storage.create(other, FIELDS, how, ATTRIBUTES, resume=True) as file:
            file.write(name, values)
            file.flush()
    assert other.read_bytes() == path.read_bytes()


@BOTH
def test_an_exception_leaves_what_resume_needs(path, how):
    write_all(path, how)
    whole = path.read_bytes()
    path.unlink()
    values = dict(arrays())

    def stop_in_the_middle():
        with storage.create(path, FIELDS, how, ATTRIBUTES) as file:
            for name in FIELDS:
                if values[name].ndim:
                    file.write_rows(name, 0, values[name][:4])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_in_the_middle()
    with storage.create(path, FIELDS, how, ATTRIBUTES, resume=True) as file:
        for name in FIELDS:
            if values[name].ndim:
                file.write_rows(name, min(3, len(values[name])), values[name][3:])
        file.write("scalar", values["scalar"])
    assert path.read_bytes() == whole
    assert os.listdir(path.parent) == [path.name]


@BOTH
def test_resume_refuses_another_file(path, how):
    with pytest.raises(UserError, match="no such file"):
        storage.create(path, FIELDS, how, resume=True)
    write_all(path, how)
    before = path.read_bytes()
    for changes in ({"losses": ("I32", (7,))}, {"losses": ("F32", (8,))}, {"more": ("I32", (7,))}):
        with pytest.raises(UserError, match="not laid out for what this run records"):
            storage.create(path, FIELDS | changes, how, ATTRIBUTES, resume=True)
    assert path.read_bytes() == before


def test_other_files_of_h5py_are_read(path):
    with h5py.File(path, "w") as file:
        file["big_endian"] = np.arange(6, dtype=">f4").reshape(3, 2)
        file.create_dataset("mask", data=np.array([1, 0], np.int8))
        file.create_dataset(
            "zipped", data=np.arange(40).reshape(20, 2), chunks=(7, 1), compression="gzip"
        )
        file["text"] = "not a field"
        file.create_group("folder")["inner"] = 1
        file.attrs["list"] = [1, 2]
    with storage.open_reader(path) as file:
        assert set(file.fields) == {"big_endian", "mask", "zipped"}
        assert file.read("big_endian", 1).tolist() == [[2, 3], [4, 5]]
        assert file.read("big_endian").dtype == np.dtype("<f4")
        assert file.fields["mask"] == ("I8", (2,))
        np.testing.assert_array_equal(file.read("zipped", 3, 19), np.arange(6, 38).reshape(-1, 2))
        with pytest.raises(UserError, match=r"trajectory\.h5: no g in this file"):
            file.require("mask", "g")


DAMAGES = {
    "last byte lost": lambda content: content[:-1],
    "half lost": lambda content: content[: len(content) // 2],
    "superblock alone": lambda content: content[:96],
    "signature alone": lambda content: content[:8],
    "metadata of zeros": lambda content: content[:96] + bytes(len(content) - 96),
}


@BOTH
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_reader_refuses_a_damaged_file(path, how, damage):
    write_all(path, how)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"trajectory\.h5: cannot be opened as HDF5 .* again"):
        storage.open_reader(path)


def test_reader_reports_a_missing_file(path):
    with pytest.raises(UserError, match="no such file"):
        hdf5.Hdf5Reader(path)
    with pytest.raises(UserError, match="no such file"):
        storage.open_reader(path)


LEFT_OPEN = """
import h5py, os, signal, numpy as np
file = h5py.File({path!r}, "w", libver={libver!r})
file["W"] = np.ones((100, 10))
if {flushed}:
    file.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_reader_reports_a_file_left_open_by_a_killed_writer(path, libver, flushed):
    code = LEFT_OPEN.format(path=str(path), libver=libver, flushed=flushed)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    if (libver, flushed) == ("earliest", True):
        with storage.open_reader(path) as file:
            assert file.read("W").all()  # HDF5 finds nothing missing here, and rightly so
    else:
        with pytest.raises(UserError, match="left open by a program that was killed"):
            hdf5.Hdf5Reader(path)
        with pytest.raises(UserError, match="Make it again"):
            storage.open_reader(path)  # nothing may be there that names the format


@BOTH
def test_too_small_a_disk_shows_before_the_first_row(path, largest_file, how):
    largest_file(100_000)
    with pytest.raises(UserError, match=r"needs [\d,]+ bytes and [\d,]+ are free"):
        storage.create(path, {"W": ("U16", (50, 5000, 10))}, how)
    assert list(path.parent.iterdir()) == []


WRITE_AND_READ = """
import sys
import time
import numpy as np
from deadtokens.files import storage
rows, path = {rows}, {path!r}
how = storage.Storage("hdf5", {chunk_rows}, {compression!r})
with storage.create(path, {{"W": ("U16", (rows, 1000, 32))}}, how) as file:
    for t in range(rows):
        file.write_row("W", t, np.full((1000, 32), t, np.uint16))
with storage.open_reader(path) as file:
    total = 0
    for start, part in file.chunks("W", 1_000_000, overlap=1):
        assert (part[:, 0, 0] == np.arange(start, start + len(part))).all()
        total += len(part) - 1
    assert total == rows - 1
"""


@pytest.mark.parametrize(("chunk_rows", "compression"), [(1600, "none"), (64, "deflate")])
def test_memory_does_not_grow_with_the_number_of_steps(path, chunk_rows, compression):
    """64 kB a row: 6.4 MB, then 64 MB."""
    options = {"path": str(path), "chunk_rows": chunk_rows, "compression": compression}
    few = peak_bytes(WRITE_AND_READ.format(rows=100, **options))
    many = peak_bytes(WRITE_AND_READ.format(rows=1000, **options))
    assert many - few < 4_000_000
    with storage.open_reader(path) as file:
        assert file.fields["W"][1][0] == 1000
