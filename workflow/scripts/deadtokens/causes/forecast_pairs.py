"""The random seeds of a forecast, each from a state that is recorded and an outcome that follows.

The state comes from a run that records moments, the outcome from one of the same training that may
be longer; that it is the same training is checked in every bit of the weights at the state.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from deadtokens.causes import forecast_cloud, forecast_methods, still, token_state, updates
from deadtokens.causes.forecast_cloud import Cloud
from deadtokens.causes.forecast_judgement import Seed
from deadtokens.causes.forecast_summary import Pair, check
from deadtokens.causes.requirements import why_no_state
from deadtokens.causes.updates import OF_STATE, Update
from deadtokens.errors import UserError
from deadtokens.files.access import Reader
from deadtokens.recorded.requirements import require
from deadtokens.recorded.rows import TokenRows
from deadtokens.update_law import UpdateLaw

CHUNK_BYTES = 8_000_000


def check_numbers(files: Mapping[str, Sequence[Path]], pairs: Sequence[Mapping]) -> None:
    """UserError unless there is a file of each kind for each random seed."""
    for name, paths in files.items():
        if len(paths) != len(pairs):
            raise UserError(
                f"{len(paths)} {name} for {len(pairs)} pairs in the settings: give one for each, "
                "in their order."
            )


def check_one_training(state: TokenRows, outcome: TokenRows, step: int) -> None:
    """UserError unless both have the same weights after this step, in every bit."""
    for rows in (state, outcome):
        steps = rows.number_of_steps(["W"])
        if steps < step:
            raise UserError(
                f"{rows.path} has {steps} steps; the state is that after step {step}: give a run "
                "of so many, or set an earlier state_step."
            )
    found, expected = (rows.read("W", step, step + 1)[0] for rows in (state, outcome))
    if not np.array_equal(state.token_ids, outcome.token_ids):
        raise UserError(
            f"{state.path} is of {len(state.token_ids)} dead tokens, {outcome.path} of other "
            f"{len(outcome.token_ids)}: give two runs of one training."
        )
    if not np.array_equal(found, expected):
        different = int((found != expected).any(axis=1).sum())
        raise UserError(
            f"{state.path} and {outcome.path} have other weights of {different} of {len(found)} "
            f"dead tokens after step {step}, so they are not the same training: what became of one "
            "says nothing of the other. Train both on one machine with the same settings."
        )


def pair(
    entry: Mapping, settings: Mapping, rows: TokenRows, moved: Reader, scripts: pd.Series
) -> Pair:
    """What was known of one random seed at the step of the state, and what came of it.

    rows: of the state's trajectory. moved: the displacement of the outcome. scripts: of its tokens.
    """
    require(why_no_state(entry["state"], entry))
    if not np.array_equal(moved.read("token_ids"), rows.token_ids):
        raise UserError(
            f"{moved.path} is of other tokens than {rows.path}: give the files of one random seed."
        )
    at, through, window = (settings[key] for key in ("state_step", "through_step", "window"))
    threshold, still_for = settings["motion_threshold"], settings["still_for"]
    law = UpdateLaw.from_settings(entry)

    def run() -> Iterator[Update]:
        for number in range(at - window + 1, at + 1):
            yield updates.of_state(rows.step(number, OF_STATE), law)

    def chunks():
        return moved.chunks("l2", CHUNK_BYTES)

    motion = token_state.motion_until(chunks(), threshold, at, window)
    known = token_state.known(run, law, at, through, motion, rows.token_ids)
    onsets = still.onsets(chunks(), threshold, still_for, through)
    open_ = onsets.censored | (onsets.step + still_for > at)  # not known yet
    features = forecast_methods.features(known, [*scripts], open_)
    made = Pair(
        role=entry["role"],
        state=entry["state"],
        outcome=entry["outcome"],
        random_seed=entry["random_seed"],
        token_ids=rows.token_ids[open_],
        seed=Seed(features, onsets.of(open_)),
        known_before=int((~open_).sum()),
        cloud=_cloud(known.distance, onsets, law, at),
    )
    check(made, settings["folds"])
    return made


def _cloud(distance: np.ndarray, onsets: still.Onsets, law: UpdateLaw, at: int) -> Cloud:
    steps, misfit = forecast_cloud.crossing(distance, law, at, onsets.latest)
    median = int(np.sort(onsets.order)[(len(onsets.order) - 1) // 2])
    return Cloud(
        restricted_mean=float(onsets.step.mean()),
        median=median if median <= onsets.latest else None,
        crossing=steps,
        misfit=misfit,
    )
