"""Writers killed at any moment: every format resumes from a checkpoint to the same bytes.

Real SIGKILLs at random moments, and then every single call to the operating system that can be the
last one, whole or cut in half.
"""

import multiprocessing
import os
import random
import time

import h5py
import numpy as np
import pytest
from planted import cooling_weights

from deadtokens.files import storage
from deadtokens.files.storage import Storage

ROWS = 100
FIELDS = {
    "W": ("U16", (ROWS, 40, 16)),
    "g": ("F32", (ROWS - 1, 40, 16)),
    "loss": ("F32", (ROWS,)),
    "ids": ("I64", (40,)),
}
STEPS_BETWEEN_CHECKPOINTS = 7
KILLS = 20
WAYS = {
    "safetensors": Storage(),
    "plain": Storage("hdf5", chunk_rows=16),
    "packed": Storage("hdf5", chunk_rows=16, compression="deflate"),
    "packed often": Storage("hdf5", chunk_rows=6, compression="deflate"),
}
WEIGHTS = cooling_weights(ROWS - 1, 40, 16)
fork = multiprocessing.get_context("fork")


def write(path, how, begun):
    """All rows, from the last checkpoint on, at the pace of a run."""
    checkpoint = path.with_name("checkpoint")
    done = int(checkpoint.read_text()) if checkpoint.exists() else -1
    begun.set()
    with storage.create(path, FIELDS, how, {"seed": 42}, resume=done >= 0) as file:
        file.write("ids", np.arange(40))
        for t in range(max(0, done), ROWS):
            file.write_row("W", t, WEIGHTS[t])
            if t:
                file.write_row("g", t - 1, np.full((40, 16), 1 / t, np.float32))
            file.write_row("loss", t, np.float32(t))
            time.sleep(0.001)
            if t % STEPS_BETWEEN_CHECKPOINTS == 0:
                file.flush()
                checkpoint.with_name("new").write_text(str(t))
                checkpoint.with_name("new").replace(checkpoint)


def run(path, how, seconds=None):
    """Whether the writer came to its end; it is killed after so many seconds."""
    begun = fork.Event()
    process = fork.Process(target=write, args=(path, how, begun))
    process.start()
    begun.wait()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -9)
    return process.exitcode == 0


def check_what_is_there(path):
    """HDF5 without compression can be read after a kill, up to the checkpoint at least."""
    done = int(path.with_name("checkpoint").read_text())
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["W"][: done + 1], WEIGHTS[: done + 1])
        np.testing.assert_array_equal(file["loss"][: done + 1], np.arange(done + 1))


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def how(request):
    return request.param


@pytest.fixture
def uninterrupted(tmp_path, how):
    folder = tmp_path / "uninterrupted"
    folder.mkdir()
    began = time.monotonic()
    assert run(folder / "trajectory", how)
    return (folder / "trajectory").read_bytes(), time.monotonic() - began


def test_killed_twenty_times_a_file_has_the_bytes_of_an_uninterrupted_one(
    tmp_path, how, uninterrupted
):
    content, seconds = uninterrupted
    path, checkpoint = tmp_path / "trajectory", tmp_path / "checkpoint"
    moments, kills = random.Random(0), 0
    while kills < KILLS:
        if run(path, how, moments.uniform(0, seconds / 4)):
            assert path.read_bytes() == content
            checkpoint.unlink()  # so that the next one starts again
            continue
        kills += 1
        if how == WAYS["plain"] and checkpoint.exists():
            check_what_is_there(path)
    assert run(path, how)
    assert path.read_bytes() == content
    assert not [p for p in os.listdir(tmp_path) if p.startswith("trajectory.")]


def test_killed_around_the_end_a_file_has_the_bytes_of_an_uninterrupted_one(
    tmp_path, how, uninterrupted
):
    """From the last checkpoint on a run is short: the kills fall where the file is finished."""
    content, _ = uninterrupted
    path, moments = tmp_path / "trajectory", random.Random(1)
    run(path, how)
    began = time.monotonic()
    run(path, how)
    seconds = time.monotonic() - began
    outcomes = [run(path, how, moments.uniform(0, 1.2 * seconds)) for _ in range(KILLS)]
    assert set(outcomes) == {True, False}
    assert run(path, how)
    assert path.read_bytes() == content


class KilledHere(BaseException):
    """Stands for a kill: nothing after it reaches the disk."""


CALLS = ("pwrite", "fsync", "replace", "unlink", "truncate", "posix_fallocate")


def count_down(monkeypatch, calls, half=False):
    """Let the operating system take so many calls, and then nothing but closing."""
    left = calls

    def counted(name, original):
        def call(*arguments):
            nonlocal left
            left -= 1
            if left < 0:
                if name == "pwrite" and half and left == -1:
                    descriptor, content, offset = arguments
                    original(descriptor, bytes(content)[: len(bytes(content)) // 2], offset)
                raise KilledHere
            return original(*arguments) if name != "fsync" else None  # a wait

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, counted(name, getattr(os, name)))
    return lambda: calls - left


FEW = {"W": ("U16", (7, 3, 2)), "g": ("F32", (6, 3, 2)), "loss": ("F32", (7,))}


def write_few(path, how, checkpoint, resume):
    """Seven rows with a checkpoint after each third one; `checkpoint` holds the last one's row."""
    with storage.create(path, FEW, how, resume=resume) as file:
        for t in range(checkpoint[0], 7):
            file.write_row("W", t, np.full((3, 2), t + 1, np.uint16))
            if t:
                file.write_row("g", t - 1, np.full((3, 2), t, np.float32))
            file.write_row("loss", t, np.float32(t))
            if t % 3 == 2:
                file.flush()
                checkpoint[0] = t


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="counts its calls")
@pytest.mark.parametrize("half", [False, True], ids=["before a call", "within a call"])
@pytest.mark.parametrize("chunk_rows", [1, 2, 4])
@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_killed_at_every_call_a_file_has_the_same_bytes(tmp_path, compression, chunk_rows, half):
    how, path = Storage("hdf5", chunk_rows, compression), tmp_path / "trajectory"
    with pytest.MonkeyPatch.context() as monkeypatch:
        calls_made = count_down(monkeypatch, 10**9)
        write_few(path, how, [0], resume=False)
        total = calls_made()
    content = path.read_bytes()
    for first_kill in range(total):
        path.unlink(missing_ok=True)
        checkpoint = [0]
        for kill in (first_kill, first_kill // 2, first_kill // 3, 10**9):
            with pytest.MonkeyPatch.context() as monkeypatch:
                count_down(monkeypatch, kill, half)
                try:
                    write_few(path, how, checkpoint, resume=checkpoint[0] > 0)
                    assert path.read_bytes() == content
                except KilledHere:
                    continue
        assert path.read_bytes() == content, first_kill
        assert os.listdir(tmp_path) == [path.name]
