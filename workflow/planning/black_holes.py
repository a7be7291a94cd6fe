"""Comparisons of black holes: whether the arms of one can be compared, before any job."""

from collections.abc import Mapping

from planning import onsets, requirements
from planning.mistakes import ConfigurationError, check_known

ANALYSES = ("census_in_time", "null_census_in_time")
# Arms that differ from the first in these alone are drawn along the spread.
OF_SPREAD = ("init_spread", "init_std")


def runs_of(entry: Mapping) -> list[str]:
    """The runs of all arms, in their order."""
    return [name for names in entry["arms"].values() for name in names]


def spread(run: Mapping) -> float:
    """The standard deviation of an element around its mean in the initial rows of W."""
    return run["init_spread"] if run["init"] == "point" else run["init_std"]


def check(key: str, entry: Mapping, configuration: Mapping) -> None:
    """Arms of runs that differ in their seed alone, whose initial cloud is known, long enough."""
    runs = configuration["runs"]
    for arm, names in entry["arms"].items():
        place = f"{key}.arms.{arm}"
        for name in names:
            check_known(place, name, "runs", configuration)
            for analysis in ANALYSES:
                reason = requirements.why_not(analysis, name, configuration)
                if reason is not None:
                    raise ConfigurationError(f"{place} has {name}. {reason}")
            _check_alike(place, name, names[0], runs)
        onsets.check_seeds(place, names, runs)
    last = max(entry["steps"])
    short = [
        f"{n} ({runs[n]['total_steps']})" for n in runs_of(entry) if runs[n]["total_steps"] < last
    ]
    if short:
        raise ConfigurationError(
            f"{key}.steps has {last}, but of its runs have fewer steps: {', '.join(short)}. "
            "Take the step out, or set total_steps of these runs higher."
        )
    cloud = entry["published_cloud"]
    if cloud["lowest_spread"] >= cloud["highest_spread"]:
        raise ConfigurationError(
            f"{key}.published_cloud.lowest_spread is {cloud['lowest_spread']}; allowed: less than "
            f"highest_spread, {cloud['highest_spread']}."
        )


def _check_alike(key: str, name: str, first: str, runs: Mapping) -> None:
    found, wanted = (
        onsets.deciding(runs[one]) | {"corpus": runs[one]["corpus"]} for one in (name, first)
    )
    onsets.check_same(key, name, first, "runs of one arm", found, wanted)
