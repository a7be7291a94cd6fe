"""The onset of the freeze in one JSON object: every arm, and what goes away of the fall."""

from collections.abc import Mapping, Sequence

from deadtokens.causes import onset, onset_arms, onset_effects
from deadtokens.causes.onset import Course
from deadtokens.errors import UserError

RULES = ("reference", "from_step", "window", "bin_steps", "motion_threshold")


def check_number(what: str, files: Sequence[object], runs: Sequence[Mapping]) -> None:
    """UserError unless there is a file for each of these runs."""
    if len(files) != len(runs):
        names = ", ".join(run["run"] for run in runs) or "no run"
        raise UserError(f"{len(files)} {what} for {names}: give one for each, in this order.")


def summary(
    settings: Mapping,
    courses: Mapping[str, Sequence[Course]],
    moments: Mapping[str, Sequence[Mapping]],
) -> dict[str, object]:
    """Arms, effects and shifts; docs/formats.md lists the keys.

    settings: `RULES`, and `arms` with their changes and runs; courses: one for each of these runs,
    by arm; moments: `onset_arms.second_moment` of the runs that show it, by arm.
    """
    reference, first, window = (settings[key] for key in RULES[:3])
    numbers = {
        arm: [onset.numbers(one, first, window) for one in of] for arm, of in courses.items()
    }
    changes = {arm["arm"]: arm["changes"] for arm in settings["arms"]}
    seeds = {arm["arm"]: [run["seed"] for run in arm["runs"]] for arm in settings["arms"]}
    by_seed = {arm: dict(zip(seeds[arm], of, strict=True)) for arm, of in numbers.items()}
    some = courses[reference][0]
    of_arms = {
        arm["arm"]: {
            "changes": arm["changes"],
            **onset_arms.summary(arm["runs"], numbers[arm["arm"]], moments[arm["arm"]], some.steps),
        }
        for arm in settings["arms"]
    }
    return {
        **{key: settings[key] for key in RULES},
        **{"tokens": len(some.last), "steps": some.steps, "arms": of_arms},
        "effects": onset_effects.effects(by_seed, changes, reference),
        "shifts": onset_effects.shifts(by_seed, reference),
    }
