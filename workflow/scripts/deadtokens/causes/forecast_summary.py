"""The result of a forecast: one table of tokens, and one document that says what was found.

Definitions: docs/physics.md. Arrays in; nothing here reads a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens.causes import forecast_cloud, forecast_judgement, forecast_power
from deadtokens.causes.forecast_cloud import Cloud
from deadtokens.causes.forecast_judgement import Seed
from deadtokens.causes.forecast_methods import CONSTANT, MEANINGS, METHODS, SCRIPT
from deadtokens.causes.token_state import FEATURES
from deadtokens.errors import UserError
from deadtokens.statistics import concordance
from deadtokens.statistics.seeds import over_seeds

# Settings that are stated as they were given.
RULES = (
    *("state_step", "through_step", "still_for", "window", "folds", "penalty", "permutations"),
    *("simulations", "correlations", "significance", "least_seeds", "random_seed"),
)
ROLES = ("chosen_on", "judged_on")
# Of what is stated over seeds, what no value can lie beyond.
BOUNDS = {"index": concordance.BOUNDS}


@dataclass(frozen=True)
class Pair:
    """A random seed: the run of its state, that of its outcome, and what they say."""

    role: str  # one of ROLES
    state: str
    outcome: str
    random_seed: int
    token_ids: np.ndarray  # (n,) int64, of the tokens in `seed`
    seed: Seed
    known_before: int  # tokens whose onset was known at the step of the state; not in `seed`
    cloud: Cloud  # of all tokens


@dataclass(frozen=True)
class Judgement:
    """Which method was chosen, and what each predicts of the judged seeds."""

    chosen: str
    cross_validated: Mapping[str, float | None]
    constant: float  # the median onset of the choosing seeds
    predicted: Mapping[str, list[np.ndarray]]  # by method, of each judged seed (n,)


def check(pair: Pair, folds: int) -> None:
    """UserError unless there are tokens enough to choose by, or to judge."""
    found, least = len(pair.token_ids), folds if pair.role == "chosen_on" else 2
    if found < least:
        raise UserError(
            f"{pair.outcome}: the onsets of {found} tokens were not known yet at the step of the "
            f"state, of {pair.known_before} they were; this takes {least} at least. Set an earlier "
            "state_step, or a longer still_for."
        )


def judge(pairs: Sequence[Pair], settings: Mapping) -> Judgement:
    """Choose on the choosing seeds, then let every method predict the others."""
    choosing, judged = ([pair.seed for pair in pairs if pair.role == role] for role in ROLES)
    random = np.random.default_rng(settings["random_seed"])
    penalty = settings["penalty"]
    indices = forecast_judgement.cross_validated(choosing, settings["folds"], penalty, random)
    models = {name: forecast_judgement.learn(name, choosing, penalty) for name in METHODS}
    predicted = {n: [model(seed.features) for seed in judged] for n, model in models.items()}
    constant = float(models[CONSTANT](judged[0].features)[0])
    return Judgement(forecast_judgement.choice(indices), indices, constant, predicted)


def table(pairs: Sequence[Pair], judgement: Judgement) -> pd.DataFrame:
    """A row per token of each seed: its features, its onset, and what each method predicted.

    Of the choosing seeds nothing is predicted, for the methods have seen what happened there.
    """
    frames, judged = [], 0
    for pair in pairs:
        features, onsets = pair.seed.features, pair.seed.onsets
        predicted = dict.fromkeys(METHODS, np.full(len(features), np.nan))
        if pair.role == "judged_on":
            predicted = {name: found[judged] for name, found in judgement.predicted.items()}
            judged += 1
        columns = {
            "role": pair.role,
            "random_seed": pair.random_seed,
            "token_id": pair.token_ids,
            "script": features[SCRIPT],
            "onset": onsets.step,
            "censored": onsets.censored.astype(int),
            **{name: features[name] for name in FEATURES if name != "token_id"},
            **{f"predicted_{name}": values for name, values in predicted.items()},
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def summary(pairs: Sequence[Pair], judgement: Judgement, settings: Mapping) -> dict[str, object]:
    """What was found, as a JSON object."""
    judged = [pair for pair in pairs if pair.role == "judged_on"]
    random = np.random.default_rng([settings["random_seed"], 1])
    orders = [pair.seed.order for pair in judged]
    test = forecast_judgement.tested(
        judgement.predicted, judgement.chosen, orders, settings["permutations"], random
    )
    power = forecast_power.curve(
        orders,
        settings["correlations"],
        settings["simulations"],
        settings["permutations"],
        settings["significance"],
        random,
    )
    test |= conclusion(test, power, len(judged), settings)
    clouds = ([pair.cloud for pair in pairs if pair.role == role] for role in ROLES)
    return {
        **{name: settings[name] for name in RULES},
        "motion_threshold": settings["motion_threshold"],
        "latest_onset": settings["through_step"] - settings["still_for"],
        "seeds": [_about(pair) for pair in pairs],
        "chosen": judgement.chosen,
        "constant": judgement.constant,
        "methods": methods(judged, judgement),
        "test": test,
        "power": power,
        "cloud": forecast_cloud.summary(*clouds),
    }


def methods(judged: Sequence[Pair], judgement: Judgement) -> dict[str, object]:
    """By method how it did, on the choosing seeds and on the judged; only the chosen is a test."""
    found = {}
    for name, predicted in judgement.predicted.items():
        seeds = [
            {"index": concordance.index(values, pair.seed.order)}
            | forecast_judgement.errors(values, pair.seed, judgement.constant)
            for values, pair in zip(predicted, judged, strict=True)
        ]
        found[name] = {
            "meaning": MEANINGS[name],
            "cross_validated": judgement.cross_validated[name],
            "seeds": seeds,
            **{key: over_seeds([seed[key] for seed in seeds], BOUNDS.get(key)) for key in seeds[0]},
        }
    return found


def conclusion(
    test: Mapping, power: Sequence[Mapping], seeds: int, settings: Mapping
) -> dict[str, object]:
    """What was found, by which units, and which correlation would have been found.

    `finding` is `predicted` if the chosen forecast orders the tokens of the judged seeds,
    `other_method` if it does not but the best of all does, with the p-value of the best, `nothing`
    if none does, `not_judged` if onsets do not differ. Seeds are the units where there are
    `least_seeds` of them, blocks of tokens of one onset where there are fewer. `detectable`: the
    smallest planted correlation that is found with a power of `POWER`; None if none is.
    """
    units = "seeds" if seeds >= settings["least_seeds"] else "blocks"
    p = test[f"p_{units}"]
    enough = [
        row["correlation"]
        for row in power
        if row["correlation"] > 0 and (row[f"found_by_{units}"] or 0) >= POWER
    ]
    if p is None or test["best"] is None:
        finding = "not_judged"
    elif p <= settings["significance"]:
        finding = "predicted"
    else:
        finding = "other_method" if test["best"]["p"] <= settings["significance"] else "nothing"
    return {
        "finding": finding,
        "units": units,
        "p": p,
        "detectable": min(enough, default=None),
    }


POWER = 0.8  # J. Cohen, Statistical Power Analysis for the Behavioral Sciences (1988)


def _about(pair: Pair) -> dict[str, object]:
    return {
        "role": pair.role,
        "random_seed": pair.random_seed,
        "state": pair.state,
        "outcome": pair.outcome,
        "known_before": pair.known_before,
        **forecast_judgement.about_onsets(pair.seed),
    }
