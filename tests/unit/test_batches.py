"""Blocks, windows, and the order of batches as a pure function of seed, epoch and position."""

import hashlib
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from deadtokens.errors import UserError
from deadtokens.training.batches import Batches, Blocks, Windows, load_tokens, permutation


def distinct_tokens(count):
    return np.arange(count, dtype=np.int32)


@given(
    tokens=st.integers(1, 200),
    seq_len=st.integers(2, 9),
    batch_size=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_epoch_visits_every_kept_block_once_and_none_twice(tokens, seq_len, batch_size, seed):
    blocks = Blocks(distinct_tokens(tokens), seq_len, 1)
    assert len(blocks) == tokens // seq_len
    if len(blocks) < batch_size:
        with pytest.raises(UserError, match=r"corpus: .*a batch takes"):
            Batches(blocks, batch_size, seed)
        return
    batches = Batches(blocks, batch_size, seed)
    for epoch in range(2):
        first = epoch * batches.per_epoch + 1
        seen = [batches.at(step)[0] for step in range(first, first + batches.per_epoch)]
        assert all(batch.shape == (batch_size, seq_len) for batch in seen)
        starts = torch.cat(seen)[:, 0]
        assert len(starts.unique()) == len(starts) == len(blocks) // batch_size * batch_size
        assert (starts % seq_len == 0).all()
        assert (torch.cat(seen) == starts[:, None] + torch.arange(seq_len)).all()


@given(steps=st.permutations(range(1, 24)))
def test_any_step_can_be_entered_at_any_time(steps):
    blocks = Blocks(distinct_tokens(100), 4, 1)
    in_order = Batches(blocks, 4, 42)
    expected = {step: in_order.at(step)[0] for step in range(1, 24)}
    jumping = Batches(blocks, 4, 42)
    for step in steps:
        assert torch.equal(jumping.at(step)[0], expected[step])


@given(st.integers(0, 2**64), st.integers(0, 10**9), st.integers(0, 300))
def test_an_order_is_a_permutation_and_depends_on_nothing_else(seed, epoch, count):
    order = permutation(seed, epoch, count)
    np.random.seed(epoch % 7)
    torch.manual_seed(epoch % 5)
    assert np.array_equal(order, permutation(seed, epoch, count))
    assert np.array_equal(np.sort(order), np.arange(count))


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {permutation(seed, epoch, 50).tobytes() for seed in range(9) for epoch in range(9)}
    assert len(orders) == 81


def test_the_published_order_never_changes():
    """A run of today and one of next year see the same batches: held by a hash."""
    order = permutation(42, 3, 10_713).astype("<i8").tobytes()
    assert hashlib.sha256(order).hexdigest() == PUBLISHED


PUBLISHED = "23d676c02fa8b9532e83cab74204aefd7570d34e43dc27eedc6b4f812cbf6fac"


@pytest.mark.parametrize("offset", [1, 2, 3])
def test_targets_are_the_tokens_at_the_offset(offset):
    inputs, targets = Blocks(distinct_tokens(30), 6, offset).take(np.array([3, 0]))
    assert targets.tolist() == [[*range(18 + offset, 24)], [*range(offset, 6)]]
    assert inputs.dtype == targets.dtype == torch.int64


@given(tokens=st.integers(0, 60), seq_len=st.integers(2, 9), offset=st.integers(1, 3))
def test_every_offset_is_a_window_as_in_the_notebook(tokens, seq_len, offset):
    corpus = distinct_tokens(tokens)
    windows = Windows(corpus, seq_len, offset)
    assert len(windows) == max(0, tokens - seq_len)
    for idx in range(len(windows)):
        chunk = corpus[idx : idx + seq_len + 1]
        inputs, targets = windows.take(np.array([idx]))
        assert inputs.tolist() == [chunk[:-1].tolist()]
        assert targets.tolist() == [chunk[offset:].tolist()]
    if len(windows):
        assert inputs.dtype == targets.dtype == torch.int64
        assert inputs.is_contiguous()
        assert targets.is_contiguous()


def test_an_epoch_of_windows_visits_every_offset_once():
    batches = Batches(Windows(distinct_tokens(50), 6, 2), 4, 42)
    assert batches.per_epoch == 11
    starts = [*torch.cat([batches.at(step)[0][:, 0] for step in range(1, 12)]).tolist()]
    assert sorted(starts) == [*range(44)]
    assert starts != sorted(starts)


def test_windows_take_memory_for_their_order_alone():
    """A window of the published length is 1 kB; an epoch of them would be half a gigabyte."""
    tracemalloc.start()
    windows = Windows(np.zeros(475_160, np.int32), 128, 2)
    Batches(windows, 32, 42).at(100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * len(windows)


def test_epochs_begun():
    batches = Batches(Blocks(distinct_tokens(100), 5, 1), 4, 0)
    assert batches.per_epoch == 5
    assert [batches.epochs(steps) for steps in (1, 5, 6, 10, 11)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.array([0, 10], np.int32), "from 0 to 10.*vocab_size is 10"),
        (np.array([-1, 3], np.int32), "an id of -1"),
        (np.array([1, 2], np.int64), "is I64"),
        (np.zeros((2, 2), np.int32), r"is I32 \(2, 2\)"),
    ],
)
def test_tokens_of_another_vocabulary_or_kind_are_refused(tmp_path, tokens, message):
    save_file({"tokens": tokens}, tmp_path / "tokens.safetensors")
    with pytest.raises(UserError, match=message) as caught:
        load_tokens(tmp_path / "tokens.safetensors", 10)
    assert "tokens.safetensors" in str(caught.value)
