"""Forecasts of the freeze: whether states and outcomes go together, before any job."""

from collections.abc import Iterator, Mapping

from planning import requirements
from planning.mistakes import ConfigurationError, as_yaml, check_known
from planning.runs import DECIDING_TRAINING

ROLES = ("chosen_on", "judged_on")
RUNS_OF_PAIR = ("state", "outcome")
# A longer run of the same training has more steps; its schedule is compared apart.
OF_TRAINING = tuple(n for n in DECIDING_TRAINING if n not in ("total_steps", "schedule_steps"))
# What may not differ between random seeds.
OF_ALL = (*(name for name in OF_TRAINING if name != "random_seed"), "motion_threshold")


def pairs(forecast: Mapping) -> Iterator[tuple[str, Mapping]]:
    """Every pair of a state and an outcome with its role, those to choose on first."""
    for role in ROLES:
        yield from ((role, pair) for pair in forecast[role])


def check(key: str, forecast: Mapping, configuration: Mapping) -> None:
    """Pairs of one training each, alike but for their seeds, which no two share."""
    runs = configuration["runs"]
    for role, pair in pairs(forecast):
        for part in RUNS_OF_PAIR:
            check_known(f"{key}.{role}", pair[part], "runs", configuration)
    first = forecast[ROLES[0]][0]["outcome"]
    taken = {}
    for role, pair in pairs(forecast):
        place = f"{key}.{role}"
        _check_pair(place, pair, configuration)
        _check_alike(place, pair["outcome"], first, OF_ALL, "all pairs", runs)
        seed = runs[pair["outcome"]]["random_seed"]
        if seed in taken:
            raise ConfigurationError(
                f"{place} has {pair['outcome']} with random_seed: {seed}, as {taken[seed]} has; "
                "allowed: a random seed once, for one that a forecast was chosen on cannot judge "
                "it. Take one out."
            )
        taken[seed] = f"{place}, {pair['outcome']},"
        _check_steps(key, forecast, *(runs[pair[part]]["total_steps"] for part in RUNS_OF_PAIR))


def _check_pair(key: str, pair: Mapping, configuration: Mapping) -> None:
    runs, state, outcome = configuration["runs"], pair["state"], pair["outcome"]
    for analysis, name in (("state", state), ("displacement", outcome)):
        reason = requirements.why_not(analysis, name, configuration)
        if reason is not None:
            raise ConfigurationError(f"{key} has {name}. {reason}")
    _check_alike(key, state, outcome, OF_TRAINING, "the two runs of a pair", runs)
    lengths = [runs[n]["schedule_steps"] or runs[n]["total_steps"] for n in (state, outcome)]
    if runs[outcome]["schedule"] != "constant" and lengths[0] != lengths[1]:
        raise ConfigurationError(
            f"{key} has {state} and {outcome}, whose {runs[outcome]['schedule']} schedules are of "
            f"{lengths[0]} and {lengths[1]} steps; allowed: the same training, whose learning "
            f"rates are the same. Set runs.{state}.schedule_steps to {lengths[1]}."
        )


def _check_steps(key: str, forecast: Mapping, of_state: int, of_outcome: int) -> None:
    at, through, still_for, window = (
        forecast[name] for name in ("state_step", "through_step", "still_for", "window")
    )
    stated = f"{key} has state_step: {at}, window: {window}, still_for: {still_for}, "
    stated += f"through_step: {through}"
    if not window <= at <= of_state:
        raise ConfigurationError(
            f"{stated}; allowed: a state_step within the {of_state} steps of every run under "
            "state, with a window before it."
        )
    if not at + still_for < through <= of_outcome:
        raise ConfigurationError(
            f"{stated}; allowed: a through_step within the {of_outcome} steps of every run under "
            "outcome, more than still_for after the state_step."
        )


def _check_alike(
    key: str, name: str, other: str, settings: tuple[str, ...], of: str, runs: Mapping
) -> None:
    for setting in settings:
        found, wanted = runs[name][setting], runs[other][setting]
        if found != wanted:
            raise ConfigurationError(
                f"{key} has {name}, whose {setting} is {as_yaml(found)}; allowed: that of {other}, "
                f"{as_yaml(wanted)}, for it is one in {of}. Set runs.{name}.{setting}, or take "
                f"{name} out."
            )
