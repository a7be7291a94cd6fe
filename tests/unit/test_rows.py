"""The rows of chosen tokens, from every series and storage, against the whole arrays."""

import numpy as np
import pytest
import safetensors.numpy
from planted import (
    bits_of,
    cooling_weights,
    measure,
    peak_bytes,
    run_script,
    write_masks,
    write_weights,
)

from deadtokens import displacement, lattice
from deadtokens.errors import UserError
from deadtokens.files import storage
from deadtokens.files.trajectory import write_file
from deadtokens.recorded.rows import POPULATIONS, TokenRows, read_dead_mask

STEPS, ELEMENTS = 19, 6
DEAD = np.array([0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1], bool)
CHOSEN = {"dead": DEAD, "live": ~DEAD, "all": DEAD | True}
WEIGHTS = cooling_weights(STEPS, len(DEAD), ELEMENTS)
MOMENTS = bits_of(np.random.default_rng(5).normal(0, 1e-4, WEIGHTS.shape))
HDF5 = storage.Storage("hdf5", chunk_rows=7)
FORMATS = {
    "Crucible 3": ("crucible", storage.Storage(), {"W": "U16", "m": "F32"}),
    "Thimble 7": ("thimble", HDF5, {"W": "U16", "momentum_W": "U16"}),
    "Thimble 7, one chunk": ("thimble", storage.Storage("hdf5"), {"W": "U16", "momentum_W": "U16"}),
    "Thimble 7, packed": (
        "thimble",
        storage.Storage("hdf5", 7, "deflate"),
        {"W": "U16", "momentum_W": "U16"},
    ),
    "Wordybird": ("wordybird", storage.Storage(), {"embeddings": "BF16", "momentum": "BF16"}),
}


def written(path, kind, tokens=DEAD | True):
    """A trajectory of these tokens in the file of a series."""
    naming, how, (dtypes) = FORMATS[kind]
    weights, moments = WEIGHTS[:, tokens], MOMENTS[:, tokens]
    (w, w_type), (m, m_type) = dtypes.items()
    fields = {w: (w_type, weights.shape), m: (m_type, weights.shape)}
    with storage.create(path, fields, how) as file:
        file.write_rows(w, 0, weights)
        file.write_rows(m, 0, lattice.to_float32(moments) if m_type == "F32" else moments)
    return naming


def joined(chunks, overlap=0):
    """Whole arrays from chunks, each of which must follow the one before."""
    result = None
    for start, rows in chunks:
        assert result is None or start == len(result) - overlap
        result = rows if result is None else np.concatenate([result, rows[overlap:]])
    return result


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("kind", FORMATS)
def test_rows_are_those_of_the_whole_array(tmp_path, kind, population):
    naming = written(tmp_path / "t", kind)
    expected = WEIGHTS[:, CHOSEN[population]]
    with storage.open_reader(tmp_path / "t") as file:
        rows = TokenRows(file, naming, DEAD, population)
        assert rows.token_ids.tolist() == np.flatnonzero(CHOSEN[population]).tolist()
        assert rows.field("W")[1] == expected.shape
        assert "m" in rows
        assert "g" not in rows
        for size in (1, 400, 1000, 10**6):
            np.testing.assert_array_equal(joined(rows.chunks("W", size, 1), 1), expected)
            values = joined(rows.values("m", size))
            assert values.dtype == np.float32
            np.testing.assert_array_equal(
                values, lattice.to_float32(MOMENTS[:, CHOSEN[population]].copy())
            )
        np.testing.assert_array_equal(rows.read("W", 3, 5), expected[3:5])


@pytest.mark.parametrize("kind", FORMATS)
def test_every_series_gives_the_same_displacement(tmp_path, kind):
    naming = written(tmp_path / "t", kind)
    with storage.open_reader(tmp_path / "t") as file:
        displacement.measure(TokenRows(file, naming, DEAD, "dead"), tmp_path / "d")
    found = safetensors.numpy.load_file(tmp_path / "d")
    measure(write_weights(tmp_path / "plain", WEIGHTS[:, DEAD]), tmp_path / "expected")
    expected = safetensors.numpy.load_file(tmp_path / "expected")
    assert found.pop("token_ids").tolist() == [1, 4, 5, 7, 10]
    del expected["token_ids"]
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_file_of_dead_rows_has_dead_rows_alone(tmp_path):
    naming = written(tmp_path / "t", "Crucible 3", DEAD)
    with storage.open_reader(tmp_path / "t") as file:
        rows = TokenRows(file, naming, DEAD, "dead")
        assert rows.token_ids.tolist() == [1, 4, 5, 7, 10]
        np.testing.assert_array_equal(rows.read("W", 0, STEPS + 1), WEIGHTS[:, DEAD])
        for population in ("live", "all"):
            with pytest.raises(
                UserError, match=f"rows of {population} tokens are wanted, but those of"
            ):
                TokenRows(file, naming, DEAD, population)


@pytest.mark.parametrize(
    "mask",
    [DEAD[:-1], np.append(DEAD, True), np.r_[DEAD, np.ones(5, bool)]],
    ids=["one token fewer", "one token more", "many more"],
)
@pytest.mark.parametrize("tokens", [DEAD, DEAD | True], ids=["dead rows", "all rows"])
def test_masks_of_another_vocabulary_are_refused(tmp_path, tokens, mask):
    naming = written(tmp_path / "t", "Crucible 3", tokens)
    with (
        storage.open_reader(tmp_path / "t") as file,
        pytest.raises(UserError, match=r"t: W \(20, .*do not belong together"),
    ):
        TokenRows(file, naming, mask, "dead")


