"""Killed at any moment and started again, a run ends with the bytes of one never killed."""

import multiprocessing
import random
import signal
import subprocess
import time

import hugging_face
import pytest
import tiny_run
import torch
from safetensors.torch import load_file, save_file

from deadtokens.errors import UserError
from deadtokens.training import checkpoints
from deadtokens.training.checkpoints import Workspace

RUN = "0" * 64
STATE = {
    "parameters.W": torch.randn(7, 5).bfloat16(),
    "exp_avg.W": torch.randn(7, 5).bfloat16(),
    "last_motion_step": torch.tensor([3, -1, 8], dtype=torch.int32),
}


class Killed(Exception):
    """Stands for SIGKILL inside a process."""


@pytest.fixture
def folder(tmp_path):
    tiny_run.make_inputs(tmp_path)
    return tmp_path


def restored(path, state, run):
    """Fill the state from the checkpoint; its step."""
    saved, about = checkpoints.read(path, run)
    checkpoints.fill(state, saved, path)
    return about["step"]


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    checkpoints.write(path, STATE, 12, RUN)
    return path


def blank():
    return {name: torch.zeros_like(tensor) for name, tensor in STATE.items()}


def kill_after(step_to_die):
    def report(step, loss):
        if step == step_to_die:
            raise Killed

    return report


FAMILIES = {
    "crucible2": tiny_run.FREEZING,
    "crucible3": tiny_run.CRUCIBLE_3,
    "thimble7": hugging_face.THIMBLE_7 | {"storage": "hdf5"},
    "thimble7-small": hugging_face.THIMBLE_7
    | {"storage": "hdf5", "compression": "deflate", "chunk_rows": 16},
    "wordybird1": hugging_face.WORDYBIRD_1 | {"save_checkpoint_at": [60, 150]},
}
# Twenty and more for each file format: safetensors, HDF5 plain, HDF5 compressed.
SIGKILLS = {"crucible2": 7, "crucible3": 7, "thimble7": 20, "thimble7-small": 20, "wordybird1": 7}


@pytest.fixture(scope="module")
def processes():
    """Real processes that need no seconds to import torch and transformers."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "transformers.models.gpt2.modeling_gpt2"])
    return context


# One with its moments, one of GPT-2's; `make test-slow` has all.
IN_EVERY_RUN = ("crucible2", "wordybird1")


@pytest.mark.parametrize(
    "family",
    [pytest.param(f, marks=[] if f in IN_EVERY_RUN else [pytest.mark.slow]) for f in FAMILIES],
)
def test_sigkills_at_random_moments_leave_the_same_bytes(tmp_path, processes, family):
    kills = SIGKILLS[family]
    settings = FAMILIES[family] | {"total_steps": 40 * kills, "checkpoint_seconds": 0}
    settings = tiny_run.settings(**settings)
    folders = [tmp_path / name for name in ("never-killed", "killed")]
    kept = [
        {s: f / f"checkpoint_{s}.safetensors" for s in settings.save_checkpoint_at} for f in folders
    ]
    for folder in folders:
        folder.mkdir()
        tiny_run.make_inputs(folder)
    tiny_run.train(folders[0], settings, kept=kept[0])

    rng, moments = random.Random(family), []
    for _ in range(kills):
        before = [*map(changed_at, folders[1].glob(".checkpoint.*.safetensors"))]
        process = processes.Process(
            target=tiny_run.train, args=(folders[1], settings), kwargs={"kept": kept[1]}
        )
        process.start()
        deadline = time.monotonic() + 60
        while [*map(changed_at, folders[1].glob(".checkpoint.*.safetensors"))] == before:
            assert process.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    tiny_run.train(folders[1], settings, lambda step, loss: moments.append(step), kept=kept[1])
    assert moments[0] > 0
    names = tiny_run.files(folders[0])
    assert tiny_run.files(folders[1]) == names
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def test_the_script_killed_and_started_again_leaves_the_same_bytes(folder):
    long = tiny_run.FREEZING | {"total_steps": 120, "checkpoint_seconds": 0}
    tiny_run.train(folder, tiny_run.settings(**long))
    output, expected = folder / "out", (folder / "trajectory.safetensors").read_bytes()
    output.mkdir()
    process = subprocess.Popen(
        tiny_run.command_line(folder, output, **long), stderr=subprocess.DEVNULL
    )
    while not [*output.glob(".checkpoint.*.safetensors")]:
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    last = tiny_run.run_script(folder, output, **long)
    assert last.returncode == 0, last.stderr
    assert "resuming after step" in last.stderr
    assert (output / "trajectory.safetensors").read_bytes() == expected
    left = sorted(path.name for path in output.iterdir())
    assert left == [".provenance", "metadata.json", "trajectory.safetensors"]


def changed_at(path):
    """When a file last changed, 0 for one that is just being replaced."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("deaths", [[1], [12], [2, 5, 6, 11], [*range(1, 13)]], ids=str)
