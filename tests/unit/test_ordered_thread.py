"""Calls of another thread: their order, their number, and what they raise."""

import threading
import time

import pytest

from deadtokens.training.ordered_thread import WAITING, OrderedThread


def test_calls_are_made_one_after_the_other_in_another_thread():
    made = []

    def call(number):
        time.sleep(0.01 if number == 0 else 0)  # a later call would overtake it
        made.append((number, threading.get_ident()))

    with OrderedThread() as thread:
        for number in range(20):
            thread.call(call, number)
        thread.wait()
        assert [number for number, _ in made] == list(range(20))
    assert {ident for _, ident in made} != {threading.get_ident()}
    assert len({ident for _, ident in made}) == 1


def test_no_more_calls_wait_than_memory_is_meant_for():
    gate, begun = threading.Event(), []
    with OrderedThread() as thread:
        for number in range(WAITING):
            thread.call(lambda n: (begun.append(n), gate.wait(5)), number)
        later = threading.Thread(target=thread.call, args=(begun.append, "later"))
        later.start()
        later.join(0.05)
        assert later.is_alive()  # the one too many is not taken
        gate.set()
        later.join(5)
    assert begun == [*range(WAITING), "later"]


@pytest.mark.parametrize(
    "use",
    [
        lambda thread: [thread.call(int) for _ in range(WAITING + 1)],
        OrderedThread.wait,
        lambda thread: thread.__exit__(None, None, None),
    ],
    ids=["a later call", "wait", "the end"],
)
def test_what_a_call_raises_is_raised_to_the_caller(use):
    def fail():
        raise OSError("disk full")

    with OrderedThread() as thread:
        thread.call(fail)
        with pytest.raises(OSError, match="disk full"):
            use(thread)