def test_masks_of_another_corpus_are_refused(tmp_path):
    """As many dead tokens, but others: the file's own mask says so."""
    write_file(tmp_path / "t", {"W": WEIGHTS, "dead_mask": DEAD})
    with storage.open_reader(tmp_path / "t") as file:
        TokenRows(file, "crucible", DEAD, "dead")
        with pytest.raises(UserError, match="do not belong together"):
            TokenRows(file, "crucible", DEAD[::-1], "dead")


def test_wrong_words_are_refused(tmp_path):
    written(tmp_path / "t", "Wordybird")
    with storage.open_reader(tmp_path / "t") as file:
        with pytest.raises(UserError, match="'undead', expected one of dead, live, all"):
            TokenRows(file, "wordybird", DEAD, "undead")
        with pytest.raises(UserError, match="'hobbit', expected one of crucible, thimble"):
            TokenRows(file, "hobbit", DEAD, "dead")
        with pytest.raises(UserError, match=r"no rows of tokens.*it holds embeddings, momentum"):
            TokenRows(file, "crucible", DEAD, "dead")
        with pytest.raises(UserError, match="there is no live token"):
            TokenRows(file, "wordybird", DEAD | True, "live")
        with pytest.raises(UserError, match="no grads in this file"):
            TokenRows(file, "wordybird", DEAD, "dead").field("g")


def test_masks_are_read_by_either_name_and_checked(tmp_path):
    path = write_masks(tmp_path / "masks", DEAD)
    assert read_dead_mask(path).tolist() == DEAD.tolist()
    write_file(path, {"untrained_mask": DEAD, "trained_mask": ~DEAD})
    assert read_dead_mask(path).tolist() == DEAD.tolist()
    write_file(path, {"live_mask": DEAD})
    with pytest.raises(UserError, match="no dead_mask in this file"):
        read_dead_mask(path)
    for wrong in (DEAD & False, DEAD.astype(np.int64), DEAD[None]):
        write_file(path, {"dead_mask": wrong})
        with pytest.raises(UserError, match="expected one flag for each entry"):
            read_dead_mask(path)


def test_script_measures_all_tokens_of_a_thimble(tmp_path):
    written(tmp_path / "t.h5", "Thimble 7")
    masks = write_masks(tmp_path / "masks.safetensors", DEAD)
    for population in POPULATIONS:
        settings = {"naming": "thimble", "population": population}
        files = "--trajectory", tmp_path / "t.h5", "--masks", masks, "--displacement"
        done = run_script(
            "measure_displacement", "--settings", settings, *files, tmp_path / population
        )
        assert done.returncode == 0, done.stderr
    found = {
        population: safetensors.numpy.load_file(tmp_path / population) for population in POPULATIONS
    }
    for population in ("dead", "live"):
        np.testing.assert_array_equal(
            found[population]["l2"], found["all"]["l2"][:, CHOSEN[population]]
        )


def test_script_reports_another_runs_masks_and_leaves_nothing(tmp_path):
    written(tmp_path / "t.safetensors", "Wordybird")
    masks = write_masks(tmp_path / "masks.safetensors", 400)
    settings = {"naming": "wordybird", "population": "dead"}
    files = "--trajectory", tmp_path / "t.safetensors", "--masks", masks
    output = "--displacement", tmp_path / "made" / "d.safetensors"
    done = run_script("measure_displacement", "--settings", settings, *files, *output)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "do not belong together" in done.stderr
    assert not (tmp_path / "made").exists() or not list((tmp_path / "made").iterdir())


MEASURE = """
import numpy as np
from deadtokens import displacement
from deadtokens.files import storage
from deadtokens.recorded.rows import TokenRows
displacement.CHUNK_BYTES = 1_000_000
steps, path = {steps}, {path!r}
how = storage.Storage(**{how!r})
dead = np.arange(500) % 3 == 0
with storage.create(path, {{"W": ("U16", (steps + 1, 500, 64))}}, how) as file:
    for t in range(steps + 1):
        file.write_row("W", t, np.full((500, 64), t, np.uint16))
with storage.open_reader(path) as file:
    displacement.measure(TokenRows(file, "thimble", dead, "dead"), path + ".d")
"""


@pytest.mark.parametrize(
    ("how", "few"),
    [
        ({"format": "safetensors"}, 100),
        ({"format": "hdf5"}, 100),  # one chunk of 6.4 MB, then one of 64 MB: slabs within it
        ({"format": "hdf5", "compression": "deflate", "chunk_rows": 32}, 100),
    ],
    ids=["safetensors", "hdf5", "packed"],
)
def test_memory_does_not_grow_with_the_number_of_steps(tmp_path, how, few):
    """64 kB of weights a step, of which a third is of dead tokens: 6.4 MB, then 64 MB."""
    short, long = (
        peak_bytes(MEASURE.format(steps=steps, path=str(tmp_path / f"{steps}"), how=how))
        for steps in (few, 10 * few)
    )
    assert long - short < 5_000_000
