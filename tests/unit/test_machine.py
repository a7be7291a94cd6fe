"""Threads and kernels are pinned while a run computes, and as before afterwards."""

import pytest
import torch

from deadtokens.errors import UserError
from deadtokens.training import machine


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
    before = machine.deciding_bits()
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert machine.deciding_bits() == before
    assert machine.described()["environment"]["OMP_NUM_THREADS"] == "7"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert machine.deciding_bits() != before
