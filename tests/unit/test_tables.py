"""Tables come back as they were written."""

import numpy as np
import pandas as pd
import pytest

from deadtokens.errors import UserError
from deadtokens.files import tables


def test_numbers_come_back_to_the_last_bit(tmp_path):
    random = np.random.default_rng(1)
    written = {
        "step": np.arange(1, 6),
        "value": random.normal(0, 1e-30, 5),
        "narrow": random.normal(0, 1, 5).astype(np.float32),
        "odd": [0.1, float("nan"), float("inf"), -0.0, 5e-324],
        "large": [2**63 - 1, -(2**63), 0, 1, 2],
    }
    tables.write(tmp_path / "t.csv", pd.DataFrame(written))
    found = tables.read(tmp_path / "t.csv")
    assert [*found] == [*written]
    for name, values in written.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert np.signbit(found["odd"][3])


def test_many_numbers_of_every_size_come_back(tmp_path):
    bits = np.random.default_rng(2).integers(-(2**63), 2**63, 20_000)
    values = bits.view(np.float64)[np.isfinite(bits.view(np.float64))]
    tables.write(tmp_path / "t.csv", pd.DataFrame({"value": values}))
    found = tables.read(tmp_path / "t.csv")["value"].to_numpy()
    assert (found.view(np.int64) == values.view(np.int64)).all()


def test_text_stands_beside_numbers(tmp_path):
    tokens = [' "a, b"', "ก\n", "", "NA", "null", "\0", "\r", "1"]
    columns = {"token": tokens, "id": [3, 1, 2, 4, 5, 6, 7, 8]}
    tables.write(tmp_path / "t.csv", pd.DataFrame(columns))
    found = tables.read(tmp_path / "t.csv", ["id"], text=("token", "of_another_table"))
    assert found["token"].tolist() == tokens
    assert (found["id"].tolist(), found["id"].dtype) == (columns["id"], int)


def test_no_rows_are_empty_columns(tmp_path):
    nothing = np.array([], int)
    tables.write(tmp_path / "t.csv", pd.DataFrame({"start": nothing, "length": nothing}))
    found = tables.read(tmp_path / "t.csv")
    assert {name: (column.dtype.kind in "if", column.shape) for name, column in found.items()} == {
        "start": (True, (0,)),
        "length": (True, (0,)),
    }


def test_missing_values_are_empty(tmp_path):
    path = tmp_path / "t.csv"
    tables.write(path, pd.DataFrame({"arm": ["x", "y"], "mean": [0.5, None], "no": [None, None]}))
    assert path.read_bytes() == b"arm,mean,no\r\nx,0.5,\r\ny,,\r\n"
    found = tables.read(path, text=["arm"])
    np.testing.assert_array_equal(found["mean"], [0.5, np.nan])
    np.testing.assert_array_equal(found["no"], [np.nan, np.nan])


def test_mixed_values_are_written_each_as_it_is(tmp_path):
    path = tmp_path / "t.csv"
    tables.write(path, pd.DataFrame({"value": [3, 0.1, True, None, "a"]}, dtype=object))
    assert path.read_bytes() == b'value\r\n3\r\n0.1\r\nTrue\r\n""\r\na\r\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty, not even the names of columns are there"),
        ("a,b\r\n1,2\r\n3,4", "its last line has no end, so it was cut short"),
        ("a,b\r\n1,2\r\n3\r\n", "row 2 has 1 values for 2 columns"),
        ("a,b\r\n1,2,3\r\n", "row 1 has 3 values for 2 columns"),
        ("a,b\r\n1,2\r\n\r\n", "row 2 has 0 values for 2 columns"),
        ("a,a\r\n1,2\r\n", "expected a name of its own for each column, found ['a', 'a']"),
        ("a,b\r\n1,2\r\n3,x\r\n", "b is 'x' in row 2, expected a number"),
        ("a,b\r\n1,True\r\n", "b is 'True' in row 1, expected a number"),
        ("a,b\r\n1,0x10\r\n", "b is '0x10' in row 1, expected a number"),
        ('a,b\r\n1,"2\r\n', "no CSV: unexpected end of data"),
        ("a,c\r\n1,2\r\n", "has no column b, but a, c"),
    ],
)
def test_damage_is_one_message(tmp_path, content, message):
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode())
    with pytest.raises(UserError) as raised:
        tables.read(path, ["b"] if "c" in content else [])
    assert str(raised.value).startswith(f"{path}: {message}. It was damaged")


def test_whole_numbers_beyond_64_bits_are_floats(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n{10**30},{2**64 - 1}\n1,2\n")
    found = tables.read(path)
    assert found["a"].tolist() == [1e30, 1.0]
    assert found["b"].tolist() == [2.0**64, 2.0]
