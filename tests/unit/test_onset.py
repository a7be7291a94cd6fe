"""When tokens come to rest, by a plain version; what stops altogether; what comes after the end."""

import math

import numpy as np
import pandas as pd
import pytest
from test_course import plain_onset

from deadtokens.causes import course, onset, onset_arms
from deadtokens.causes.onset import Horizon
from deadtokens.errors import UserError

D = 2  # elements of a token


def course_of(moves, still_for, displacement=None):
    """A course of tokens that move as these, (T, n) bool, with the first of their elements."""
    steps, tokens = moves.shape
    elements = np.stack([moves, np.zeros_like(moves)], axis=2)
    columns = {"step": np.arange(steps + 1), "tokens": tokens, "elements": tokens * D}
    for unit, of in (("tokens", moves), ("elements", elements)):
        for name, values in course.counts([of], still_for).items():
            columns[f"{unit}_{name}"] = np.array(values, float)
    size = np.ones(steps) if displacement is None else np.asarray(displacement, float)
    columns |= dict.fromkeys(course.SIZES, np.append(np.nan, size))
    return pd.DataFrame(columns, columns=course.COLUMNS)


def stopping(last, steps):
    """Tokens that move at every step up to their last motion."""
    return np.arange(1, steps + 1)[:, None] <= np.asarray(last)


def seen(moves, through, still_for):
    return onset.through(course_of(moves, still_for), "course.csv", Horizon(through, still_for))


def numbers(moves, through, still_for, unit="tokens"):
    return onset.numbers(seen(moves, through, still_for), unit, Horizon(through, still_for))


