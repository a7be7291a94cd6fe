"""A run watched while it trains: what is seen is what it leaves in the end, byte by byte."""

import fcntl
import os
import shutil
import subprocess
import time

import numpy as np
import planted
import pytest
import tiny_run
import yaml
from safetensors.numpy import load_file

from deadtokens.errors import UserError
from deadtokens.files import in_the_making, storage
from deadtokens.phases import phases, so_far
from deadtokens.phases.phases import Scheme
from deadtokens.recorded import progress
from deadtokens.report import terminal, watching
from deadtokens.training.checkpoints import Workspace
from deadtokens.training.recording import Recorder

SCHEME = Scheme(("cold", "warm", "hot"), (300.0, 2000.0), 0)
NAMES = [phases.column(scale, phase) for scale in so_far.SCALES for phase in SCHEME.phases]
RUNS = {
    "crucible": {},
    "thimble": tiny_run.THIMBLE | {"storage": "hdf5", "chunk_rows": 5},
    "packed": tiny_run.THIMBLE | {"storage": "hdf5", "chunk_rows": 5, "compression": "deflate"},
    "wordybird": tiny_run.WORDYBIRD,
}
RUNS_OF_ALL = {"grad_W", "grads"}  # names of what they record
SEEN_AT = 8  # the step after which it is looked at
WATCH = [*planted.program("watch_run"), "--once"]


def watched(folder, changes, look, scratch=None, flush=True):
    """Train a run and look at it when a step is done and written; what the look gave."""
    found = []
    recorder = None

    def report(step, loss):
        if step == SEEN_AT:
            recorder._writer.wait()
            if flush:
                recorder.flush()
            found.append(look())

    class Kept(Recorder):
        def __init__(self, *arguments):
            nonlocal recorder
            super().__init__(*arguments)
            recorder = self

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("deadtokens.training.loop.Recorder", Kept)
        tiny_run.train(folder, tiny_run.settings(**changes), report, scratch=scratch)
    return found[0]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    tiny_run.make_inputs(folder)
    return folder


def copied(inputs, folder):
    folder.mkdir(exist_ok=True)
    for path in inputs.iterdir():
        shutil.copy(path, folder)
    return folder


def plain_shares(previous, current):
    """Of the tokens at one step, element by element."""
    values = [
        [[planted.plain_value(int(b)) for b in row] for row in w] for w in (previous, current)
    ]
    before, after = (np.float32(v) for v in values)
    ulp = np.float32([[planted.plain_ulp(int(b)) for b in row] for row in previous])
    element = np.sqrt((((after - before) / ulp).astype(np.float64) ** 2).sum(axis=1))
    norms = [np.sqrt((x.astype(np.float64) ** 2).sum(axis=1)) for x in (after - before, before)]
    found = {"moving": float((element >= 100).mean())}
    for scale, l2 in (("element", element), ("vector", norms[0] / (norms[1] / 128))):
        place = np.digitize(l2, SCHEME.thresholds)
        for number, phase in enumerate(SCHEME.phases):
            found[phases.column(scale, phase)] = float((place == number).mean())
    return found


@pytest.mark.parametrize("name", RUNS)
def test_what_is_seen_is_what_the_finished_file_says(inputs, tmp_path, name):
    """And the file is that of a run that nobody watched, byte by byte."""
    alone, folder = copied(inputs, tmp_path / "alone"), copied(inputs, tmp_path / "watched")
    masks = folder / "masks.safetensors"

    def look():
        with progress.look(folder, None, masks) as seen:
            can_be_read = seen.rows is not None
            rows = seen.rows.of_step(SEEN_AT) if can_be_read else None
        assert can_be_read is (name != "packed")
        return seen, rows

    seen, rows = watched(folder, RUNS[name], look)
    tiny_run.train(alone, tiny_run.settings(**RUNS[name]))
    (finished,), (unwatched,) = folder.glob("trajectory.*"), alone.glob("trajectory.*")
    assert finished.read_bytes() == unwatched.read_bytes()

    assert (seen.last, seen.on_disk, seen.total) == (SEEN_AT, SEEN_AT, 12)
    assert not seen.is_finished
    with progress.look(folder, None, masks) as whole:
        assert whole.is_finished
        assert whole.last == whole.on_disk == 12
        np.testing.assert_array_equal(whole.loss[: SEEN_AT + 1], seen.loss[: SEEN_AT + 1])
        assert np.isnan(seen.loss[SEEN_AT + 1 :]).all()
        later = whole.rows.of_step(SEEN_AT)
    with storage.open_reader(finished) as file:
        name = "embeddings" if name == "wordybird" else "W"
        dead = load_file(masks)["dead_indices"] if RUNS_OF_ALL & {*file.fields} else slice(None)
        expected = file.read(name, SEEN_AT - 1, SEEN_AT + 1)[:, dead]
    np.testing.assert_array_equal(later, expected)
    if rows is not None:
        np.testing.assert_array_equal(rows, later)
    measured = so_far.measure(*later, SCHEME, 100)
    expected = plain_shares(*later)
    assert measured == pytest.approx(expected, abs=1e-12)


