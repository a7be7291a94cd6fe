"""Threads and kernels are pinned while a run computes, and as before afterwards."""

import ctypes
import resource

import hugging_face
import numpy as np
import pytest
import tiny_run
import torch

from deadtokens.errors import UserError
from deadtokens.files.storage import SUFFIX, open_reader
from deadtokens.training import machine

CPU = torch.device("cpu")


def test_threads_and_determinism_hold_within_and_only_within():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with machine.pinned(3):
        assert torch.get_num_threads() == 3
        assert torch.are_deterministic_algorithms_enabled()
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


@pytest.mark.skipif(
    getattr(ctypes.CDLL(None), "mallopt", None) is None, reason="the C library is not glibc"
)
def test_memory_that_a_step_frees_is_there_for_the_next():
    def step():
        activations = [torch.ones(2**22) for _ in range(6)]  # of 16 MB each
        return sum(map(len, activations))

    with machine.pinned(1):
        for _ in range(4):  # until the blocks have found their places
            step()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        step()
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    # The system would clear 96 MB again: 48 faults for pages of 2 MB, 24,576 for those of 4 kB.
    assert faults < 24


@pytest.mark.parametrize(
    ("name", "value"),
    [("OMP_THREAD_LIMIT", "1"), ("OMP_DYNAMIC", "true"), ("OMP_DYNAMIC", "TRUE")],
)
def test_an_environment_that_takes_threads_away_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"environment: {name}.*Unset {name}"), machine.pinned(2):
        pass


def test_a_harmless_limit_is_none(monkeypatch):
    monkeypatch.setenv("OMP_THREAD_LIMIT", "64")
    monkeypatch.setenv("OMP_DYNAMIC", "false")
    with machine.pinned(2):
        assert torch.get_num_threads() == 2


def test_the_instruction_set_decides_bits_and_the_number_of_threads_granted_does_not(monkeypatch):
    before = machine.deciding_bits(CPU)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert machine.deciding_bits(CPU) == before
    assert machine.described(CPU)["environment"]["OMP_NUM_THREADS"] == "7"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert machine.deciding_bits(CPU) != before


def have(monkeypatch, *kinds):
    """A machine with these devices."""
    monkeypatch.setattr(machine, "DEVICES", {k: lambda k=k: k in kinds for k in machine.DEVICES})


@pytest.mark.parametrize(
    ("there", "fastest"), [(["cpu"], "cpu"), (["cpu", "mps"], "mps"), (["cpu", "cuda"], "cuda")]
)
def test_auto_takes_the_fastest_device_there_is(monkeypatch, there, fastest):
    have(monkeypatch, *there)
    assert machine.device("auto").type == fastest
    assert machine.device("cpu") == CPU


def test_a_device_that_is_unknown_or_not_there_is_reported(monkeypatch):
    have(monkeypatch, "cpu")
    for name, message in (
        ("gpu", "device: unknown name 'gpu'; expected one of auto, cpu, cuda, mps"),
        ("cuda", "device: cuda asked for, but here is only cpu. Choose one of these, or auto"),
        ("mps", "device: mps asked for"),
    ):
        with pytest.raises(UserError, match=message):
            machine.device(name)


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
FAMILIES = {
    "crucible2": {},
    "crucible3": tiny_run.CRUCIBLE_3,
    "thimble7": hugging_face.THIMBLE_7,
    "thimble7 in HDF5": hugging_face.THIMBLE_7 | {"storage": "hdf5", "chunk_rows": 5},
    "wordybird1": hugging_face.WORDYBIRD_1,
}


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES.keys())
def family(request, tmp_path):
    tiny_run.make_inputs(tmp_path)
    return request.param


def trained(folder, report=lambda step, loss: None, **changes):
    """The bytes of the trajectory, and the weights in its first row."""
    settings = tiny_run.settings(**changes)
    tiny_run.train(folder, settings, report)
    path = folder / f"trajectory{SUFFIX[settings.storage]}"
    with open_reader(path) as file:
        name = "embeddings" if "embeddings" in file.fields else "W"
        return path.read_bytes(), file.read(name, 0, 1)


@pytest.mark.cuda
@needs_cuda
def test_on_cuda_a_run_begins_as_on_a_cpu_and_repeats_itself_to_the_bit(tmp_path, family):
    devices = ("cpu", "cuda", "cuda")
    runs = [trained(tmp_path, **family | {"device": device}) for device in devices]
    assert all(np.array_equal(first, runs[0][1]) for _, first in runs)
    assert runs[1][0] == runs[2][0]


@pytest.mark.cuda
@needs_cuda
def test_on_cuda_a_killed_run_goes_on_to_the_same_bytes(tmp_path, family):
    class Killed(Exception):
        pass

    def kill(step, loss):
        if step == 7:
            raise Killed

    on_cuda = family | {"device": "cuda", "checkpoint_seconds": 0}
    never_killed, _ = trained(tmp_path, **on_cuda)
    with pytest.raises(Killed):
        trained(tmp_path, kill, **on_cuda)
    begun_at = []
    again, _ = trained(tmp_path, lambda step, loss: begun_at.append(step), **on_cuda)
    assert begun_at[0] == 6
    assert again == never_killed


@pytest.mark.cuda
@needs_cuda
def test_on_cuda_a_run_keeps_close_to_that_on_a_cpu(tmp_path):
    """Sums of other kernels round otherwise: the first loss differs by some roundings, no more."""
    losses = []
    tiny_run.make_inputs(tmp_path)
    for device in ("cpu", "cuda"):
        tiny_run.train(tmp_path, tiny_run.settings(device=device))
        with open_reader(tmp_path / "trajectory.safetensors") as file:
            losses.append(file.read("loss"))
    np.testing.assert_allclose(losses[1][1:], losses[0][1:], rtol=0.02)


@pytest.mark.cuda
@needs_cuda
def test_copies_from_cuda_are_pinned_and_hold_what_was_there_when_they_began():
    """The next step writes to the same memory while the copies are still under way."""
    weights = torch.randn(4000, 1000, device="cuda")
    expected = weights.cpu()
    copied = machine.begin_copy_to_host({"W": weights})
    weights.zero_()
    found = copied()
    assert found["W"].is_pinned()
    assert torch.equal(found["W"], expected)


def test_what_lies_on_the_host_is_given_as_it_is():
    weights = torch.ones(3)
    assert machine.begin_copy_to_host({"W": weights})()["W"] is weights
