"""Old keys are refused with the new name, before the schema calls them unknown."""

import pytest
import test_configuration

from planning import renamed
from planning.mistakes import ConfigurationError

OLD = {
    "phase_schemes": ({"phase_schemes": {}}, "phase_schemes is called phases now"),
    "within a section": (
        {"verdicts": {"still_for": [1]}},
        "verdicts.still_for is called permanence.still_for now",
    ),
    "of a run": (
        {"runs": {"mine": {"products": "auto"}}},
        "runs.mine.products is called matmul_backend now",
    ),
    "of a question": (
        {"verdicts": {"questions": {"mine": {"seed": "Crucible 1"}}}},
        "verdicts.questions.mine.seed is called notebook now",
    ),
}


@pytest.mark.parametrize("name", OLD)
def test_an_old_key_is_refused_with_its_new_name(name):
    changes, expected = OLD[name]
    with pytest.raises(ConfigurationError) as error:
        test_configuration.resolved(**changes)
    assert str(error.value) == f"{expected}. Rename the key; its values stay as they are."


def test_a_key_that_is_gone_is_refused_with_what_to_do():
    with pytest.raises(ConfigurationError) as error:
        test_configuration.resolved(causes={"account": {"forecast_step": 200}})
    assert str(error.value).startswith("causes.account.forecast_step is gone: the account makes no")
    assert "Remove the key; a forecast is an entry of causes.forecasts" in str(error.value)


def test_every_old_key_at_once_and_no_new_one():
    configuration = {}
    for key in renamed.KEYS:
        *above, last = key.split(".")
        place = configuration
        for section in above:
            place = place.setdefault(section, {})
        place[last] = {}
    with pytest.raises(ConfigurationError) as error:
        renamed.check(configuration)
    assert len(str(error.value).splitlines()) == len(renamed.KEYS)
    renamed.check(test_configuration.resolved())
    renamed.check({"runs": [1], "verdicts": None})
