"""What a killed run left is damaged, or of another run: one message, exit code 1, nothing resumed.

The script runs in this process, from its command line on.
"""

import logging
import runpy
import shutil
import sys

import pytest
import tiny_run

from deadtokens.files.storage import open_reader
from deadtokens.program import command
from deadtokens.training import machine

STEP_TO_DIE = 7
STORAGE = {"safetensors": {}, "HDF5": {"storage": "hdf5", "chunk_rows": 4}}


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    """Call train_run.py; what its run begins with and how it ends."""
    tiny_run.make_inputs(tmp_path)

    def call(die_at=None, code="of-the-test", **changes):
        words = tiny_run.command_line(tmp_path, tmp_path / "out", checkpoint_seconds=0, **changes)
        words[words.index("--code") + 1] = code
        steps = []

        def progress(bar, step, remark=""):
            steps.append(step)
            if step == die_at:
                raise Killed

        monkeypatch.setattr(command.Progress, "__call__", progress)
        monkeypatch.setattr(sys, "argv", words[1:])
        try:
            runpy.run_path(words[1], run_name="__main__")
        except SystemExit:
            said = capsys.readouterr().err
            return steps, said[said.index("error: ") :].rstrip("\n")
        return steps, None

    return call


def one(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


CHECKPOINT, ROWS = ".checkpoint.*.safetensors", ".trajectory.*.partial"
DAMAGE = {
    "checkpoint truncated": (CHECKPOINT, lambda c: c[:-9], "no readable checkpoint"),
    "checkpoint flipped": (CHECKPOINT, lambda c: flipped(c, -9), "does not match its SHA-256"),
    "rows truncated": (ROWS, lambda c: c[:-9], "not laid out for what this run records"),
    "header flipped": (ROWS, lambda c: flipped(c, 12), "not laid out for what this run records"),
    "checksums flipped": (f"{ROWS}.sums", lambda c: flipped(c, 9), "checksums"),
    "checksums truncated": (f"{ROWS}.sums", lambda c: c[:-9], "no readable checksums"),
}


@pytest.mark.parametrize("storage", STORAGE.values(), ids=STORAGE.keys())
def test_damage_stops_the_run_and_says_what_to_delete(script, tmp_path, storage):
    script(**storage)
    out = tmp_path / "out"
    never_killed = (out / "trajectory.safetensors").read_bytes()
    with open_reader(out / "trajectory.safetensors") as file:
        places = [
            (name, step, never_killed.index(file.read(name, row, row + 1).tobytes()))
            for name, step, row in (("W", 1, 1), ("m", 6, 6), ("g", 3, 2), ("loss", 5, 5))
        ]
    (out / "trajectory.safetensors").unlink()
    with pytest.raises(Killed):
        script(die_at=STEP_TO_DIE, **storage)
    # A bit of rows from before the checkpoint, where nothing but a checksum sees it.
    damage = DAMAGE | {
        f"{name} of step {step} flipped": (ROWS, lambda c, p=place: flipped(c, p), "do not match")
        for name, step, place in places
    }
    for pattern, spoil, expected in damage.values():
        path = one(out, pattern)
        content = path.read_bytes()
        path.write_bytes(spoil(content))
        steps, message = script(**storage)
        assert len(steps) <= 1  # where it would resume, and no step
        assert message.startswith("error: ")
        assert expected in message
        assert str(out) in message
        assert "elete " in message
        path.write_bytes(content)
    steps, message = script(**storage)
    assert (steps[0], message) == (STEP_TO_DIE - 1, None)
    assert (out / "trajectory.safetensors").read_bytes() == never_killed
    assert [path for path in out.glob(".*") if path.is_file()] == []


def test_a_state_of_another_run_or_of_other_code_is_never_gone_on_from(script, tmp_path, caplog):
    out = tmp_path / "out"
    with pytest.raises(Killed):
        script(die_at=STEP_TO_DIE)
    left = one(out, CHECKPOINT)
    shutil.copy(left, tmp_path / "of_another_run")
    for changes in ({"learning_rate": 0.02}, {"code": "other"}):
        caplog.clear()
        with caplog.at_level(logging.WARNING), pytest.raises(Killed):
            script(die_at=3, **changes)
        assert f"{left} is left of other settings, code or machine" in caplog.text
        (own,) = (path for path in out.glob(CHECKPOINT) if path != left)
        shutil.copy(tmp_path / "of_another_run", own)
        steps, message = script(**changes)
        assert steps == []
        assert "it belongs to the run" in message
        own.unlink()


def test_a_device_that_is_not_there_is_reported(script, monkeypatch):
    monkeypatch.setattr(machine, "DEVICES", machine.DEVICES | {"cuda": lambda: False})
    steps, message = script(device="cuda")
    assert (steps, message.startswith("error: device: cuda asked for")) == ([], True)