def test_only_dead_tokens_are_measured_where_they_are_known(inputs, tmp_path):
    folder = copied(inputs, tmp_path / "run")
    tiny_run.train(folder, tiny_run.settings(**tiny_run.WORDYBIRD))
    with progress.look(folder, None, folder / "masks.safetensors") as seen:
        dead = seen.rows.of_step(1)[0]
    with progress.look(folder, None, None) as unknown:
        everyone = unknown.rows.of_step(1)[0]
    assert (seen.population, unknown.population) == ("dead", "all")
    assert len(dead) < len(everyone) == tiny_run.SETTINGS["vocab_size"]
    page, _ = watching.Watch(folder, None, None, SCHEME, 0.1).page()
    assert "share of all tokens by phase" in page


def test_before_a_flush_the_last_step_but_one_is_seen(inputs, tmp_path):
    """Of the last step with a loss another field may not be written yet."""
    folder = copied(inputs, tmp_path / "run")

    def look():
        with progress.look(folder, None, None) as seen:
            return seen.last, seen.on_disk

    assert watched(folder, {}, look, flush=False) == (SEEN_AT - 1, -1)


def test_scratch_is_looked_at_where_the_run_keeps_it(inputs, tmp_path):
    folder, scratch = copied(inputs, tmp_path / "run"), tmp_path / "scratch"
    work = Workspace(folder / "trajectory.safetensors", "0" * 64, 60, scratch=scratch)
    assert in_the_making.own_folder(folder, scratch) == work.folder

    def look():
        with progress.look(folder, scratch, None) as seen:
            return seen.last

    assert watched(folder, {}, look, scratch) == SEEN_AT


def test_the_newest_of_several_is_shown(tmp_path):
    for number, name in enumerate(("0a", "0b", "0c")):
        path = tmp_path / f".trajectory.{name}.partial"
        path.write_bytes(b"")
        os.utime(path, (number % 2, number % 2))
    assert in_the_making.newest(tmp_path).name == ".trajectory.0b.partial"


def test_a_disk_that_lost_rows_does_not_make_them_up(tmp_path):
    """After a loss of power: a loss was written, the rows of its step were not."""
    path = tmp_path / ".trajectory.0a.partial"
    fields = {"W": ("U16", (4, 2, 3)), "loss": ("F32", (4,)), "dead_mask": ("BOOL", (2,))}
    with storage.create(path, fields) as file:
        file.write("dead_mask", np.ones(2, bool))
        file.write("loss", np.float32([np.nan, 5, 4, 3]))
        file.write_row("W", 0, np.full((2, 3), 0x3F80, np.uint16))
    with progress.look(tmp_path, None, None) as seen:
        assert seen.last == 2
        assert seen.rows.of_step(2) is None
    page, is_done = watching.Watch(tmp_path, None, None, SCHEME, 0.1).page()
    assert not is_done
    assert "step 2 of 3, safe on the disk: none" in page


def test_steps_of_a_page_are_few_and_stay():
    steps = so_far.grid(5000, 384)
    assert steps[0] == 1
    assert steps[-1] == 5000
    before, last_before = set(), 0
    for last in (0, 1, 40, 77, 500, 1000, 2000, 4999, 5000):
        shown = {*so_far.thinned(steps, last, 48)}
        assert len(shown) <= 48
        assert all(step <= last for step in shown)
        assert {step for step in shown if step <= last_before} <= before
        before, last_before = shown, last
    assert len(before) > 24
    assert so_far.due([1, 5, 9, 20], {5}, 9, 1) == [9, 1]
    assert so_far.due([1, 5, 9, 20], {5, 9}, 9, 9) == [1]
    assert so_far.due([1], {}, 0, 9) == []


