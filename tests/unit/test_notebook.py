"""A run in a notebook: quantities by step, tables, a picture, and what is said of mistakes."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import planted
import pytest
import tiny_run
import yaml
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models

import deadtokens
from deadtokens.errors import UserError
from deadtokens.files import storage, tables
from deadtokens.files.storage import Storage
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.freezing import freezing
from deadtokens.notebook import quantities, results, run, token_figure
from deadtokens.program import command
from deadtokens.training import metadata
from deadtokens.training.masks import load_masks

VOCABULARY = tiny_run.SETTINGS["vocab_size"]
T = tiny_run.SETTINGS["total_steps"]
SERIES = {
    "crucible": {},
    "crucible of all": tiny_run.CRUCIBLE_3,
    "thimble": tiny_run.THIMBLE | {"storage": "hdf5"},
    "wordybird": tiny_run.WORDYBIRD,
}


def tokenizer(texts: list[str]) -> Tokenizer:
    entries = {f"entry {number}": number for number in range(VOCABULARY)}
    entries = dict(zip(texts, entries.values(), strict=False)) | {
        name: number for name, number in entries.items() if number >= len(texts)
    }
    return Tokenizer(models.WordLevel(entries, unk_token="entry 210"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Of each series a results folder, as the workflow leaves it: results/RUN beside corpora."""
    made = {}
    for name, changes in SERIES.items():
        root = tmp_path_factory.mktemp("results")
        folder, corpus = root / "tiny", root / "corpora/none"
        for place in (folder, corpus):
            place.mkdir(parents=True)
        tiny_run.make_inputs(folder)
        settings = tiny_run.settings(**changes)
        outcome = tiny_run.train(folder, settings)
        masks = load_masks(folder / "masks.safetensors", VOCABULARY)
        with command.finished(folder / "metadata.json") as (path,):
            command.write_json(path, metadata.describe(settings, masks, outcome, "", {}))
        shutil.move(folder / "masks.safetensors", corpus)
        tokenizer(["ก", "ข", "the", "then"]).save(str(corpus / "tokenizer.json"))
        made[name] = folder
    return made


def truth(folder) -> dict[str, np.ndarray]:
    """Every field as another library or another reader gives it."""
    path = next(folder.glob("trajectory.*"))
    if path.suffix == ".safetensors":
        with TrajectoryReader(path) as file:
            return {name: file.read(name) for name in file.fields}
    import h5py

    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


def widened(bits: np.ndarray) -> np.ndarray:
    values = [planted.plain_value(int(b)) for b in bits.reshape(-1)]
    return np.array(values, np.float32).reshape(bits.shape)


@pytest.mark.parametrize(
    ("series", "names"),
    [
        ("crucible", {"W": "W", "m": "m", "v": "v", "g": "g", "loss": "loss"}),
        ("crucible of all", {"W": "W", "h_mean": "h_mean", "loss": "loss"}),
        ("thimble", {"W": "W", "g": "grad_W", "m": "momentum_W", "loss": "losses"}),
        ("wordybird", {"W": "embeddings", "g": "grads", "v": "variance", "logits": "logits"}),
    ],
)
def test_a_quantity_is_asked_for_by_its_step(trained, series, names):
    """Row 0 of a Crucible's g is step 1, of a Thimble's step 0, which there is not."""
    found = truth(trained[series])
    with deadtokens.open_run(trained[series]) as opened:
        assert len(opened) == opened.steps == T
        for quantity, name in names.items():
            rows = found[name]
            rows = widened(rows) if rows.dtype == np.uint16 else rows
            whole = getattr(opened, quantity)
            assert whole.dtype == np.float32
            assert whole.shape[0] == len(whole) == len(whole.steps) == T + (whole.steps.start == 0)
            row_of = {step: rows[step - (T + 1 - len(rows))] for step in whole.steps}
            for step in (whole.steps.start, 5, T):
                np.testing.assert_array_equal(whole[step], row_of[step])
            np.testing.assert_array_equal(whole[-1], row_of[T])
            np.testing.assert_array_equal(whole[3:7], [row_of[s] for s in (3, 4, 5, 6)])
            np.testing.assert_array_equal(whole[2:9:3], [row_of[s] for s in (2, 5, 8)])
            np.testing.assert_array_equal(whole[[7, 1, -1]], [row_of[s] for s in (7, 1, T)])
            np.testing.assert_array_equal(np.asarray(whole), [*row_of.values()])
            np.testing.assert_array_equal([*whole], [*row_of.values()])
            if rows.ndim == 3:
                np.testing.assert_array_equal(
                    whole[:, 4, :3], [row[4, :3] for row in row_of.values()]
                )


