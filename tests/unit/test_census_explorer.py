"""The page of a census: what it holds, read back by a plain reader; and bad input."""

import base64
import json
import re
import zlib

import numpy as np
import pandas as pd
import planted_census
import pytest
from planted_explorer import ODD

from deadtokens.errors import UserError
from deadtokens.files import tables
from deadtokens.pages.columns import Held

SIZES = {"uint8": "B", "uint16": "<u2", "uint32": "<u4", "float32": "<f4"}


def read_column(elements, described, rows):
    """Values of a column, None where missing, by what docs/formats.md says of it."""
    raw = zlib.decompress(base64.b64decode(elements[described["held"]]))
    kind = described["type"]
    if kind == "text":
        return json.loads(raw)
    form = np.dtype(SIZES[described.get("code", kind)])
    numbers = [
        np.frombuffer(bytes(raw[at + rows * byte] for byte in range(form.itemsize)), form)[0]
        for at in range(rows)
    ]
    if kind == "labels":
        return [described["labels"][code] for code in numbers]
    if kind == "float32":
        return [None if np.isnan(value) else float(value) for value in numbers]
    return [None if value == np.iinfo(form).max else int(value) for value in numbers]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("census")
    matrices = planted_census.matrix(), planted_census.matrix("output", reverse=True)
    planted_census.write(path, *matrices)
    planted_census.page(path)
    return path


def content(path):
    text = path.read_text("utf-8")
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return text, json.loads(data), dict(re.findall(r'id="(column-\d+)">([^<]*)<', text))


def test_every_column_of_every_reading_is_that_of_the_tables(folder):
    _, data, elements = content(folder / "explorer.html")
    places = [(one["matrix"], one["reading"]) for one in data["readings"]]
    assert places == [(m, r) for m in ("input", "output") for r in ("float32", "bfloat16")]
    text = ("matrix", "reading", "token", "script", "kind", "reachable")
    for name in planted_census.TABLES:
        table = tables.read(folder / f"{name}.csv", text=text)
        for one in data["readings"]:
            rows = table[
                (table["matrix"] == one["matrix"]) & (table["reading"] == one["reading"])
            ].reset_index(drop=True)
            held = one[name]
            assert held["rows"] == len(rows)
            for key, described in held["columns"].items():
                found = read_column(elements, described, len(rows))
                if key == "structure":
                    core, inside = rows["core"] == 1, rows["within_cut"]
                    expected = [
                        "core" if c else "outskirts" if i == 1 else "outside" if i == 0 else ""
                        for c, i in zip(core, inside, strict=True)
                    ]
                    assert found == expected
                elif key in text:
                    assert found == rows[key].tolist()
                else:
                    exact = rows[key]
                    assert [value is None for value in found] == exact.isna().tolist()
                    off = np.abs(np.array(found, float) - exact.to_numpy(float))
                    whole = described["type"].startswith("uint")
                    assert np.nanmax(off - (0 if whole else 2.0**-24) * np.abs(exact)) <= 1e-45
    assert "dead" not in data["readings"][0]["tokens"]["columns"]  # nobody knows
    # What both readings of a matrix have in common is held once.
    first, second = (one["tokens"]["columns"] for one in data["readings"][:2])
    for key in ("token", "script", "cosine_distance"):
        assert first[key] == second[key]


def test_text_ends_no_script_and_the_bytes_are_the_same_again(folder):
    text, _, _ = content(folder / "explorer.html")
    assert text.count("</script>") == text.count("<script")
    assert "<i>one</i>" not in text
    assert "src=x" not in text
    again = planted_census.page(folder, page=folder / "again.html")
    assert (again.with_name("again.html")).read_text("utf-8") == text


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        *(([0, 254], "uint8"), ([255], "uint16"), ([65534, None], "uint16"), ([65535], "uint32")),
        *(([None, None], "uint8"), ([], "uint8")),
    ],
)
def test_whole_numbers_are_held_in_the_narrowest_type(values, kind):
    held = Held()
    described = held.whole("n", pd.Series(values, dtype="Int64").astype("float64"))
    assert described["type"] == kind
    assert read_column(held.elements, described, len(values)) == values


def test_numbers_that_cannot_be_held_are_refused_and_odd_text_is_kept():
    held = Held()
    for values in ([-1], [0.5], [2.0**32]):
        with pytest.raises(UserError, match=r"^n "):
            held.whole("n", pd.Series(values))
    assert read_column(held.elements, held.text(ODD), len(ODD)) == [*ODD]
    many = [f"label {n}" for n in range(300)]
    assert read_column(held.elements, held.labels(many), 300) == many


def test_bad_input_is_one_message(folder, tmp_path):
    table = tables.read_any(folder / "tokens.csv")
    tables.write(tmp_path / "old.csv", table.drop(columns="exponent_distance"))
    message = planted_census.failure(folder, tokens=tmp_path / "old.csv", page=tmp_path / "p.html")
    assert "old.csv: has no column exponent_distance, but matrix, reading" in message
    tables.write(tmp_path / "fewer.csv", table.iloc[1:])
    message = planted_census.failure(folder, tokens=tmp_path / "fewer.csv")
    assert "119 rows of input, float32, and the summary counts 120" in message
    assert "give the files of one census" in message
    (tmp_path / "census.json").write_text('{"census": "a"}', encoding="utf-8")
    message = planted_census.failure(folder, summary=tmp_path / "census.json")
    assert "census.json: the file has no tied" in message
    assert "no such file" in planted_census.failure(folder, vectors=tmp_path / "none.csv")
    assert not (tmp_path / "p.html").exists()
