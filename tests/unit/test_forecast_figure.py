"""The figure of the forecast: what it shows, and that it is drawn whatever was found."""

import json

import numpy as np
import pandas as pd
import pytest

from deadtokens.causes import draw_forecast, forecast_methods, forecast_summary
from deadtokens.figures import style
from deadtokens.files import documents

METHODS = ("constant", "monotone_norm", "ridge")
NONE = {"mean": None, "low": None, "high": None}


def table(censored=True):
    random = np.random.default_rng(0)
    role = np.repeat(["chosen_on", "judged_on"], [50, 100])
    onset = random.integers(300, 900, 150)
    columns = {"role": role, "script": "Thai", "random_seed": np.repeat([42, 43], [50, 100])}
    columns |= {"onset": onset, "censored": (onset > 700).astype(int) * censored}
    return pd.DataFrame(columns | {"predicted_ridge": np.where(role == "judged_on", 500.0, np.nan)})


def summary(finding="nothing", index=0.51, detectable=0.1, best=True, power=True):
    over = NONE if index is None else {"mean": index, "low": index - 0.1, "high": index + 0.1}
    row = {f"found_by_seeds{end}": None for end in ("", "_low", "_high")}
    row |= {"found_by_blocks": 0.9, "found_by_blocks_low": 0.8, "found_by_blocks_high": 0.95}
    return {
        **{"state_step": 200, "latest_onset": 900, "significance": 0.05, "chosen": "ridge"},
        "seeds": [
            {"role": "chosen_on", "random_seed": 42},
            {"role": "judged_on", "random_seed": 43},
        ],
        "methods": {name: {"seeds": [{"index": index}], "index": over} for name in METHODS},
        "test": {
            **{"finding": finding, "p": None if index is None else 0.4, "detectable": detectable},
            "best": {"method": "monotone_norm", "index": 0.7, "p": 0.01} if best else None,
        },
        "power": [row | {"correlation": r} for r in (0.0, 0.1)] if power else [],
        "cloud": {
            **{"constant": 600.0, "gain": NONE},
            "seeds": [{"restricted_mean": 620.0, "predicted": 640.0}],
        },
    }


def drawn(rows=None, **planted):
    found = summary(**planted)
    documents.check(json.loads(json.dumps(found)), draw_forecast.SUMMARY)
    with style.applied():
        figure = draw_forecast.draw(table() if rows is None else rows, found, "Planted", 180)
        figure.canvas.draw()
    return figure


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        ("predicted", "the order in which tokens stop is predicted (concordance index 0.51"),
        ("nothing", "nothing orders tokens by when they stop"),
        ("other_method", "in hindsight norm does not (0.70, p = 0.01)"),
    ],
)
def test_the_title_says_what_was_found(finding, said):
    title = drawn(finding=finding).get_suptitle().replace("\n", " ")
    assert title.startswith("Planted: ")
    assert said in title
    assert ("a correlation of 0.1 would have been found" in title) == (finding == "nothing")


def test_nothing_found_without_power_is_not_called_nothing_there():
    title = drawn(detectable=None).get_suptitle().replace("\n", " ")
    assert "nor would what was planted have been found" in title


def test_the_judged_tokens_are_counted_and_those_that_stop_later_stand_above():
    figure = drawn()
    happened = figure.axes[0]
    judged = table().query("role == 'judged_on'")
    seen = int((judged["censored"] == 0).sum())
    assert happened.collections[0].get_array().sum() == seen
    marks = [line for line in happened.lines if line.get_marker() == "|"]
    assert [len(line.get_xdata()) for line in marks] == [len(judged) - seen]
    assert (marks[0].get_ydata() > 900).all()
    assert not [
        line for line in drawn(table(censored=False)).axes[0].lines if line.get_marker() == "|"
    ]


def test_the_chosen_method_alone_is_in_colour():
    methods = drawn().axes[1]
    colours = {label.get_text(): label.get_color() for label in methods.get_yticklabels()}
    assert [name for name, c in colours.items() if c == draw_forecast.CHOSEN] == ["ridge"]
    assert list(colours) == ["constant", "norm", "ridge"]


def test_what_cannot_be_judged_is_drawn_and_said():
    figure = drawn(finding="not_judged", index=None, best=False, power=False)
    assert "cannot be judged" in figure.get_suptitle()
    texts = [text.get_text() for panel in figure.axes for text in panel.texts]
    assert "onsets do not differ" in texts


def test_every_method_and_every_finding_is_known():
    assert set(forecast_methods.MEANINGS) == set(forecast_methods.METHODS)
    settings = {"least_seeds": 3, "significance": 0.05}
    best = {"method": "ridge", "index": 0.6, "p": 0.01}
    test = {"p_blocks": 0.2, "p_seeds": 0.01, "best": best}
    rows = [
        {"correlation": r, "found_by_blocks": found, "found_by_seeds": None}
        for r, found in ((0.0, 0.99), (0.1, 0.5), (0.2, 0.8), (0.4, 1.0))
    ]
    conclude = forecast_summary.conclusion
    assert conclude(test, rows, 2, settings) == {
        **{"finding": "other_method", "units": "blocks", "p": 0.2, "detectable": 0.2}
    }
    assert conclude(test, rows, 3, settings) == {
        **{"finding": "predicted", "units": "seeds", "p": 0.01, "detectable": None}
    }
    weak = test | {"best": best | {"p": 0.3}}
    assert conclude(weak, rows, 2, settings)["finding"] == "nothing"
    none = dict.fromkeys(("p_blocks", "p_seeds", "best"))
    assert conclude(none, [], 2, settings)["finding"] == "not_judged"