def test_bits_are_as_stored_and_an_empty_slice_is_empty(trained):
    with deadtokens.open_run(trained["crucible"]) as opened:
        np.testing.assert_array_equal(opened.W.bits[3], truth(trained["crucible"])["W"][3])
        assert opened.W.bits.bits.dtype == np.uint16
        assert opened.W[5:5].shape == (0, *opened.W.shape[1:])
        assert opened.g[:1].shape == (0, *opened.g.shape[1:])
        np.testing.assert_array_equal(opened.g[:3], opened.g[1:3])
        np.testing.assert_array_equal(opened.g[0:9:4], opened.g[[4, 8]])
        assert "steps 1 to 12" in repr(opened.g)


def test_only_what_is_asked_for_is_read(trained, monkeypatch):
    asked = []
    read = TrajectoryReader.read
    monkeypatch.setattr(
        TrajectoryReader,
        "read",
        lambda self, name, start=0, stop=None: (
            asked.append((name, start, stop)) or read(self, name, start, stop)
        ),
    )
    monkeypatch.setattr(quantities, "CHUNK_BYTES", 1)
    with deadtokens.open_run(trained["crucible"]) as opened:
        asked.clear()
        assert opened.W[7].any()
        assert opened.g[2:4].any()
        assert opened.v[::6, 3].any()
        assert repr(opened)
    rows = [("W", 7, 8), ("g", 1, 2), ("g", 2, 3), ("v", 0, 1), ("v", 6, 7), ("v", 12, 13)]
    assert asked == rows


def test_steps_that_there_are_not(trained):
    with deadtokens.open_run(trained["crucible"]) as opened:
        for step in (T + 1, -T - 2):
            with pytest.raises(IndexError, match=r"there is no step .* its steps are 0 to 12"):
                opened.W[step]
        with pytest.raises(IndexError, match="its steps are 1 to 12"):
            opened.g[0]
        with pytest.raises(TypeError, match="expected a step, a slice"):
            opened.W["last"]
        with pytest.raises(ValueError, match="goes forward"):
            opened.W[::-1]


@pytest.mark.parametrize("series", SERIES)
def test_tokens_agree_with_the_analyses(trained, series, tmp_path):
    folder = trained[series]
    corpus = folder.parent / "corpora/none"
    dead = load_file(corpus / "masks.safetensors")["dead_mask"]
    with deadtokens.open_run(folder, still_for=3, motion_threshold=200) as opened:
        found = opened.tokens
        everyone = opened.W.shape[1] == VOCABULARY
        ids = np.arange(VOCABULARY) if everyone else np.flatnonzero(dead)
        assert found["token_id"].tolist() == ids.tolist()
        assert found["dead"].tolist() == dead[ids].tolist()
        assert opened.dead.tolist() == np.flatnonzero(dead[ids]).tolist()
        assert everyone is (series != "crucible")
        if everyone:
            assert opened.live.tolist() == np.flatnonzero(~dead).tolist()
        texts = dict(zip(found["token_id"], found["token"], strict=True))
        expected = {0: "ก", 2: "the", 100: "entry 100"}
        assert {n: texts[n] for n in expected if n in texts} == {
            n: text for n, text in expected.items() if n in texts
        }
        bits = opened.W.bits[:]
    everyone_dead = np.ones(bits.shape[1], bool)
    planted.write_weights(tmp_path / "W.safetensors", bits)
    moved = tmp_path / "displacement.safetensors"
    planted.measure_dead(tmp_path / "W.safetensors", "crucible", everyone_dead, moved)
    with TrajectoryReader(moved) as file:
        last = freezing.last_motion(file.chunks("l2", 1000), 200)
    assert found["last_motion_step"].tolist() == last.tolist()
    assert len({*last}) > 1
    still = T - np.maximum(last, 0)
    assert found["steps_still"].tolist() == still.tolist()
    assert found["state"].tolist() == ["frozen" if s >= 3 else "censored" for s in still]
    assert found.attrs == {"motion_threshold": 200.0, "still_for": 3}


