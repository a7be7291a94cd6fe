"""The page to look at tokens with: what it holds, held to plain definitions; and bad input."""

import base64
import json
import re
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import bits_of, plain_ulp, plain_value, write_series
from planted_explorer import PARTS, PHASES, THRESHOLDS, Planted

from deadtokens.errors import UserError
from deadtokens.explorer import page, tracks
from deadtokens.explorer.levels import INFINITE, NONE, NOTHING, Levels
from deadtokens.files import storage
from deadtokens.files.trajectory import write_file
from deadtokens.pages.parts import named_parts
from deadtokens.phases.phases import Scheme, phase_index
from deadtokens.recorded.rows import TokenRows

ANY_FLOAT = st.one_of(st.floats(min_value=0, width=32), st.sampled_from([np.nan, 1.0, 10.0]))
BOUNDS = st.lists(
    st.floats(min_value=2.0**-20, max_value=2.0**20, width=32), min_size=1, max_size=4, unique=True
).map(sorted)


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(ANY_FLOAT, min_size=1, max_size=30),
    beside=st.lists(st.floats(0.25, 4), max_size=10),
    bounds=BOUNDS,
)
def test_what_a_bound_decides_is_exact_and_the_error_is_as_stated(values, beside, bounds):
    values = np.array([*values, *(b * factor for b in bounds for factor in beside)], np.float32)
    levels = Levels.over([values[:20], values[20:]], True, bounds)
    level = levels.of(values)
    shown = levels.values(level)
    # Which bounds a value has reached, by its level alone, as the page does it.
    for bound, start in zip(bounds, levels.starts, strict=True):
        reached = (level >= start) & (level != NONE)
        assert np.array_equal(reached, values >= np.float32(bound))
    assert np.array_equal(level == NONE, np.isnan(values))
    assert np.array_equal(level == NOTHING, values == 0)
    assert np.array_equal(level == INFINITE, np.isposinf(values))
    finite = np.isfinite(values) & (values > 0)
    off = np.abs(np.log2(shown[finite]) - np.log2(values[finite].astype(np.float64)))
    crowded = len(bounds)  # bounds that share a level push one another aside
    assert (off <= (0.5 + crowded) * levels.spacing + 1e-9).all()
    far = np.ones(finite.sum(), bool)
    for bound in bounds:
        distance = np.abs(np.log2(values[finite].astype(np.float64)) - np.log2(bound))
        far &= distance > (1 + crowded) * levels.spacing
    assert (off[far] <= levels.spacing / 2 + 1e-9).all()


def test_linear_levels_hold_their_sign_and_whole_numbers():
    values = np.array([-np.inf, -3, -0.001, 0, 0.001, 50, np.nan])
    levels = Levels.over([values], False, (0.0,))
    shown = levels.values(levels.of(values))
    assert [bool(level >= levels.starts[0]) for level in levels.of(values[1:6])] == [
        *(False, False, True, True, True)
    ]
    assert np.isneginf(shown[0])
    assert np.isnan(shown[6])
    whole = np.arange(-33.0, -10)
    levels = Levels.over([whole], False, whole=True)
    assert np.array_equal(levels.values(np.arange(1, 24)), whole)
    assert levels.error == 0
    for nothing in ([], [np.nan, np.nan], [0.0, 0.0]):
        assert Levels.over([np.array(nothing)], True).spacing == 1


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return Planted(tmp_path_factory.mktemp("planted"))


def shown(track):
    return track.levels.values(track.level)  # (n, S)


