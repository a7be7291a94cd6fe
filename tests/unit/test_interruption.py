"""A run that is asked to end writes a checkpoint at once, and resumes to the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_run

from deadtokens.errors import Stopped
from deadtokens.training import interruption

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
SETTINGS = tiny_run.FREEZING | {"total_steps": 30, "checkpoint_seconds": 3600}


@pytest.mark.parametrize("number", interruption.ASKING)
def test_a_signal_is_noted_once_and_the_second_is_not_heeded(number):
    ended = []
    before = signal.signal(number, lambda *_: ended.append(number))
    try:
        with interruption.heeded() as asked:
            assert asked() is None
            os.kill(os.getpid(), number)
            assert asked() is number
            assert ended == []
            os.kill(os.getpid(), number)
            assert ended == [number]
        os.kill(os.getpid(), number)
        assert ended == [number, number]
    finally:
        signal.signal(number, before)


def test_a_run_that_is_asked_stops_after_a_checkpoint_and_ends_with_the_same_bytes(tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
        tiny_run.make_inputs(folder)
    settings = tiny_run.settings(**SETTINGS)
    tiny_run.train(whole, settings)
    steps = []

    def asked():
        return signal.SIGTERM if steps[-1] == 11 else None

    with pytest.raises(Stopped, match="stopped by SIGTERM after step 11") as raised:
        tiny_run.train(stopped, settings, lambda step, loss: steps.append(step), asked=asked)
    assert raised.value.exit_code == 143
    assert any(stopped.glob(".checkpoint.*.safetensors"))
    steps.clear()
    tiny_run.train(stopped, settings, lambda step, loss: steps.append(step))
    assert steps[0] == 11
    names = tiny_run.files(whole)
    assert tiny_run.files(stopped) == names
    for name in names:
        assert (stopped / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_run_that_is_asked_in_its_last_step_is_finished(tmp_path):
    tiny_run.make_inputs(tmp_path)
    outcome = tiny_run.train(
        tmp_path, tiny_run.settings(**SETTINGS | {"total_steps": 1}), asked=lambda: signal.SIGTERM
    )
    assert outcome is not None


def test_scripts_end_at_once_though_the_job_around_them_ignores_the_signal():
    """Inside a cluster's job Snakemake ignores SIGTERM, and its children inherit that."""
    program = (
        f"import sys, time; sys.path.insert(0, {str(SCRIPTS)!r}); "
        "from deadtokens.program import command; "
        "p = command.parser('waits'); command.run(lambda o: (print('on', flush=True), "
        "time.sleep(60)), p)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    )
    assert process.stdout.readline() == b"on\n"
    started = time.monotonic()
    process.terminate()
    assert process.wait(timeout=20) == -signal.SIGTERM
    assert time.monotonic() - started < 20
