"""How the findings write numbers."""

import pytest

from deadtokens.report import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12345, "12,345"),
        (7450.73, "7,451"),
        (39.54, "39.5"),
        (0.00125, "0.00125"),
        (0.0004, "4.00e-04"),
        (1.35e-5, "1.35e-05"),
        (-0.0777, "-0.0777"),
        (2.5e7, "2.50e+07"),
        (True, "yes"),
        (None, "not defined"),
    ],
)
def test_significant_digits(value, text):
    assert wording.significant(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.732, "73%"),
        (0.0049, "0.49%"),
        (0.9997, "99.97%"),
        (0.99998, "99.998%"),
        (1.25, "125%"),
        (-0.53, "-53%"),
        (None, "not defined"),
    ],
)
def test_shares_keep_digits_at_both_ends(share, text):
    assert wording.percent(share) == text


def test_steps_that_never_come():
    assert wording.step(1400, 5000) == "step 1,400"
    assert wording.step(None, 5000) == "never in 5,000 steps"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({"mean": 0.73, "low": 0.32, "high": 0.98}, "73% (32% to 98%)"),
        ({"value": 0.5, "low": None, "high": None}, "50%"),
        ({"mean": None, "never": 2, "seeds": 3}, "undefined at 2 of 3 random seeds"),
        ({"mean": None, "never": 3, "seeds": 3, "text": "never in 9 steps"}, "never in 9 steps"),
        ({"mean": None, "never": 0, "seeds": 0}, "not defined"),
        ({"value": None, "low": None, "high": None}, "not defined"),
        (None, "not defined"),
    ],
)
def test_estimates_with_their_intervals(found, text):
    assert wording.estimate(found, "percent") == text


def test_several_numbers():
    assert wording.joined([]) == ""
    assert wording.joined([2491]) == "2,491"
    assert wording.joined([2491, 63, 43]) == "2,491, 63 and 43"
    assert wording.factor(0.0) == "1"


def test_paragraphs_are_filled_and_nothing_else():
    table = "| a |\n| --- |\n| b |"
    code = "```sh\nmake\n\nmake test\n```"
    page = (
        f"# Title\n\nof\nshort\nlines\n\n{table}\n\n- one\n- another\n\n{code}\n\n{'word ' * 9}\n"
    )
    filled = wording.filled(page, 20)
    assert filled.startswith(
        f"# Title\n\nof short lines\n\n{table}\n\n- one\n- another\n\n{code}\n\n"
    )
    assert filled.endswith("\n\nword word word word\nword word word word\nword\n")
