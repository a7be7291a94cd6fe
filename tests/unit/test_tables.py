"""Tables come back as they were written."""

import numpy as np
import pytest

from deadtokens.files import tables


def test_numbers_come_back_to_the_last_bit(tmp_path):
    random = np.random.default_rng(1)
    written = {
        "step": np.arange(1, 6),
        "value": random.normal(0, 1e-30, 5),
        "narrow": random.normal(0, 1, 5).astype(np.float32),
        "odd": [0.1, float("nan"), float("inf"), -0.0, 5e-324],
    }
    tables.write(tmp_path / "t.csv", written)
    found = tables.read(tmp_path / "t.csv")
    assert [*found] == [*written]
    for name, values in written.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert np.signbit(found["odd"][3])


def test_text_stands_beside_numbers(tmp_path):
    tokens = [' "a, b"', "ก\n", ""]
    tables.write(tmp_path / "t.csv", {"token": tokens, "id": [3, 1, 2]})
    found = tables.read(tmp_path / "t.csv", int, text=("token", "of_another_table"))
    assert found["token"].tolist() == tokens
    assert (found["id"].tolist(), found["id"].dtype) == ([3, 1, 2], int)


def test_no_rows_are_empty_columns(tmp_path):
    tables.write(tmp_path / "t.csv", {"start": np.array([], int), "length": np.array([], int)})
    found = tables.read(tmp_path / "t.csv", int)
    assert {name: (column.dtype, column.shape) for name, column in found.items()} == {
        "start": (int, (0,)),
        "length": (int, (0,)),
    }


def test_columns_of_unequal_length_are_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        tables.write(tmp_path / "t.csv", {"a": [1, 2], "b": [1]})


def test_rows_of_one_kind(tmp_path):
    tables.write_rows(tmp_path / "t.csv", [{"arm": "x", "mean": 0.5}, {"mean": None, "arm": "y"}])
    assert tables.read_rows(tmp_path / "t.csv", text=["arm"]) == [
        {"arm": "x", "mean": "0.5"},
        {"arm": "y", "mean": ""},
    ]