def test_last_motion_is_taken_from_what_has_measured_it(trained, tmp_path, monkeypatch):
    """From the trajectory, else from the displacement, else from all of W."""
    folder = tmp_path / "tiny"
    shutil.copytree(trained["crucible of all"], folder)
    shutil.copytree(trained["crucible of all"].parent / "corpora", tmp_path / "corpora")
    with deadtokens.open_run(folder) as opened:
        slow = opened.tokens["last_motion_step"].tolist()
        bits = opened.W.bits[:]
    everyone = np.ones(VOCABULARY, bool)
    planted.write_weights(tmp_path / "W.safetensors", bits)
    planted.measure_dead(
        tmp_path / "W.safetensors", "crucible", everyone, folder / "displacement_all.safetensors"
    )
    monkeypatch.setattr("deadtokens.notebook.tokens.last_motion", None)
    with deadtokens.open_run(folder) as opened:
        assert opened.tokens["last_motion_step"].tolist() == slow
    with deadtokens.open_run(trained["crucible"]) as opened:
        own = truth(trained["crucible"])["last_motion_step"]
        assert opened.tokens["last_motion_step"].tolist() == own.tolist()


def test_numbers_unless_stated_otherwise_are_those_of_the_configuration():
    rules = yaml.safe_load((planted.SCRIPTS.parent / "schemas/config.schema.yaml").read_text())
    parts = rules["$defs"]
    assert parts["causes"]["properties"]["still_for"]["default"] == run.STILL_FOR
    assert parts["run"]["properties"]["motion_threshold"]["default"] == run.MOTION_THRESHOLD
    scheme = parts["phase_scheme"]["properties"]
    assert tuple(scheme["phases"]["default"]) == token_figure.PHASES
    assert tuple(scheme["thresholds"]["default"]) == token_figure.THRESHOLDS


def test_a_published_file_is_opened_the_same_way(trained, tmp_path):
    """By itself, under its own name; Wordybird's says nothing of dead tokens."""
    names = {
        "crucible": "crucible_2_trajectory.safetensors",
        "thimble": "thimble_7.h5",
        "wordybird": "1.12c_wordybird_1.safetensors",
    }
    for series, name in names.items():
        path = tmp_path / name
        shutil.copyfile(next(trained[series].glob("trajectory.*")), path)
        corpus = trained[series].parent / "corpora/none"
        with (
            deadtokens.open_run(path) as alone,
            deadtokens.open_run(trained[series]) as in_folder,
        ):
            np.testing.assert_array_equal(alone.W[5], in_folder.W[5])
            np.testing.assert_array_equal(alone.g[5], in_folder.g[5])
            assert alone.naming == series
            with pytest.raises(UserError, match="without a results folder"):
                _ = alone.phases
            if series == "wordybird":
                with pytest.raises(UserError, match=r"masks="):
                    _ = alone.tokens
            else:
                same = alone.tokens.drop(columns=["token", "script"])
                pd.testing.assert_frame_equal(
                    same, in_folder.tokens.drop(columns=["token", "script"])
                )
                assert alone.tokens["token"].isna().all()
        masks = corpus / "masks.safetensors"
        given = {"masks": masks, "tokenizer": corpus / "tokenizer.json"}
        with deadtokens.open_run(path, **given) as named:
            assert set(named.tokens["token"]) <= {*"กข", "the", "then"} | {
                f"entry {n}" for n in range(VOCABULARY)
            }
        flags = load_file(masks)["dead_mask"]
        with deadtokens.open_run(path, masks=flags) as flagged:
            assert flagged.tokens["dead"].sum() == flags.sum()


def test_settings_are_of_the_folder_or_of_the_file(trained, tmp_path):
    with deadtokens.open_run(trained["crucible"]) as opened:
        assert opened.settings["learning_rate"] == tiny_run.SETTINGS["learning_rate"]
        assert opened.metadata["experiment"] == "Tiny"
    for series, key in (("thimble", "learning_rate"), ("wordybird", "adam_beta2")):
        path = tmp_path / f"{series}{next(trained[series].glob('trajectory.*')).suffix}"
        shutil.copyfile(next(trained[series].glob("trajectory.*")), path)
        with deadtokens.open_run(path) as alone:
            expected = {"learning_rate": 0.01, "adam_beta2": 0.999}[key]
            assert alone.settings[key] == pytest.approx(expected)


