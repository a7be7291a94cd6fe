import os

import h5py
import numpy as np
import pytest
from planted import cooling_weights

from deadtokens.errors import UserError
from deadtokens.files import hdf5, storage
from deadtokens.files.storage import Storage

PACKED = Storage("hdf5", chunk_rows=3, compression="deflate")
FIELDS = {"W": ("U16", (12, 40, 64))}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trajectory.h5"


def test_compression_pays_where_a_trajectory_cools(path):
    weights = cooling_weights(200, 60, 64)
    fields = {"W": ("U16", weights.shape)}
    with storage.create(path, fields, Storage("hdf5", 64, "deflate")) as file:
        file.write("W", weights)
    assert path.stat().st_size < weights.nbytes / 4
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["W"][()], weights)
        assert file["W"].chunks == (64, 16, 64)
        assert file["W"].shuffle
        assert file["W"].compression == "gzip"


ROWS = np.random.default_rng(0).integers(0, 999, (12, 40, 64), np.uint16)


def interrupted(path, rows):
    """What a writer leaves that is killed after so many rows, in chunks of 3."""
    file = storage.create(path, FIELDS, PACKED)
    file.write_rows("W", 0, ROWS[:rows])
    file.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:20],
        lambda content: b"",
        lambda content: bytes(40) + content[40:],
        lambda content: content[:32] + bytes(8) + content[40:],
        lambda content: content[:16] + b"\xff" * 8 + content[24:],
        lambda content: content[:60] + b"\xff" + content[61:],
        lambda content: content[:300] + bytes([content[300] ^ 1]) + content[301:],
        lambda content: content[:-300] + bytes([content[-300] ^ 1]) + content[-299:],
    ],
)
def test_a_damaged_pack_is_refused(path, damage):
    interrupted(path, rows=10)
    path.write_bytes(damage(path.read_bytes()))

    def finish():
        with storage.create(path, FIELDS, PACKED, resume=True) as file:
            file.write_rows("W", 9, np.zeros((3, 40, 64), np.uint16))

    with pytest.raises(
        UserError, match=r"trajectory\.h5: cannot resume with these rows: .* Delete"
    ):
        finish()
    assert not hdf5.is_hdf5(path)


def test_reader_refuses_a_damaged_chunk(path):
    with storage.create(path, FIELDS, PACKED) as file:
        file.write("W", ROWS)
    with h5py.File(path) as file:
        info = file["W"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[info.byte_offset + info.size // 2] ^= 0xFF
    path.write_bytes(content)
    with storage.open_reader(path) as file:
        file.read("W", 9)
        with pytest.raises(UserError, match=r"trajectory\.h5: W is damaged"):
            file.read("W")


@pytest.mark.parametrize("room", [0.6, 0.999], ids=["while it packs", "while it makes the file"])
def test_a_disk_that_fills_up_costs_no_row(path, largest_file, room, capsys):
    fields = {"W": ("U16", (12, 5000, 10))}
    rows = np.random.default_rng(0).integers(0, 65536, (12, 5000, 10)).astype(np.uint16)
    with storage.create(path, fields, PACKED) as file:
        file.write("W", rows)
    whole = path.read_bytes()

    def fill_the_disk():
        with storage.create(path, fields, PACKED) as file:
            largest_file(int(room * len(whole)))
            file.write("W", rows)
            file.flush()
            print("all rows are written")

    with pytest.raises(UserError, match=r"needs [\d,]+ bytes and [\d,]+ are free"):
        fill_the_disk()
    assert bool(capsys.readouterr().out) == (room > 0.9)
    largest_file(10**9)
    with storage.create(path, fields, PACKED, resume=True) as file:
        file.write_rows("W", 2, rows[2:])
    assert path.read_bytes() == whole
    assert os.listdir(path.parent) == [path.name]
