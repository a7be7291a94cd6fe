"""The kernels: compiled once, and machines that cannot have them."""

import pytest
import torch

from deadtokens.errors import UserError
from deadtokens.training import fused_head, kernels, machine, products

needs_kernels = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))


@pytest.fixture
def anew(monkeypatch, tmp_path):
    """As if they had not been asked for yet, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(machine, "cpu_flags", lambda: ["avx512_bf16"])
    kernels.library.cache_clear()
    yield tmp_path / "fimbulwinter"
    kernels.library.cache_clear()


def test_without_the_instruction_there_is_none(monkeypatch, anew):
    monkeypatch.setattr(machine, "cpu_flags", lambda: ["avx2"])
    assert "needs a processor with avx512_bf16" in kernels.missing()


@pytest.mark.parametrize(
    ("compiler", "message"),
    [("no-such-c++", "there is no no-such-c++"), ("false", "cannot compile")],
)
def test_without_a_compiler_that_works_auto_does_without(monkeypatch, anew, compiler, message):
    monkeypatch.setenv("CXX", compiler)
    assert message in kernels.missing()
    assert products.resolved("auto", torch.device("cpu")) == "bfloat16"
    assert not [*anew.glob("*")]
    with pytest.raises(UserError, match=message):
        fused_head.fused["plain"](
            *(torch.zeros(shape).bfloat16() for shape in ((1, 3, 8), (5, 8))),
            torch.zeros(1, 2).long(),
        )


@needs_kernels
def test_they_are_compiled_once(anew):
    assert kernels.missing() is None
    (library,) = anew.glob("*")
    written = library.stat().st_mtime_ns
    kernels.library.cache_clear()
    assert kernels.missing() is None
    assert [*anew.glob("*")] == [library]
    assert library.stat().st_mtime_ns == written
