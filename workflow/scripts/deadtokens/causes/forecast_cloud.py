"""The cloud of dead tokens as one: when it stops in the mean, predicted from its mean distance.

Definitions: docs/physics.md. The mean distance of all tokens over a window up to a step is drawn
out as a straight line, in t or in log t; the cloud is predicted to stop where the line crosses half
a cell. What the choosing seeds stopped later than that, in the mean, is added.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deadtokens.causes import trends
from deadtokens.causes.trends import FORMS
from deadtokens.statistics.seeds import over_seeds
from deadtokens.update_law import UpdateLaw


@dataclass(frozen=True)
class Cloud:
    """Of one seed: what happened, and by form where the line crosses and how badly it fits."""

    restricted_mean: float  # of the onsets, a censored one counting as the latest that is seen
    median: int | None  # the lower one; None: later than the latest that is seen
    crossing: Mapping[str, int]
    misfit: Mapping[str, float]


def crossing(
    distance: np.ndarray, law: UpdateLaw, at: int, latest: int
) -> tuple[dict[str, int], dict[str, float]]:
    """By form the last step beyond half a cell, `at` to `latest`, and the root mean square misfit.

    distance: (window, n) up to the step `at`, in octaves, less what is known beforehand
    (`trends.known`). What is not finite is left out of the mean.
    """
    mean = np.ma.masked_invalid(distance).mean(axis=1).filled(np.nan)
    number = np.arange(at - len(mean) + 1, at + 1, dtype=float)
    ahead = np.arange(at, latest + 1)
    beforehand = np.array([trends.known(law, int(step)) for step in ahead])
    steps, misfit = {}, {}
    for form, scale in FORMS.items():
        x = scale(number) - scale(number).mean()
        slope = float((x * (mean - mean.mean())).sum() / (x * x).sum())
        misfit[form] = float(np.sqrt(np.mean((mean - mean.mean() - slope * x) ** 2)))
        line = mean.mean() + slope * (scale(ahead.astype(float)) - scale(number).mean())
        beyond = np.flatnonzero(line + beforehand > 0)
        steps[form] = int(ahead[beyond[-1]]) if len(beyond) else at
    return steps, misfit


def summary(chosen_on: Sequence[Cloud], judged_on: Sequence[Cloud]) -> dict[str, object]:
    """What was predicted and what happened, seed by seed, as a JSON object.

    The form is the one that fits the windows of the choosing seeds better; the constant is their
    mean. `gain` is by how much the forecast errs less than the constant, in steps, with the
    interval of its mean over the judged seeds: unless that lies above 0 nothing was shown.
    """
    form = min(FORMS, key=lambda form: float(np.mean([cloud.misfit[form] for cloud in chosen_on])))
    constant = float(np.mean([cloud.restricted_mean for cloud in chosen_on]))
    offset = constant - float(np.mean([cloud.crossing[form] for cloud in chosen_on]))
    seeds = []
    for cloud in judged_on:
        predicted = cloud.crossing[form] + offset
        errors = [abs(value - cloud.restricted_mean) for value in (predicted, constant)]
        seeds.append(
            {
                "restricted_mean": cloud.restricted_mean,
                "median": cloud.median,
                "crossing": cloud.crossing[form],
                "predicted": predicted,
                "error": errors[0],
                "error_of_constant": errors[1],
                "gain": errors[1] - errors[0],
            }
        )
    gain = over_seeds([seed["gain"] for seed in seeds])
    return {
        "form": form,
        "constant": constant,
        "offset": offset,
        "seeds": seeds,
        "gain": gain,
        "predicted_better": None if gain["low"] is None else gain["low"] > 0,
        # What the mean gain would have had to be beyond, with seeds that differ as these do.
        "smallest_gain_shown": None if gain["low"] is None else gain["mean"] - gain["low"],
    }
