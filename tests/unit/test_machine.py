"""Threads and kernels are pinned while a run computes, and as before afterwards."""

import hugging_face
import pytest
import tiny_run
import torch
from safetensors.torch import load_file

from deadtokens.errors import UserError
from deadtokens.training import machine

CPU = torch.device("cpu")


def test_threads_and_determinism_hold_within_and_only_within():
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with machine.pinned(3):
        assert torch.get_num_threads() == 3
        assert torch.are_deterministic_algorithms_enabled()
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


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


def test_a_device_that_is_unknown_or_not_there_is_told(monkeypatch):
    have(monkeypatch, "cpu")
    for name, message in (
        ("gpu", "device: unknown name 'gpu'; expected one of auto, cpu, cuda, mps"),
        ("cuda", "device: cuda asked for, but here is only cpu. Choose one of these, or auto"),
        ("mps", "device: mps asked for"),
    ):
        with pytest.raises(UserError, match=message):
            machine.device(name)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("family", [{}, hugging_face.THIMBLE_7, hugging_face.WORDYBIRD_1])
def test_on_cuda_a_run_begins_as_on_a_cpu_and_repeats_itself_to_the_bit(tmp_path, family):
    tiny_run.make_inputs(tmp_path)
    runs, began = [], []
    for device in ("cpu", "cuda", "cuda"):
        tiny_run.train(tmp_path, tiny_run.settings(**family | {"device": device}))
        runs.append((tmp_path / "trajectory.safetensors").read_bytes())
        W = load_file(tmp_path / "trajectory.safetensors")
        began.append(W["embeddings" if "embeddings" in W else "W"][0].clone())
    assert all(torch.equal(first, began[0]) for first in began)
    assert runs[1] == runs[2]