def test_files_of_the_folder_are_opened_by_their_names(trained, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(trained["crucible"], folder)
    one = pd.DataFrame({"token_id": [7], "token": ["7"], "script": ["none"], "steps_still": [3]})
    tables.write(folder / "freezing.csv", one)
    (folder / "phases.json").write_text('{"steps": 12}')
    save_file({"element": np.eye(3)}, folder / "lifecycle.safetensors")
    planted.measure_dead(
        folder / "trajectory.safetensors",
        "crucible",
        load_file(folder.parent / "tiny/trajectory.safetensors")["dead_mask"],
        folder / "displacement.safetensors",
    )
    with deadtokens.open_run(folder) as opened:
        pd.testing.assert_frame_equal(opened.freezing, one, check_dtype=False)
        assert opened.freezing["token"].tolist() == ["7"]  # text, be it ever so much a number
        assert opened.file("phases.json") == opened.phases == {"steps": 12}
        np.testing.assert_array_equal(opened.lifecycle["element"], np.eye(3))
        moved = load_file(folder / "displacement.safetensors")
        np.testing.assert_array_equal(opened.displacement.l2[T], moved["l2"][T - 1])
        np.testing.assert_array_equal(opened.displacement.token_ids, moved["token_ids"])
        assert {"W", "freezing", "plot", "tokens"} <= {*dir(opened)}
        assert "freezing.csv" in repr(opened)
        assert "lattice_steps" in repr(opened.displacement)
        for name in ("stillness", "phases_live", "metrics"):
            command = f"snakemake --cores 2 results/tiny/{name}.csv"
            with pytest.raises(results.NotMade, match=command):
                getattr(opened, name)
            assert not hasattr(opened, name)
        with pytest.raises(UserError, match=r"no phase\.csv\. Files there: .*freezing\.csv"):
            opened.file("phase.csv")
        with pytest.raises(AttributeError, match="no quantity and no file 'phase'"):
            _ = opened.phase
        with pytest.raises(AttributeError, match=r"no l3; it has .*linf"):
            _ = opened.displacement.l3


def test_names_that_messages_promise_are_made_by_rules():
    rules = "".join(p.read_text() for p in (planted.SCRIPTS.parent / "rules").glob("*.smk"))
    made = rules.replace("{population}", "")
    assert [name for name in results.KNOWN if f'"results/{{run}}/{name}"' not in made] == []


def test_a_damaged_table_is_refused(trained, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(trained["crucible"], folder)
    (folder / "metadata.json").write_text((folder / "metadata.json").read_text() + " ")
    with pytest.raises(UserError, match=r"metadata\.json: its content is not what"):
        deadtokens.open_run(folder)
    for name in ("freezing.json", "freezing.csv"):
        with command.finished(folder / name) as (path,):
            path.write_text("{}" if name.endswith("json") else "a\r\n1\r\n")
        (folder / name).write_text((folder / name).read_text().replace("1", "2") + "\r\n")
    (folder / "phases.csv").write_text("step,moving\r\n1,0.5")
    (folder / "metadata.json").unlink()
    with deadtokens.open_run(folder) as opened:
        for name in ("freezing.json", "freezing.csv"):
            with pytest.raises(UserError, match=rf"{name}: its content is not what"):
                opened.file(name)
        with pytest.raises(UserError, match="cut short"):
            _ = opened.phases


def test_what_a_run_does_not_record(trained):
    with deadtokens.open_run(trained["crucible of all"]) as opened:
        with pytest.raises(UserError, match=r"does not record m; .*\[W, h_mean\]\. Add m to runs"):
            _ = opened.m
        assert not hasattr(opened, "p_mean")
    with (
        deadtokens.open_run(trained["crucible"]) as opened,
        pytest.raises(UserError, match="rows: all"),
    ):
        _ = opened.live


def test_a_closed_run_says_so(trained):
    opened = deadtokens.open_run(trained["crucible"])
    W = opened.W
    opened.close()
    opened.close()
    assert "closed" in repr(opened)
    with pytest.raises(UserError, match="was closed"):
        W[0]


def test_a_token_by_its_text_or_its_id(trained):
    with deadtokens.open_run(trained["crucible of all"]) as opened:
        assert opened.row("ข") == opened.row(1) == opened.row(np.int64(1)) == 1
        with pytest.raises(UserError, match=r"'thex' is no token .* near it are .*'the', 'then'"):
            opened.row("thex")
        with pytest.raises(UserError, match="ids 0 to 210"):
            opened.row(VOCABULARY)
    with deadtokens.open_run(trained["crucible"]) as opened:
        live = next(n for n in range(VOCABULARY) if n not in {*opened.tokens["token_id"]})
        with pytest.raises(UserError, match=rf"token {live} is live.*rows: all"):
            opened.row(live)


def test_a_text_that_stands_twice():
    from deadtokens.notebook import tokens

    with pytest.raises(UserError, match=r"several tokens, 0, 2\. Give the id"):
        tokens.id_of_text("a", ["a", "b", "a"], np.arange(3))
    assert tokens.id_of_text("a", ["a", "b", "a"], np.array([1, 2])) == 2
    with pytest.raises(UserError, match="nothing is near it"):
        tokens.id_of_text("zz", ["a", "b"], np.arange(2))


def test_the_picture_shows_the_motion_of_the_token(trained):
    with deadtokens.open_run(trained["crucible"]) as opened:
        number = int(opened.tokens["token_id"][3])
        drawing = opened.plot(number)
        bits = opened.W.bits[:, 3]
    ulp = np.array([[planted.plain_ulp(int(b)) for b in row] for row in bits[:-1]])
    steps = (widened(bits[1:]) - widened(bits[:-1])) / ulp
    drawn = drawing.axes[0].lines[0].get_ydata()
    moved = np.sqrt((steps.astype(np.float64) ** 2).sum(axis=1))
    np.testing.assert_allclose(drawn[moved > 0], moved[moved > 0], rtol=1e-6)
    assert f"token {number} " in drawing.get_suptitle()
    assert {text.get_text() for text in drawing.axes[0].texts} == {*token_figure.PHASES}
    assert drawing._repr_png_().startswith(b"\x89PNG")


def test_a_run_of_one_dead_token_that_never_moves(tmp_path):
    W = np.repeat(planted.bits_of(np.float32([[[0.5, 0.25]]])), 4, axis=0)  # (T+1, 1, D)
    planted.write_series(tmp_path / "one.safetensors", "crucible", {"W": W, "loss": ramp(4)})
    with deadtokens.open_run(tmp_path / "one.safetensors", masks=np.arange(5) == 3) as opened:
        assert opened.tokens["last_motion_step"].tolist() == [-1]
        assert opened.tokens["token_id"].tolist() == [3]
        assert "never changes" in opened.plot(3).get_suptitle()


def test_a_run_without_weights_knows_no_motion(tmp_path):
    m = np.ones((4, 2, 3), np.float32)
    planted.write_series(tmp_path / "m.safetensors", "crucible", {"m": m, "loss": ramp(4)})
    with deadtokens.open_run(tmp_path / "m.safetensors", masks=np.array([1, 1])) as opened:
        assert opened.tokens["last_motion_step"].isna().all()
        assert opened.tokens["state"].tolist() == ["unknown"] * 2
        with pytest.raises(UserError, match="does not record W"):
            opened.plot(0)


def ramp(states: int) -> np.ndarray:
    return np.linspace(5, 4, states, dtype=np.float32)


def test_a_path_that_is_no_finished_run(trained, tmp_path):
    with pytest.raises(UserError, match=r"there is no such folder or file.*snakemake .*results/x/"):
        deadtokens.open_run(tmp_path / "x")
    with pytest.raises(UserError, match="holds some: tiny"):
        deadtokens.open_run(trained["crucible"].parent)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("")
    with pytest.raises(UserError, match=r"is no run: no trajectory in it, but notes\.txt"):
        deadtokens.open_run(tmp_path / "other")
    (tmp_path / "other/metadata.json").write_text("{}")
    with pytest.raises(UserError, match="keep_trajectory"):
        deadtokens.open_run(tmp_path / "other")
    partial = tmp_path / "other/.trajectory.0123456789ab.partial"
    partial.write_bytes(b"")
    for path in (tmp_path / "other", partial):
        with pytest.raises(UserError, match=r"still in the making.*make watch RUN=other"):
            deadtokens.open_run(path)


def test_a_file_that_is_no_trajectory(trained, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((trained["crucible"] / "trajectory.safetensors").read_bytes()[:-1])
    with pytest.raises(UserError, match="truncated"):
        deadtokens.open_run(cut)
    save_file({"weights": np.eye(3)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="no trajectory: it holds weights; expected"):
        deadtokens.open_run(tmp_path / "other.safetensors")
    folder = tmp_path / "tiny"
    shutil.copytree(trained["crucible"], folder)
    said = json.loads((folder / "metadata.json").read_text())
    said["provenance"]["settings"]["naming"] = "azimuth"
    shutil.rmtree(folder / ".provenance")
    (folder / "metadata.json").write_text(json.dumps(said))
    with pytest.raises(UserError, match=r"naming is 'azimuth', expected one of crucible.*version"):
        deadtokens.open_run(folder)
    # The published metadata says nothing of a provenance.
    del said["provenance"]
    (folder / "metadata.json").write_text(json.dumps(said))
    with deadtokens.open_run(folder) as opened:
        assert opened.settings["experiment"] == "Tiny"


def test_results_of_another_version_are_refused(trained, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(trained["crucible of all"], folder)
    shutil.copytree(trained["crucible of all"].parent / "corpora", tmp_path / "corpora")
    save_file({"l2": np.ones((T, VOCABULARY), np.float32)}, folder / "displacement_all.safetensors")
    (folder / "phases.json").write_text('{"phases": ["Cold", "Hot"]}')
    with deadtokens.open_run(folder) as opened:
        with pytest.raises(UserError, match=r"_all\.safetensors: no token_ids in this file"):
            _ = opened.tokens
        with pytest.raises(UserError, match=r"phases\.json: the file has no thresholds.*make it"):
            opened.plot(3)
        (folder / "phases.json").write_text('{"phases": ["Cold", "Hot"], "thresholds": [3]}')
        drawn = {text.get_text() for text in opened.plot(3).axes[1].texts}
        assert drawn == {"Cold", "Hot"}


def test_memory_is_that_of_what_is_asked_for(tmp_path):
    """A token of all steps out of 96 MB, and the last motions of all tokens."""
    W = np.zeros((1500, 1000, 32), np.uint16)
    planted.write_series(tmp_path / "W.safetensors", "crucible", {"W": W, "loss": ramp(1500)})
    code = f"""
import deadtokens, numpy
run = deadtokens.open_run({str(tmp_path / "W.safetensors")!r}, masks=numpy.ones(1000, bool))
"""
    before = planted.peak_bytes(code + "run.W[0]\nimport pandas")
    after = planted.peak_bytes(code + "run.W[:, 3]\nrun.tokens")
    assert after - before < 60_000_000


def test_compressed_files_are_read_alike(tmp_path):
    how = Storage("hdf5", chunk_rows=3, compression="deflate")
    W = planted.cooling_weights(7, 4, 8)
    for name, stored_as in (("packed.h5", how), ("plain.h5", Storage("hdf5"))):
        planted.write_series(tmp_path / name, "thimble", {"W": W, "loss": ramp(8)}, stored_as)
        with storage.open_reader(tmp_path / name), deadtokens.open_run(tmp_path / name) as opened:
            np.testing.assert_array_equal(opened.W.bits[2:6], W[2:6])


def test_the_import_is_light_and_nothing_needs_torch(trained):
    code = f"""
import sys, deadtokens
heavy = {{"numpy", "pandas", "torch", "h5py", "matplotlib"}} & {{*sys.modules}}
assert not heavy, heavy
assert "open_run" in dir(deadtokens) and not hasattr(deadtokens, "open_runs")
with deadtokens.open_run({str(trained["crucible"])!r}) as run:
    run.tokens, run.W[3], run.plot(int(run.tokens["token_id"][0]))
assert "torch" not in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
