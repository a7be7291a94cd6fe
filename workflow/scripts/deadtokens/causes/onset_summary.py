"""The onset of the freeze in one JSON object: every arm, and what it changes."""

from collections.abc import Mapping, Sequence

import pandas as pd

from deadtokens.causes import onset, onset_arms, onset_effects
from deadtokens.causes.course import UNITS
from deadtokens.causes.onset import Horizon

RULES = ("reference", "through_step", "still_for", "from_step", "bin_steps")
INTERVALS = "95% over random seeds, by Student's t"
NO_INTERVALS = "none: one random seed does not say what another would give"


def horizon(settings: Mapping) -> Horizon:
    """Which steps are looked at."""
    return Horizon(settings["through_step"], settings["still_for"])


def summary(
    settings: Mapping,
    courses: Mapping[str, Sequence[pd.DataFrame]],
    moments: Mapping[str, Sequence[Mapping]],
) -> dict[str, object]:
    """Arms and effects; docs/formats.md lists the keys.

    settings: `RULES`, and `arms` with their changes and runs; courses: one for each of these runs,
    by arm, as `onset.through` leaves them; moments: `onset_arms.second_moment` of the runs that
    show it, by arm.
    """
    reference, steps = settings["reference"], horizon(settings)
    arms = {arm["arm"]: arm for arm in settings["arms"]}
    changes = {name: arm["changes"] for name, arm in arms.items()}
    seeds = {name: [run["seed"] for run in arm["runs"]] for name, arm in arms.items()}
    some = courses[reference][0]
    several = any(len(of_arm) > 1 for of_arm in seeds.values())
    of_arms = {
        name: {
            "changes": changes[name],
            "runs": [run["run"] for run in arm["runs"]],
            "seeds": seeds[name],
            **onset_arms.summary(courses[name], moments[name], steps),
        }
        for name, arm in arms.items()
    }
    by_seed = {
        unit: {
            name: {
                seed: onset.numbers(course, unit, steps)
                for seed, course in zip(seeds[name], courses[name], strict=True)
            }
            for name in arms
        }
        for unit in UNITS
    }
    return {
        **{key: settings[key] for key in RULES},
        "latest_onset": steps.latest_onset,
        "tokens": int(some["tokens"].iloc[0]),
        "intervals": INTERVALS if several else NO_INTERVALS,
        "arms": of_arms,
        "effects": {
            unit: onset_effects.effects(
                by_seed[unit], changes, reference, steps.latest_onset, 1 / int(some[unit].iloc[0])
            )
            for unit in UNITS
        },
    }
