"""When tokens stop: held to the definition, read step by step."""

import numpy as np
import pytest

from deadtokens.causes import course, still
from deadtokens.errors import UserError

THRESHOLD = 0.1


def by_definition(moving, still_for, through):
    """The first step after which nothing moves for so many, or None; `moving` of step 1, 2 ..."""
    for step in range(through - still_for + 1):
        if not any(moving[step : step + still_for]):
            return step
    return None


def chunked(l2, size):
    return ((start, l2[start : start + size]) for start in range(0, len(l2), size))


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(("still_for", "through"), [(1, 60), (5, 60), (5, 43), (20, 21), (12, 60)])
def test_every_onset_is_that_of_the_definition(size, still_for, through):
    random = np.random.default_rng(still_for)
    l2 = (random.random((60, 300)) < np.linspace(0.9, 0.05, 60)[:, None]).astype(np.float32)
    l2[random.random(l2.shape) < 0.05] = np.nan
    l2[:, :3] = 0, 1, 1
    found = still.onsets(chunked(l2, size), THRESHOLD, still_for, through)
    wanted = [by_definition(column >= THRESHOLD, still_for, through) for column in l2.T]
    np.testing.assert_array_equal(found.censored, [step is None for step in wanted])
    latest = through - still_for
    np.testing.assert_array_equal(found.step, [latest if s is None else s for s in wanted])
    assert found.latest == latest
    assert found.step[0] == 0
    assert (found.order[found.censored] == latest + 1).all()
    assert (found.order[~found.censored] == found.step[~found.censored]).all()


@pytest.mark.parametrize(("still_for", "through"), [(1, 60), (5, 60), (5, 43), (12, 60), (60, 60)])
def test_the_onset_of_each_token_is_that_which_a_course_counts(still_for, through):
    """`course.counts` says after each step how many are not yet at the onsets found here."""
    random = np.random.default_rng(still_for)
    l2 = (random.random((60, 300)) < np.linspace(0.9, 0.05, 60)[:, None]).astype(np.float32)
    l2[:, 0], l2[40:, 1:9] = 0, 1
    found = still.onsets(chunked(l2, 7), THRESHOLD, still_for, through)
    moves = (rows >= np.float32(THRESHOLD) for _, rows in chunked(l2, 11))
    counted = course.counts(moves, still_for)["before_onset"]
    latest = through - still_for
    yet_to = [int((found.order > step).sum()) for step in range(latest + 1)]
    assert counted[: latest + 1] == yet_to
    assert yet_to[0] < 300
    assert latest == 0 or yet_to[0] > yet_to[-1]


def test_a_pause_that_is_long_enough_is_the_onset_whatever_follows():
    l2 = np.zeros((30, 1), np.float32)
    l2[[0, 1, 7, 20]] = 1
    assert still.onsets([(0, l2)], THRESHOLD, 5, 30).step[0] == 2
    assert still.onsets([(0, l2)], THRESHOLD, 6, 30).step[0] == 8


def test_what_lies_beyond_the_last_step_is_not_looked_at():
    l2 = np.ones((50, 4), np.float32)
    l2[20:30, 1] = 0
    seen = still.onsets([(0, l2)], THRESHOLD, 10, 30)
    assert (seen.step.tolist(), seen.censored.tolist()) == ([20] * 4, [True, False, True, True])
    assert still.onsets([(0, l2)], THRESHOLD, 10, 29).censored.all()


def test_the_threshold_is_that_of_float32():
    l2 = np.full((4, 1), np.float32(0.1))
    assert still.onsets([(0, l2)], 0.1, 2, 4).censored.all()


def test_a_run_that_ends_too_early_is_reported():
    with pytest.raises(UserError, match="ends before step 30"):
        still.onsets([(0, np.ones((29, 2), np.float32))], THRESHOLD, 5, 30)
