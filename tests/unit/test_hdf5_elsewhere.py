"""HDF5 that points elsewhere is refused and never followed; a lock is named as a lock."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from deadtokens.errors import UserError
from deadtokens.files import hdf5, storage

VALUES = np.arange(12, dtype=np.uint16).reshape(3, 2, 2)


@pytest.fixture
def path(tmp_path):
    """A good trajectory; beside it what must not be read: it would wait for ever."""
    with h5py.File(tmp_path / "trajectory.h5", "w") as file:
        file["W"] = VALUES
    os.mkfifo(tmp_path / "elsewhere")
    return tmp_path / "trajectory.h5"


def soft(file, elsewhere):
    file["X"] = h5py.SoftLink("/W")


def dangling(file, elsewhere):
    file["X"] = h5py.SoftLink("/nowhere")


def external(file, elsewhere):
    file["X"] = h5py.ExternalLink(elsewhere, "/W")


def raw(file, elsewhere):
    file.create_dataset("X", (3, 2), "u2", external=[(elsewhere, 0, 12)])


def raw_by_chance(file, elsewhere):
    file.create_dataset("X", (3, 2), "u2", external=[("no such file", 0, 12)])


def virtual(file, elsewhere):
    layout = h5py.VirtualLayout((3, 2, 2), "u2")
    layout[:] = h5py.VirtualSource(elsewhere, "W", (3, 2, 2))
    file.create_virtual_dataset("X", layout)


def virtual_without_end(file, elsewhere):
    layout = h5py.VirtualLayout((3, 2), "u2", maxshape=(None, 2))
    source = h5py.VirtualSource(elsewhere, "W", (3, 2), maxshape=(None, 2))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    file.create_virtual_dataset("X", layout)


def virtual_within(file, elsewhere):
    layout = h5py.VirtualLayout((3, 2, 2), "u2")
    layout[:] = h5py.VirtualSource(".", "W", (3, 2, 2))
    file.create_virtual_dataset("X", layout)


WAYS = (
    *(soft, dangling, external, raw, raw_by_chance),
    *(virtual, virtual_without_end, virtual_within),
)


@pytest.mark.parametrize("point", WAYS, ids=lambda point: point.__name__)
@pytest.mark.parametrize("read", [hdf5.Hdf5Reader, storage.open_reader])
def test_what_points_elsewhere_is_refused(path, point, read):
    with h5py.File(path, "r+") as file:
        point(file, str(path.parent / "elsewhere"))
    with pytest.raises(UserError, match=r"trajectory\.h5: X is a .* never followed"):
        read(path)


def test_the_file_where_it_lies_is_none_of_ours(path):
    """A link that would lead to good data is not followed either."""
    with h5py.File(path.parent / "other.h5", "w") as file:
        file["W"] = VALUES
    with h5py.File(path, "w") as file:
        file["W"] = h5py.ExternalLink("other.h5", "/W")
    with pytest.raises(UserError, match=r"trajectory\.h5: W is a link into another file"):
        storage.open_reader(path)


def test_filters_that_are_not_built_in_are_refused(path):
    with h5py.File(path, "r+") as file:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_chunk((3, 2))
        create.set_filter(307, h5py.h5z.FLAG_OPTIONAL, ())  # bzip2's number
        space = h5py.h5s.create_simple((3, 2))
        h5py.h5d.create(file.id, b"X", h5py.h5t.NATIVE_UINT16, space, create)
    with pytest.raises(UserError, match=r"trajectory\.h5: X is packed by the filter 307, which is"):
        storage.open_reader(path)


@pytest.mark.parametrize(
    "packed",
    [
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"compression": "lzf"},
        {"scaleoffset": 0},
    ],
    ids=lambda packed: next(iter(packed)),
)
def test_filters_that_are_built_in_are_read(path, packed):
    with h5py.File(path, "r+") as file:
        file.create_dataset("X", data=VALUES, chunks=(2, 2, 2), **packed)
        file.create_group("group")["inner"] = h5py.SoftLink("/W")  # nobody looks in there
    with storage.open_reader(path) as file:
        assert file.fields == {"W": ("U16", (3, 2, 2)), "X": ("U16", (3, 2, 2))}
        np.testing.assert_array_equal(file.read("X"), VALUES)


def test_types_that_numpy_has_not_are_left_out(path):
    with h5py.File(path, "r+") as file:
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.id, b"time", h5py.h5t.UNIX_D32LE, space)
        file["text"] = ["a", "b"]
        file["none"] = h5py.Empty("f4")
    with storage.open_reader(path) as file:
        assert list(file.fields) == ["W"]


HOLDING = """
import h5py, sys
file = h5py.File({path!r}, "r+")
print("open", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_named_as_a_lock(path):
    words = [sys.executable, "-c", HOLDING.format(path=str(path))]
    with subprocess.Popen(words, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(
            UserError, match=r"trajectory\.h5: is locked by another program"
        ) as raised:
            storage.open_reader(path)
        other.communicate("")
    assert "amaged" not in str(raised.value)
    assert "wait until that program is done" in str(raised.value)
    with storage.open_reader(path) as file:
        assert file.read("W").tolist() == VALUES.tolist()


def test_what_is_no_file_is_reported_at_once(path):
    for what in (path.parent, path.parent / "elsewhere"):
        with pytest.raises(UserError, match="is no regular file, but a"):
            storage.open_reader(what)
        with pytest.raises(UserError, match="is no regular file, but a"):
            hdf5.Hdf5Reader(what)
