"""A state and an outcome that do not belong together are reported, and what is left to predict."""

import numpy as np
import planted
import pytest

from deadtokens.causes import forecast_pairs, forecast_summary
from deadtokens.errors import UserError
from deadtokens.files.storage import open_reader

STEPS, TOKENS, ELEMENTS, AT = 12, 9, 4, 8


@pytest.fixture
def opened(tmp_path):
    """Rows of a trajectory of these weights, whose tokens are all dead."""
    files = []

    def rows(name, weights):
        files.append(open_reader(planted.write_weights(tmp_path / f"{name}.safetensors", weights)))
        return planted.dead_rows(files[-1].__enter__())

    yield rows
    for file in files:
        file.__exit__(None, None, None)


def weights():
    return planted.cooling_weights(STEPS, TOKENS, ELEMENTS)


def test_one_training_is_one_in_every_bit_of_the_state(opened):
    state, outcome = weights(), weights()
    outcome[AT + 1 :] ^= 1  # what comes later may differ: another run says no more of it
    outcome[:AT] ^= 1
    pair = opened("state", state[: AT + 1]), opened("outcome", outcome)
    forecast_pairs.check_one_training(*pair, AT)
    outcome[AT, [2, 5], 1] ^= 1
    pair = opened("state", state), opened("other", outcome)
    with pytest.raises(UserError, match=f"other weights of 2 of {TOKENS} dead tokens after step 8"):
        forecast_pairs.check_one_training(*pair, AT)


def test_a_state_beyond_the_file_is_reported(opened):
    pair = opened("state", weights()[:AT]), opened("outcome", weights())
    with pytest.raises(UserError, match=r"state.safetensors has 7 steps; the state is that after"):
        forecast_pairs.check_one_training(*pair, AT)


def test_other_tokens_are_reported(opened):
    pair = opened("state", weights()), opened("outcome", weights()[:, 1:])
    with pytest.raises(UserError, match=r"is of 9 dead tokens, .* of other 8"):
        forecast_pairs.check_one_training(*pair, AT)


def test_a_file_too_few_is_reported(tmp_path):
    files = {"states": [tmp_path], "outcomes": []}
    with pytest.raises(UserError, match="0 outcomes for 1 pairs in the settings"):
        forecast_pairs.check_numbers(files, [{}])


@pytest.mark.parametrize(("role", "tokens"), [("chosen_on", 4), ("judged_on", 1)])
def test_nothing_left_to_predict_is_reported(role, tokens):
    ids = np.arange(tokens)
    pair = forecast_summary.Pair(role, "a", "b", 42, ids, None, TOKENS - tokens, None)
    with pytest.raises(UserError, match=f"b: the onsets of {tokens} tokens were not known yet"):
        forecast_summary.check(pair, folds=5)
    pair = forecast_summary.Pair(role, "a", "b", 42, np.arange(5), None, 0, None)
    forecast_summary.check(pair, folds=5)