@pytest.mark.parametrize("checkpoint_seconds", [0, 60])
def test_a_run_that_died_at_these_steps_ends_with_the_same_bytes(
    folder, deaths, checkpoint_seconds
):
    settings = tiny_run.settings(**tiny_run.FREEZING, checkpoint_seconds=checkpoint_seconds)
    tiny_run.train(folder, settings)
    expected = (folder / "trajectory.safetensors").read_bytes()
    (folder / "trajectory.safetensors").unlink()
    for step in deaths:
        with pytest.raises(Killed):
            tiny_run.train(folder, settings, report=kill_after(step))
        assert not (folder / "trajectory.safetensors").exists()
    begun_at = []
    tiny_run.train(folder, settings, report=lambda step, loss: begun_at.append(step))
    # The report comes before the checkpoint of its step.
    assert begun_at[0] == (deaths[-1] - 1 if checkpoint_seconds == 0 else 0)
    assert (folder / "trajectory.safetensors").read_bytes() == expected


def test_another_identity_starts_again_and_clears_up_at_the_end(folder):
    settings = tiny_run.settings(checkpoint_seconds=0)
    with pytest.raises(Killed):
        tiny_run.train(folder, settings, report=kill_after(7), identity="1" * 64)
    begun_at = []
    tiny_run.train(folder, settings, report=lambda step, loss: begun_at.append(step))
    assert begun_at[0] == 0
    assert [path.name for path in folder.glob(".*") if path.is_file()] == []


def test_a_checkpoint_whose_rows_are_gone_starts_again(folder):
    settings = tiny_run.settings(checkpoint_seconds=0)
    with pytest.raises(Killed):
        tiny_run.train(folder, settings, report=kill_after(7))
    next(folder.glob(".trajectory.*.partial")).unlink()
    begun_at = []
    tiny_run.train(folder, settings, report=lambda step, loss: begun_at.append(step))
    assert begun_at[0] == 0


def test_two_processes_cannot_work_on_one_run(tmp_path):
    first = Workspace(tmp_path / "trajectory.safetensors", RUN, 60)
    with first, pytest.raises(UserError, match="another process is at work"), first:
        pass
    with Workspace(tmp_path / "trajectory.safetensors", RUN, 60):
        pass


def test_a_state_comes_back_in_its_own_dtype_and_to_the_bit(checkpoint):
    state = blank()
    assert restored(checkpoint, state, RUN) == 12
    for name, tensor in STATE.items():
        assert state[name].dtype == tensor.dtype
        assert torch.equal(state[name], tensor)


def test_equal_states_have_equal_bytes(checkpoint):
    content = checkpoint.read_bytes()
    checkpoints.write(checkpoint, dict(reversed(STATE.items())), 12, RUN)
    assert checkpoint.read_bytes() == content


def test_an_interrupted_write_leaves_the_checkpoint_before_it(checkpoint):
    checkpoint.with_name(checkpoint.name + ".new").write_bytes(b"half a check")
    assert restored(checkpoint, blank(), RUN) == 12
    checkpoints.write(checkpoint, STATE, 13, RUN)
    assert restored(checkpoint, blank(), RUN) == 13


def test_every_flipped_bit_is_noticed(checkpoint):
    content = checkpoint.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place * 5 % 8)
        checkpoint.write_bytes(flipped)
        state = blank()
        with pytest.raises(UserError, match=r"checkpoint\.safetensors.*Delete it to start again"):
            restored(checkpoint, state, RUN)
        assert not any(tensor.any() for tensor in state.values())