def plain_numbers(moves, through, still_for):
    """The definitions of docs/physics.md, token by token; nothing after `through` is looked at."""
    moves = moves[:through]
    onsets = [plain_onset(of, still_for) for of in moves.T.tolist()]
    latest = through - still_for
    known = sorted(latest + 1 if one is None else one for one in onsets)
    median = known[(len(known) - 1) // 2]
    window = moves[latest:]
    return {
        "onset": sum(latest if one is None else one for one in onsets) / len(onsets),
        "median_onset": median if median <= latest else None,
        "reached": sum(one is not None for one in onsets) / len(onsets),
        "still": sum(not any(of) for of in window.T.tolist()) / len(onsets),
        "rate": window.sum() / window.size,
    }


@pytest.mark.parametrize("through", [6, 20, 47, 60])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("still_for", [1, 5])
def test_every_number_is_that_of_the_definition(through, share, still_for):
    random = np.random.default_rng(int(100 * share) + through)
    cooling = np.linspace(share, share / 4, 60)[:, None]
    moves = random.random((60, 41)) < (cooling if share < 1 else 1)
    found = numbers(moves, through, still_for)
    assert found == pytest.approx(plain_numbers(moves, through, still_for))
    halves = numbers(moves, through, still_for, "elements")
    whole = np.concatenate([moves, np.zeros_like(moves)], axis=1)
    assert halves == pytest.approx(plain_numbers(whole, through, still_for))


@pytest.mark.parametrize(("last", "mean"), [(0, 0), (1, 1), (7, 7), (40, 40), (45, 40), (60, 40)])
def test_a_run_that_stops_altogether_has_a_number(last, mean):
    """All tokens move until one step, and never again: nothing divides by what is not there."""
    found = numbers(stopping([last] * 9, 60), 50, 10)
    stopped = last <= 40
    assert found == {
        "onset": mean,
        "median_onset": last if stopped else None,
        "reached": stopped,
        "still": stopped,
        "rate": pytest.approx(min(max(last - 40, 0), 10) / 10),
    }


def test_what_a_run_does_after_through_step_changes_nothing():
    """T = through_step, T beyond it with other motion, and a complete freeze after it."""
    random = np.random.default_rng(5)
    moves = random.random((60, 30)) < np.linspace(0.5, 0, 60)[:, None]
    longer = np.concatenate([moves, random.random((40, 30)) < 0.3])
    frozen = np.concatenate([moves, np.zeros((200, 30), bool)])
    expected = seen(moves, 60, 8)
    for other in (longer, frozen):
        pd.testing.assert_frame_equal(seen(other, 60, 8), expected)
        tables = [
            onset_arms.table({"a": [of]}, 7) for of in (seen(moves, 60, 8), seen(other, 60, 8))
        ]
        pd.testing.assert_frame_equal(*tables)
        both = [
            onset_arms.summary([of], [], Horizon(60, 8)) for of in (expected, seen(other, 60, 8))
        ]
        assert both[0] == both[1]


def test_a_rest_that_ends_counts_as_an_onset_and_not_as_stillness_at_the_end():
    moves = np.zeros((30, 4), bool)
    moves[:3] = True
    moves[27, :2] = True  # two tokens move again
    found = numbers(moves, 30, 5)
    assert (found["onset"], found["reached"], found["still"]) == (3, 1, 0.5)
    assert found["rate"] == 2 / 4 / 5


def test_tokens_and_elements_are_an_extreme_value_of_one_another():
    """Of independent elements a token is still if all are: share ** D, as the summary has it."""
    random = np.random.default_rng(2)
    width, tokens = 4, 5000
    elements = random.random((12, tokens, width)) < 0.03
    columns = {"step": np.arange(13), "tokens": tokens, "elements": tokens * width}
    for unit, of in (("tokens", elements.any(axis=2)), ("elements", elements)):
        for name, values in course.counts([of], 8).items():
            columns[f"{unit}_{name}"] = np.array(values, float)
    columns |= dict.fromkeys(course.SIZES, 1.0)
    found = onset_arms.summary([pd.DataFrame(columns)], [], Horizon(12, 8))
    assert found["elements_per_token"] == width
    expected = found["tokens"]["still_if_independent"]["mean"]
    assert expected == pytest.approx(found["elements"]["still"]["mean"] ** width)
    assert found["tokens"]["still"]["mean"] == pytest.approx(expected, abs=5 * 0.5 / 5000**0.5)


def test_courses_that_are_too_short_or_of_other_rests_are_refused():
    made = course_of(stopping([3, 9], 20), 5)
    onset.through(made, "a.csv", Horizon(20, 5))
    for horizon, message in (
        (Horizon(21, 5), "a.csv has 20 steps; through_step is 21: give runs"),
        (Horizon(20, 6), "a.csv shows no onset in its last 5 steps; still_for is 6: give"),
    ):
        with pytest.raises(UserError, match=message):
            onset.through(made, "a.csv", horizon)
    onset.check({"a": made, "b": made})
    with pytest.raises(UserError, match=r"b is of 3 tokens, a of 2: give courses of the same"):
        onset.check({"a": made, "b": course_of(stopping([1, 2, 3], 20), 5)})


def test_steps_in_words():
    some = onset_arms.over_seeds([1300, None, 1250])
    words = onset_arms.in_words(some, 1400)
    assert words.startswith("not reached by step 1,400 at 1 of 3 seeds; ")
    assert words.endswith("at step 1,250")
    assert onset_arms.in_words(onset_arms.over_seeds([None]), 1400) == "not reached by step 1,400"
    assert onset_arms.in_words(onset_arms.over_seeds([1200, 1300]), 1400) == "step 1,250"


def test_curves_are_means_over_bins_and_geometric_over_seeds():
    size = {1: 2.0, 2: 4.0, 3: 9.0}
    courses = [
        onset.through(
            course_of(stopping([10 * seed - 1, 60], 60), 5, [50] * 40 + [size[seed]] * 20),
            "course.csv",
            Horizon(60, 5),
        )
        for seed in size
    ]
    own = onset_arms.table({"published": courses}, bin_steps=7).to_dict("records")
    assert [row["step"] for row in own] == [7, 14, 21, 28, 35, 42, 49, 56, 60]
    assert own[-1]["displacement"] == pytest.approx(math.prod(size.values()) ** (1 / 3))
    assert own[-1]["displacement_low"] < own[-1]["displacement"] < own[-1]["displacement_high"]
    # Of two tokens one stops at step 9, 19 or 29, by seed; the other never within what is seen.
    before = [row["tokens_before_onset"] for row in own]
    assert before[:7] == pytest.approx([1, 5 / 6, 4 / 6, 4 / 6, 0.5, 0.5, 0.5])
    assert np.isnan(before[7:]).all()  # onsets after step 55 cannot be seen
    assert own[0]["tokens_moving"] == 1
    assert own[1]["elements_moving"] == pytest.approx((2 / 7 + 5) / 6 / D)
    assert 0 < own[1]["tokens_before_onset_low"] < 5 / 6 < own[1]["tokens_before_onset_high"] < 1
    still = [course_of(stopping([0], 9), 3, [0] * 9), course_of(stopping([0], 9), 3)]
    (row,) = onset_arms.table({"a": still}, bin_steps=9).to_dict("records")
    assert math.isnan(row["displacement"])
    assert math.isnan(row["displacement_low"])
    assert row["hops"] != row["hops"]
    assert (row["tokens_moving"], row["tokens_moving_low"]) == (0, 0)