def test_a_page_measures_little_after_the_first(inputs, tmp_path, monkeypatch):
    folder = copied(inputs, tmp_path / "run")
    tiny_run.train(folder, tiny_run.settings())
    asked = []
    measure = so_far.measure
    monkeypatch.setattr(so_far, "measure", lambda *rows: asked.append(1) or measure(*rows))
    watch = watching.Watch(folder, None, None, SCHEME, 0.1)
    monkeypatch.setattr(watching, "POINTS", 3)
    _, is_done = watch.page()
    assert is_done
    assert len(asked) == 4  # these, and the last step
    monkeypatch.setattr(watching, "POINTS", 12)
    monkeypatch.setattr(watching, "AT_ONCE", 5)
    for known in (9, 12, 12):
        first = watch.page()[0]
        assert len(asked) == known
    assert watch.page()[0] == first


def test_bars_are_as_high_as_their_values():
    assert terminal.bars([0, 0.001, 0.5, 1, np.nan], 0, 1) == " ▁▄█·"
    assert terminal.bars([3, 3], 3, 3) == "  "


def test_numbers_unless_stated_otherwise_are_those_of_the_configuration():
    rules = yaml.safe_load((planted.SCRIPTS.parent / "schemas/config.schema.yaml").read_text())
    scheme = rules["$defs"]["phase_scheme"]["properties"]
    program = planted.module("watch_run")
    assert scheme["phases"]["default"] == program.PHASES.split(",")
    assert scheme["thresholds"]["default"] == [float(x) for x in program.THRESHOLDS.split(",")]
    assert rules["$defs"]["run"]["properties"]["motion_threshold"]["default"] == program.MOTION


def printed(*words) -> subprocess.CompletedProcess:
    return subprocess.run([*WATCH, *map(str, words)], capture_output=True, text=True, check=False)


def test_the_program_locks_nothing(inputs, tmp_path):
    """HDF5 would wait for, or refuse, a file that another process holds for itself alone."""
    folder = copied(inputs, tmp_path / "run")
    seen = []

    def look():
        (partial,) = folder.glob(in_the_making.PATTERN)
        with partial.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
            seen.append(printed("--run", folder))
            assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before

    watched(folder, RUNS["thimble"], look)
    assert seen[0].returncode == 0, seen[0].stderr
    assert f"run: step {SEEN_AT} of 12, safe on the disk: {SEEN_AT}" in seen[0].stdout
    assert "Thermal Solid" in seen[0].stdout


def test_what_the_program_says_where_nothing_is_in_the_making(inputs, tmp_path):
    nothing = printed("--run", tmp_path / "nowhere")
    assert nothing.returncode == 1
    assert "no run is in the making there, nor is there a finished one. Train it" in nothing.stderr
    assert "Traceback" not in nothing.stderr
    folder = copied(inputs, tmp_path / "run")
    tiny_run.train(folder, tiny_run.settings())
    finished = printed("--run", folder)
    assert finished.returncode == 0, finished.stderr
    assert "run: no run is in the making; the finished one, of 12 steps" in finished.stdout


def test_the_program_ends_with_the_run(inputs, tmp_path):
    folder = copied(inputs, tmp_path / "run")
    words = [*map(str, WATCH[:-1]), "--run", str(folder), "--seconds", "0.2"]
    started = []

    def look():
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        assert f"step {SEEN_AT} of 12" in started[0].stdout.readline()

    watched(folder, {}, look)
    output, _ = started[0].communicate(timeout=60)
    assert started[0].returncode == 0
    assert "no run is in the making; the finished one, of 12 steps" in output


def test_a_run_that_has_stopped_is_asked_about(tmp_path):
    path = tmp_path / ".trajectory.0a.partial"
    with storage.create(path, {"W": ("U16", (4, 2, 3)), "loss": ("F32", (4,))}):
        pass
    os.utime(path, (time.time() - 600,) * 2)
    page, _ = watching.Watch(tmp_path, None, None, SCHEME, 0.1).page()
    assert "nothing was written for 10 min: was the run ended?" in page


def test_a_file_that_never_becomes_one_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_TRIES", 0)
    (tmp_path / ".trajectory.0a.partial").write_bytes(b"x")
    watch = watching.Watch(tmp_path, None, None, SCHEME, 0.1)
    with pytest.raises(UserError, match=r"0a\.partial: not a safetensors file"):
        watch.page()
