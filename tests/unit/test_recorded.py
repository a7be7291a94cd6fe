"""What a recorded run means: one table of names, one way along its steps."""

import subprocess
import sys

import hugging_face
import numpy as np
import planted
import pytest
import tiny_run

from deadtokens import lattice
from deadtokens.errors import UserError
from deadtokens.files import storage
from deadtokens.recorded.naming import SERIES, STATE, stored
from deadtokens.recorded.rows import POPULATIONS, TokenRows
from deadtokens.recorded.steps import numbers
from deadtokens.training.naming import NAMINGS
from deadtokens.training.recording import RECORDABLE

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

STEPS, WIDTH = 11, 4
DEAD = np.array([0, 1, 0, 0, 1, 1, 0], bool)
CHOSEN = {"dead": DEAD, "live": ~DEAD, "all": DEAD | True}


@pytest.mark.parametrize("naming", SERIES)
def test_training_writes_by_the_table_that_analyses_read_by(naming, tmp_path):
    family = {"crucible": {}, "thimble": hugging_face.THIMBLE_7}
    changes = family.get(naming, hugging_face.WORDYBIRD_1) | {"naming": naming}
    run = tiny_run.settings(**changes | {"rows": "all", "record": [*RECORDABLE]})
    tiny_run.make_inputs(tmp_path)
    tiny_run.train(tmp_path, run)
    assert {*stored(naming)} == {*RECORDABLE, "loss"}
    with storage.open_reader(tmp_path / "trajectory.safetensors") as file:
        for quantity in stored(naming).values():
            dtype, shape = file.fields[quantity.name]
            assert (dtype, shape[0]) == (quantity.dtype, run.total_steps + 1 - quantity.first)
            first = numbers(file.read(quantity.name, 0, 1))
            # A row 0 of what is made in a step stands for nothing.
            if quantity.first == 0 and quantity in (stored(naming)["g"], stored(naming)["logits"]):
                assert not first.any()


def test_training_and_analyses_know_the_same_series():
    assert {name: naming.stored for name, naming in NAMINGS.items()} == SERIES
    with pytest.raises(UserError, match="'hobbit', expected one of crucible, thimble, wordybird"):
        stored("hobbit")


def record(seed=0):
    """W uint16, m, v and g float32 that bfloat16 can hold, of all tokens."""
    random = np.random.default_rng(seed)
    draw = lambda rows: planted.bits_of(random.normal(0, 0.1, (rows, len(DEAD), WIDTH)))  # noqa: E731
    moments = {name: lattice.to_float32(draw(STEPS + 1)) for name in "mv"}
    return {"W": draw(STEPS + 1), **moments, "g": lattice.to_float32(draw(STEPS))}


FILES = {
    "crucible": storage.Storage(),
    "thimble": storage.Storage("hdf5", chunk_rows=3),
    "wordybird": storage.Storage("hdf5", chunk_rows=5, compression="deflate"),
}


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("naming", FILES)
def test_the_steps_are_those_of_a_plain_loop(naming, population, tmp_path):
    rows, chosen = record(), CHOSEN[population]
    path = planted.write_series(tmp_path / "t", naming, rows, FILES[naming])
    with storage.open_reader(path) as file:
        tokens = TokenRows(file, naming, DEAD, population)
        for quantities in ("Wmvg", "Wmv", "vg", "g", "W"):
            assert tokens.number_of_steps(quantities) == STEPS
            for size in (1, 500, 10**6):
                found = list(tokens.steps(quantities, size))
                assert [step.number for step in found] == [*range(1, STEPS + 1)]
                for t, step in enumerate(found, start=1):
                    expect(step, rows, t, quantities, chosen)
            for t in (1, 6, STEPS):
                expect(tokens.step(t, quantities), rows, t, quantities, chosen)


def expect(step, rows, t, quantities, chosen):
    states = {name for name in quantities if name in STATE}
    assert step.before.keys() == step.after.keys() == states
    assert step.made.keys() == {*quantities} - states
    for name in states:
        value = lattice.to_float32 if name == "W" else np.asarray
        np.testing.assert_array_equal(numbers(step.before[name]), value(rows[name][t - 1, chosen]))
        np.testing.assert_array_equal(numbers(step.after[name]), value(rows[name][t, chosen]))
    for name in step.made:
        np.testing.assert_array_equal(numbers(step.made[name]), rows[name][t - 1, chosen])


def test_no_more_is_read_at_a_time_than_was_allowed(tmp_path):
    """The rows of all tokens are read where those of dead ones are chosen."""
    path = planted.write_series(tmp_path / "t", "wordybird", record())
    with storage.open_reader(path) as file:
        tokens, read = TokenRows(file, "wordybird", DEAD, "dead"), file.read
        lengths = []

        def counted(name, start, stop):
            lengths.append(stop - start)
            return read(name, start, stop)

        file.read = counted
        row = len(DEAD) * WIDTH * 2
        assert len([*tokens.steps("g", 3 * row)]) == STEPS
    assert lengths == [3, 3, 3, 2]


def test_quantities_of_different_runs_are_refused(tmp_path):
    rows = record()
    path = planted.write_series(tmp_path / "t", "crucible", rows | {"g": rows["g"][:-1]})
    with storage.open_reader(path) as file:
        tokens = TokenRows(file, "crucible", DEAD, "dead")
        with pytest.raises(UserError, match=r"found 11 of W, 10 of g\. It was damaged"):
            next(tokens.steps("Wg", 1000))


LIGHT = (
    *("recorded.rows", "recorded.steps", "recorded.naming", "recorded.hidden_mean"),
    *("recorded.requirements", "update_law", "cohorts.momentum", "cohorts.plane"),
)


def test_light_programs_load_no_torch():
    lines = [f"import deadtokens.{name}" for name in LIGHT]
    lines += ["import sys", "assert 'torch' not in sys.modules"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=planted.SCRIPTS,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_recorded_knows_no_training():
    for path in (planted.SCRIPTS / "deadtokens/recorded").glob("*.py"):
        source = path.read_text("utf-8")
        assert "import torch" not in source, path
        assert "deadtokens.training" not in source, path
