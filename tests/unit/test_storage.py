import numpy as np
import pytest

from deadtokens.errors import UserError
from deadtokens.files import storage
from deadtokens.files.storage import Storage
from deadtokens.files.trajectory import TrajectoryReader


def test_safetensors_go_through_the_same_door(tmp_path):
    path = tmp_path / "trajectory.safetensors"
    with storage.create(path, {"loss": ("F32", (2,))}) as file:
        file.write_row("loss", 1, np.float32(5))
    with storage.open_reader(path) as file:
        assert type(file) is TrajectoryReader
        assert file.read("loss").tolist() == [0, 5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fromat": "hdf5"}, "unknown key fromat; expected format"),
        ({"format": "zarr"}, "format: 'zarr', expected one of safetensors, hdf5"),
        ({"format": "hdf5", "compression": "xz"}, "compression: 'xz', expected one of none"),
        ({"compression": "deflate"}, "needs format: hdf5, not safetensors"),
        ({"format": "hdf5", "chunk_rows": 0}, "chunk_rows: 0, expected 1 or more"),
        ({"format": "hdf5", "chunk_rows": "1600"}, "chunk_rows: '1600', expected"),
        ({"format": ["hdf5"]}, "format"),
    ],
)
def test_storage_that_cannot_be(values, message):
    with pytest.raises(UserError, match=message):
        Storage.from_json(values)
