"""The door to files of every format, and what may be relied on beyond it."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from deadtokens.errors import UserError
from deadtokens.files import storage
from deadtokens.files.access import Reader, Writer
from deadtokens.files.storage import Storage
from deadtokens.files.trajectory import TrajectoryReader

ROOT = Path(__file__).parents[2]


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


FORMATS = {
    "safetensors": storage.Storage(),
    "HDF5": storage.Storage("hdf5", chunk_rows=2),
    "packed": storage.Storage("hdf5", 2, "deflate"),
}


@pytest.mark.parametrize("how", FORMATS.values(), ids=FORMATS)
def test_files_of_every_format_are_written_and_read_by_one_protocol(tmp_path, how):
    fields = {"W": ("U16", (5, 3, 2)), "step": ("I64", ()), "ids": ("I64", (3,))}
    rows = np.arange(30, dtype=np.uint16).reshape(5, 3, 2)
    with storage.create(tmp_path / "t", fields, how) as writer:
        assert isinstance(writer, Writer)
        writer.write_rows("W", 0, rows[:4])
        writer.write_row("W", 4, rows[4])
        writer.write("step", np.int64(7))
        writer.write("ids", np.arange(3))
        writer.flush()
    with storage.open_reader(tmp_path / "t") as reader:
        assert isinstance(reader, Reader)
        np.testing.assert_array_equal(reader.read("W", 1, 4), rows[1:4])
        found = np.concatenate([chunk for _, chunk in reader.chunks("W", 24)])
        np.testing.assert_array_equal(found, rows)
        assert (reader.read("step"), reader.read("ids").tolist()) == (7, [0, 1, 2])
        with pytest.raises(UserError, match="no m in this file"):
            reader.expect({"m": ("F32", ("rows",))})


# What Snakemake offers no other way for, with the reason beside it.
SNAKEMAKES_OWN = {"standing.py": {"workflow._build_dag"}, "loaded.py": {"of_api._workflow"}}
PUBLIC = ("aten._", "os._exit")  # names of operators, and of a function that is documented


def test_nothing_uses_the_privates_of_another_object():
    for path in (ROOT / "workflow").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
                used = ast.unparse(node)
                own = ast.unparse(node.value) in ("self", "cls", "super()")
                known = used in SNAKEMAKES_OWN.get(path.name, ()) or any(p in used for p in PUBLIC)
                assert own or known, f"{path}:{node.lineno}: {used}"