def test_every_truncation_is_noticed(checkpoint):
    content = checkpoint.read_bytes()
    for length in range(len(content)):
        checkpoint.write_bytes(content[:length])
        with pytest.raises(UserError, match="Delete it to start again"):
            restored(checkpoint, blank(), RUN)


def test_a_checkpoint_of_another_run_is_refused(checkpoint):
    with pytest.raises(UserError, match=r"belongs to the run 000.*not to 111"):
        restored(checkpoint, blank(), "1" * 64)


def test_another_file_in_its_place_is_refused(checkpoint):
    save_file(STATE, checkpoint)
    with pytest.raises(UserError, match=r"no readable checkpoint .*has no run, step, sha256"):
        restored(checkpoint, blank(), RUN)


@pytest.mark.parametrize(
    "change",
    [
        {"exp_avg.W": torch.zeros(7, 5)},  # float32: a cast would go unseen (docs/numerics.md, 4)
        {"parameters.W": torch.zeros(5, 7, dtype=torch.bfloat16)},
        {"exp_avg_sq.W": torch.zeros(7, 5)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_state_of_another_kind_is_refused_and_nothing_restored(checkpoint, change):
    state = blank() | change
    with pytest.raises(UserError, match=next(iter(change))):
        restored(checkpoint, state, RUN)
    assert not any(tensor.any() for tensor in state.values())


def test_a_damaged_checkpoint_stops_a_run(folder):
    settings = tiny_run.settings(checkpoint_seconds=0)
    with pytest.raises(Killed):
        tiny_run.train(folder, settings, report=kill_after(7))
    path = next(folder.glob(".checkpoint.*.safetensors"))
    content = bytearray(path.read_bytes())
    content[-20] ^= 4
    path.write_bytes(content)
    with pytest.raises(UserError, match=path.name):
        tiny_run.train(folder, settings)
    path.unlink()
    tiny_run.train(folder, settings)
    assert load_file(folder / "trajectory.safetensors")["loss"][1:].isfinite().all()


def test_identity_follows_every_setting_that_decides_bits():
    def identity(**changes):
        settings = tiny_run.settings(**changes).deciding_bits()
        return checkpoints.identity(settings=settings, code="c")

    assert identity() == identity(checkpoint_seconds=1, notes="other words")
    others = [{"learning_rate": 0.02}, {"threads": 2}, {"record": ["W"]}, {"total_steps": 13}]
    assert len({identity(), *(identity(**change) for change in others)}) == 5


def test_the_steps_to_keep_need_a_place_each(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    assert checkpoints.named([3, 8], paths) == {3: paths[0], 8: paths[1]}
    with pytest.raises(UserError, match=r"save_checkpoint_at: \[3\], but 2 paths"):
        checkpoints.named([3], paths)


@pytest.mark.parametrize("deaths", [[4], [5], [7], [11, 12]], ids=str)
def test_kept_checkpoints_are_the_same_however_often_a_run_died(folder, deaths):
    settings = tiny_run.settings(checkpoint_seconds=0, save_checkpoint_at=[5, 12])
    kept = {5: folder / "five.safetensors", 12: folder / "twelve.safetensors"}
    tiny_run.train(folder, settings, kept=kept)
    expected = [path.read_bytes() for path in kept.values()]
    for path in kept.values():
        path.unlink()
    for step in deaths:
        with pytest.raises(Killed):
            tiny_run.train(folder, settings, report=kill_after(step), kept=kept)
        assert not any(path.exists() for path in kept.values())
    tiny_run.train(folder, settings, kept=kept)
    assert [path.read_bytes() for path in kept.values()] == expected
    assert [path.name for path in folder.glob(".*") if path.is_file()] == []


def test_a_kept_checkpoint_that_is_gone_is_made_again(folder):
    settings = tiny_run.settings(checkpoint_seconds=0, save_checkpoint_at=[5])
    kept = {5: folder / "five.safetensors"}
    with pytest.raises(Killed):
        tiny_run.train(folder, settings, report=kill_after(9), kept=kept)
    next(folder.glob(".five.*.partial")).unlink()
    begun_at = []
    tiny_run.train(folder, settings, lambda step, loss: begun_at.append(step), kept=kept)
    assert begun_at[0] == 0
    assert kept[5].exists()
