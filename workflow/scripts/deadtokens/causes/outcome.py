"""What became of tokens after a step, and how good a forecast of it was.

Definitions: docs/physics.md. A token *froze* if it was still over the last `window` steps of the
run at least: of later last motions a run cannot show whether the token stopped or paused.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens.causes.forecast import Forecast
from deadtokens.causes.updates import Update
from deadtokens.statistics.correlation import spearman

GROUPS = 10  # of tokens, by what was predicted
NONE_FROZE = "no token froze within the run"
ALL_FROZE = "every token had frozen before the forecast"


@dataclass
class Outcome:
    """Gathered step by step; `until` ends what a forecast at that step may know."""

    steps: int
    window: int
    threshold: float
    until: int
    last_motion: np.ndarray | None = None  # (n,)
    last_motion_then: np.ndarray | None = None  # up to `until`
    moved: np.ndarray | None = None  # (n, D) within the last window of the run
    moved_then: np.ndarray | None = None  # within the last window up to `until`

    def add(self, step: Update) -> None:
        """Take up the next step."""
        if self.last_motion is None:
            self.last_motion = np.full(len(step.m), -1)
            self.moved, self.moved_then = (np.zeros(step.m.shape, bool) for _ in range(2))
        self.last_motion[step.displacement() >= self.threshold] = step.number
        for moved, end in ((self.moved, self.steps), (self.moved_then, self.until)):
            if end - self.window < step.number <= end:
                moved |= step.before != step.after
        if step.number == self.until:
            self.last_motion_then = self.last_motion.copy()

    @property
    def share_moving(self) -> np.ndarray:
        """Of each token's elements, those that moved within the last window, (n,)."""
        return self.moved.mean(axis=1)


def judge(forecast: Forecast, outcome: Outcome) -> dict[str, object]:
    """How good it was, as a JSON object."""
    trends = forecast.trends
    return {
        "misfit_in_window": trends.misfit,
        "mean_slopes": {part: float(np.nanmean(slope)) for part, slope in trends.slopes.items()},
        "freeze": judge_freeze(forecast.last_motion, outcome),
        "share_moving": judge_share(forecast.share_moving, outcome),
    }


def judge_freeze(predicted: np.ndarray, outcome: Outcome) -> dict[str, object]:
    """Of the tokens that moved in the window before the forecast: frozen or not, and when.

    Errors of time are over those that froze; one that was predicted not to counts as predicted for
    the last step, so its error is a lower bound. The constant that errors are compared with is the
    median of what happened, which no forecast could know.
    """
    judged = outcome.last_motion_then > outcome.until - outcome.window
    last, predicted = outcome.last_motion[judged], predicted[judged]
    latest = outcome.steps - outcome.window
    froze, said_so = last <= latest, predicted <= latest
    result = {
        "tokens_judged": int(judged.sum()),
        "frozen_before": int((~judged).sum()),
        "froze": int(froze.sum()),
        "predicted_to_freeze": int(said_so.sum()),
    }
    if not froze.any():
        return result | {"not_judged": ALL_FROZE if not judged.any() else NONE_FROZE}
    _, at_each_step = np.unique(last[froze], return_counts=True)
    return result | {
        "not_judged": None,
        "share_right_about_freezing": float((froze == said_so).mean()),
        "share_right_by_the_commoner": float(max(froze.mean(), 1 - froze.mean())),
        "rank_correlation": spearman(predicted, last),
        # Near 1 where one burst moved all of them last: then there are no times of their own.
        "share_that_stopped_at_the_commonest_step": float(at_each_step.max() / froze.sum()),
        **_errors(predicted[froze], last[froze]),
        "calibration": calibration(predicted, last),
    }


def judge_share(predicted: np.ndarray, outcome: Outcome) -> dict[str, object]:
    """Of all tokens, the share of elements that move in the last window; beside it two rivals.

    `as_before`: that it stays what it was in the window before the forecast.
    """
    happened, before = outcome.share_moving, outcome.moved_then.mean(axis=1)
    return {
        "mean_predicted": float(predicted.mean()),
        "mean_that_happened": float(happened.mean()),
        "rank_correlation": spearman(predicted, happened),
        **_errors(predicted, happened),
        "as_before": {
            "mean": float(before.mean()),
            "rank_correlation": spearman(before, happened),
            **_errors(before, happened),
        },
        "calibration": calibration(predicted, happened),
    }


def calibration(predicted: np.ndarray, happened: np.ndarray) -> list[dict[str, float]]:
    """Tokens in groups of equal number by what was predicted: medians of both."""
    order = np.argsort(predicted, kind="stable")
    return [
        {
            "tokens": len(group),
            "predicted": float(np.median(predicted[group])),
            "happened": float(np.median(happened[group])),
        }
        for group in np.array_split(order, GROUPS)
        if len(group)
    ]


def _errors(predicted: np.ndarray, happened: np.ndarray) -> dict[str, float | None]:
    """Median and mean of absolute errors, and how many times those of the best constant."""
    error, constant = np.abs(predicted - happened), np.abs(happened - np.median(happened))
    errors = {}
    for name, average in (("median", np.median), ("mean", np.mean)):
        errors[f"{name}_absolute_error"] = float(average(error))
        errors[f"{name}_of_the_best_constant"] = float(average(constant))
        errors[f"{name}_over_constant"] = (
            float(average(error) / average(constant)) if average(constant) else None
        )
    return errors


def table(
    token_ids: np.ndarray, forecasts: Mapping[str, Forecast], outcome: Outcome
) -> pd.DataFrame:
    """A row per token, in the order of the trajectory."""
    columns = {
        "token_id": token_ids,
        "last_motion_then": outcome.last_motion_then,
        "last_motion_step": outcome.last_motion,
        "share_moving_then": outcome.moved_then.mean(axis=1),
        "share_moving": outcome.share_moving,
    }
    for form, made in forecasts.items():
        columns[f"last_motion_step_{form}"] = made.last_motion
        columns[f"share_moving_{form}"] = made.share_moving
    return pd.DataFrame(columns)


def summary(forecasts: Mapping[str, Forecast], outcome: Outcome) -> dict[str, object]:
    """Both forms, and the one that is the forecast: it fits the window better, whatever came."""
    chosen = min(forecasts, key=lambda form: forecasts[form].trends.misfit)
    return {"chosen": chosen, **{form: judge(made, outcome) for form, made in forecasts.items()}}
