"""What is in the making on a disk of its own: the same bytes, and nothing lost on the way."""

import errno
import shutil

import pytest
import tiny_run

from deadtokens.errors import UserError
from deadtokens.training import checkpoints
from deadtokens.training.checkpoints import Workspace

RUN = "0" * 64


def workspace(folder, scratch, kept=None):
    return Workspace(folder / "out/trajectory.safetensors", RUN, 60, kept, scratch)


@pytest.fixture
def another_disk(monkeypatch):
    """Whatever lies under a folder named scratch counts as another file system."""
    monkeypatch.setattr(
        checkpoints, "_on_one_disk", lambda a, b: ("scratch" in a.parts) == ("scratch" in b.parts)
    )


@pytest.mark.parametrize("disks", ["one", "two"])
def test_outputs_come_complete_from_scratch_and_leave_nothing(tmp_path, request, disks):
    if disks == "two":
        request.getfixturevalue("another_disk")
    kept = {5: tmp_path / "out/checkpoint_5.safetensors"}
    with workspace(tmp_path, tmp_path / "scratch", kept) as work:
        work.rows.write_bytes(b"rows")
        work._partial(kept[5]).write_bytes(b"kept")
        assert work.rows.is_relative_to(tmp_path / "scratch")
        assert list((tmp_path / "out").iterdir()) == []
        work.finish()
    assert work.output.read_bytes() == b"rows"
    assert kept[5].read_bytes() == b"kept"
    left = [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]
    assert left == []
    assert tiny_run.files(tmp_path / "out") == [
        "checkpoint_5.safetensors",
        "trajectory.safetensors",
    ]


def test_two_runs_share_a_scratch_and_know_nothing_of_each_other(tmp_path, caplog):
    scratch = tmp_path / "scratch"
    with workspace(tmp_path / "one", scratch) as one, workspace(tmp_path / "two", scratch) as two:
        one.rows.write_bytes(b"rows")
        assert one.folder != two.folder
    with Workspace(tmp_path / "two/out/trajectory.safetensors", "1" * 64, 60, None, scratch):
        assert "is left of other settings" not in caplog.text
    with Workspace(tmp_path / "one/out/trajectory.safetensors", "1" * 64, 60, None, scratch):
        assert "is left of other settings" in caplog.text


def test_a_full_disk_of_results_is_reported_and_the_run_stays_on_scratch(
    tmp_path, monkeypatch, another_disk
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with workspace(tmp_path, tmp_path / "scratch") as work:
        work.rows.write_bytes(b"rows")
        with pytest.raises(UserError, match=r"No space left on device\. The file needs 4 bytes"):
            work.finish()
        assert work.rows.read_bytes() == b"rows"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_whole_run_on_scratch_has_the_same_bytes(tmp_path, another_disk):
    settings = tiny_run.settings(**tiny_run.FREEZING | {"total_steps": 12})
    for name in ("plain", "other"):
        (tmp_path / name).mkdir()
        tiny_run.make_inputs(tmp_path / name)
    tiny_run.train(tmp_path / "plain", settings)
    tiny_run.train(tmp_path / "other", settings, scratch=tmp_path / "scratch")
    name = "trajectory.safetensors"
    assert (tmp_path / "other" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_variables_are_those_of_the_machine(monkeypatch):
    monkeypatch.setenv("USER", "ymir")
    assert str(checkpoints.scratch("/local/$USER")) == "/local/ymir"
    assert checkpoints.scratch(None) is None
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(UserError, match=r"cluster.scratch: '/x/\$NOWHERE' names a variable"):
        checkpoints.scratch("/x/$NOWHERE")