@pytest.mark.parametrize("every", [1, 3, 7])
def test_tracks_are_those_of_plain_definitions(planted, every):
    n, steps = len(planted.texts), planted.steps
    most = -(-(steps + 1) * n // every)
    with (
        storage.open_reader(planted.path("trajectory.safetensors")) as file,
        storage.open_reader(planted.path("displacement.safetensors")) as moved,
        storage.open_reader(planted.path("distance.safetensors")) as away,
    ):
        rows = TokenRows(file, "crucible", planted.dead_mask(), "dead")
        assert tracks.check(moved, rows) == steps
        found = tracks.motion(moved, tuple(THRESHOLDS), most)
        found += tracks.recorded(rows, steps, most)
        found += tracks.distances(away, n, steps, most)
        distance = away.read("distance")
    by_name = {track.name: track for track in found}
    assert {track.every for track in found} == {every}
    for name, exact in planted.norms().items():
        groups = [exact[at : at + every].max(axis=0) for at in range(0, steps, every)]
        exact = np.array(groups).T
        assert_near(by_name[name], exact)
        phase = phase_index(exact, Scheme(tuple(PHASES), tuple(THRESHOLDS), 0.01))
        starts = np.array(by_name[name].levels.starts)
        assert np.array_equal((by_name[name].level[..., None] >= starts).sum(axis=-1), phase)
    assert_near(by_name["distance"], distance[::every].T)
    recorded = planted.quantities
    cells = np.log2(np.vectorize(plain_ulp)(recorded["W"][::every].astype(object)))
    for name, exact in (
        ("cell_mean", cells.mean(axis=2)),
        ("cell_smallest", cells.min(axis=2)),
        ("cell_largest", cells.max(axis=2)),
        ("m", np.sqrt((recorded["m"][::every].astype(np.float64) ** 2).sum(axis=2))),
        ("v", recorded["v"][::every].mean(axis=2)),
        ("g", np.sqrt((recorded["g"][::every].astype(np.float64) ** 2).sum(axis=2))),
    ):
        assert_near(by_name[name], exact.T)
        assert by_name[name].first == (name == "g")


@pytest.mark.parametrize("naming", ["crucible", "thimble", "wordybird"])
def test_every_series_says_the_same_of_a_run(tmp_path, naming):
    """Whatever a file calls its quantities, and holds before the first step."""
    random, shape = np.random.default_rng(3), (9, 5, 4)
    rounded = np.vectorize(plain_value, otypes=[np.float32])
    state = {
        name: rounded(bits_of(random.normal(size=shape) ** 2).astype(object))
        for name in ("m", "v", "g")
    }
    rows = {"W": bits_of(random.normal(size=shape))} | state
    rows["g"] = rows["g"][1:]
    path = write_series(tmp_path / "trajectory.safetensors", naming, rows)
    with storage.open_reader(path) as file:
        tokens = TokenRows(file, naming, np.ones(5, bool), "dead")
        found = {track.name: track for track in tracks.recorded(tokens, 8, 10**6)}
    assert_near(found["m"], np.linalg.norm(rows["m"].astype(np.float64), axis=2).T)
    assert_near(found["v"], rows["v"].mean(axis=2, dtype=np.float64).T)
    assert_near(found["g"], np.linalg.norm(rows["g"].astype(np.float64), axis=2).T)
    assert [found[name].first for name in ("cell_mean", "m", "g")] == [0, 0, 1]


def assert_near(track, exact):
    """Within the error that the page states, twice that beside a bound."""
    found, wide = shown(track), 2 * track.levels.spacing if track.levels.kept else 0
    assert found.shape == exact.shape
    half = track.levels.spacing / 2
    there = found > 0 if track.levels.log else np.ones(found.shape, bool)
    scale = np.log2 if track.levels.log else np.asarray
    if track.levels.log:
        assert np.array_equal(there, exact > 0)
    off = np.abs(scale(found[there]) - scale(exact[there].astype(np.float64)))
    assert off.max() <= max(half, wide) + 1e-5
    assert np.mean(off <= half + 1e-5) > 0.95


def data_of(path):
    text = path.read_text("utf-8")
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return text, json.loads(data)


def test_the_page_holds_every_token_and_every_track_and_ends_no_script(planted):
    text, data = data_of(planted.page())
    assert data["tokens"]["text"] == list(planted.texts)
    assert text.count("</script>") == text.count("<script")
    assert "window.hacked" in text
    assert "<script>window" not in text
    assert "src=x" not in text.replace("\\u003cimg src=x", "")
    assert data["steps"] == planted.steps
    names = [track["name"] for track in data["tracks"]]
    assert names[:2] == ["l2", "vector_ulp"]
    assert {"cell_mean", "m", "v", "g", "distance", "typical_distance"} < {*names}
    for track in data["tracks"]:
        (held,) = re.findall(rf'id="track-{track["name"]}">([^<]*)<', text)
        level = np.frombuffer(zlib.decompress(base64.b64decode(held)), np.uint8)
        assert level.size == track["columns"] * len(planted.texts)
    last = planted.freezing()["last_motion_step"]
    assert data["tokens"]["last"] == last.tolist()
    assert data["tokens"]["state"][-1] == "censored"
    assert data["tokens"]["state"][0] == "stopped"


def test_a_page_is_the_same_bytes_again(planted):
    first = planted.page().read_bytes()
    assert planted.page(page="again.html").read_bytes() == first


def test_when_a_token_stopped():
    last = np.array([-1, 0, 80, 81, 100])
    found = page.states(last, 100, 20)
    assert found == ["never moved", "stopped", "stopped", "censored", "censored"]


def test_parts_that_are_missing_or_end_too_soon_are_refused():
    with pytest.raises(UserError, match=r"a\.js: must not hold the end of a script"):
        named_parts([("a.js", "'</Script>'")])
    with pytest.raises(UserError, match=r"a\.js~: no part of a page"):
        named_parts([("a.js~", "")])
    with pytest.raises(UserError, match="slot style"):
        page.html({"page": "<!--style-->"}, {"thresholds": [], "motion_threshold": 1}, {}, [])
    parts = named_parts((p.name, p.read_text("utf-8")) for p in PARTS)
    assert {*parts} == {"page", "style", "script"}
    # uPlot's licence goes along with it.
    assert "The MIT License" in parts["script"]


def test_one_dead_token_and_no_moments(tmp_path):
    one = Planted(tmp_path, steps=40, texts=("only",), moments=False)
    _, data = data_of(one.page(absent={"distance": "it does not record m, v."}))
    assert data["tokens"]["id"] == [2]
    assert {track["panel"] for track in data["tracks"]} == {"element", "vector", "cells"}
    assert data["absent"] == {"distance": "it does not record m, v."}


def test_bad_input_is_one_message(tmp_path):
    run = Planted(tmp_path, steps=40, texts=("a", "b", "c"))
    write_file(run.path("live.safetensors"), {"dead_mask": np.zeros(5, bool)})
    assert "a dead token at least" in run.failure(masks="live.safetensors")
    assert "there is no such file. Make it first" in run.failure(trajectory="not_there.safetensors")
    # A trajectory in the making: laid out, but its rows are not all there yet; or cut short.
    laid_out = run.quantities | {"W": run.weights * (np.arange(41) < 20)[:, None, None]}
    laid_out["W"] = laid_out["W"].astype(np.uint16)
    write_file(run.path("laid_out.safetensors"), laid_out)
    assert "still in the making" in run.failure(trajectory="laid_out.safetensors")
    content = run.path("trajectory.safetensors").read_bytes()
    run.path("making.safetensors").write_bytes(content[: len(content) // 2])
    assert "making.safetensors" in run.failure(trajectory="making.safetensors")
    # Displacements of another version, and of another run.
    l2 = run.norms()["l2"]
    write_file(run.path("old.safetensors"), {"l2": l2})
    assert "no vector_ulp, token_ids in this file" in run.failure(displacement="old.safetensors")
    other = Planted(tmp_path / "other", steps=41, texts=("a", "b", "c"))
    message = run.failure(displacement="other/displacement.safetensors")
    assert "give the files of one run" in message
    table = run.freezing()
    run.path("old.csv").write_bytes(b"token_id,token\r\n2,a\r\n")
    assert "has no column script" in run.failure(freezing="old.csv")
    run.path("fewer.csv").write_text(table.iloc[:2].to_csv(index=False))
    assert "give the files of one run" in run.failure(freezing="fewer.csv")
    write_file(run.path("distance.safetensors"), {"distance": l2[:-1], "typical_distance": l2[:-1]})
    assert "distance.safetensors" in run.failure()
    assert not run.path("explorer.html").exists()
    assert other.page().exists()
