"""Onsets of the freeze: whether the arms of one can be compared, before any job."""

from collections.abc import Mapping

from planning.kick import DECIDING_MOTION
from planning.mistakes import ConfigurationError, as_yaml, check_known

# What may not differ between two arms: the same tokens over the same steps by the same rule.
ALIKE = ("corpus", "total_steps", "motion_threshold")
# What may differ between two arms, and beside the seed not within one.
CHANGEABLE = (
    *(name for name in DECIDING_MOTION if name not in (*ALIKE, "random_seed")),
    *("schedule_steps", "resume_run", "resume_step", "restore"),
)


def check(key: str, onset: Mapping, configuration: Mapping) -> None:
    """Arms of runs that differ in their seed alone, of one length, each with a seed in common."""
    arms, runs = onset["arms"], configuration["runs"]
    check_known(f"{key}.reference", onset["reference"], "arms", onset)
    reference = arms[onset["reference"]]
    for arm, names in arms.items():
        for name in names:
            check_known(f"{key}.arms.{arm}", name, "runs", configuration)
    for arm, names in arms.items():
        _check_alike(f"{key}.arms.{arm}", names, reference[0], runs)
        _check_seeds(f"{key}.arms.{arm}", names, runs)
        if not {*seeds(names, runs)} & {*seeds(reference, runs)}:
            raise ConfigurationError(
                f"{key}.arms.{arm} has the seeds {seeds(names, runs)}, the reference "
                f"{onset['reference']} {seeds(reference, runs)}; effects are paired by seed, so "
                "they need one in common at least."
            )
    _check_windows(key, onset, runs[reference[0]]["total_steps"])


def check_arm(key: str, names: list[str], configuration: Mapping) -> None:
    """Runs that differ in their seed alone, and whose motion is recorded."""
    for name in names:
        check_known(key, name, "runs", configuration)
    _check_alike(key, names, names[0], configuration["runs"])
    _check_seeds(key, names, configuration["runs"])


def seeds(names: list[str], runs: Mapping) -> list[int]:
    """The seed of each of these runs."""
    return [runs[name]["random_seed"] for name in names]


def changes(run: Mapping, reference: Mapping) -> dict[str, object]:
    """The settings that a run has otherwise than another, the seed aside."""
    return {name: run[name] for name in CHANGEABLE if run[name] != reference[name]}


def _check_alike(key: str, names: list[str], reference: str, runs: Mapping) -> None:
    for name in names:
        for setting in ALIKE:
            _check_same(key, name, setting, reference, "all arms", runs)
        for setting in CHANGEABLE:
            _check_same(key, name, setting, names[0], "runs of one arm", runs)
        if "W" not in runs[name]["record"]:
            raise ConfigurationError(
                f"{key} has {name}, whose record is {runs[name]['record']}; allowed: runs with W "
                f"among it. Add it to runs.{name}.record."
            )


def _check_same(key: str, name: str, setting: str, other: str, of: str, runs: Mapping) -> None:
    found, wanted = runs[name][setting], runs[other][setting]
    if found != wanted:
        raise ConfigurationError(
            f"{key} has {name}, whose {setting} is {as_yaml(found)}; allowed: that of {other}, "
            f"{as_yaml(wanted)}, for it is one in {of}. Set runs.{name}.{setting}, or take {name} "
            "out."
        )


def _check_seeds(key: str, names: list[str], runs: Mapping) -> None:
    first = {}
    for name, seed in zip(names, seeds(names, runs), strict=True):
        if seed in first:
            raise ConfigurationError(
                f"{key} has {first[seed]} and {name}, both with random_seed: {seed}; allowed: runs "
                "that differ in it."
            )
        first[seed] = name


def _check_windows(key: str, onset: Mapping, steps: int) -> None:
    first, window = onset["from_step"], onset["window"]
    if first - 1 + 2 * window > steps:
        raise ConfigurationError(
            f"{key} has from_step: {first}, window: {window}; allowed: two windows side by side "
            f"within the {steps} steps of its runs, one from from_step on and one at the end."
        )
