"""Which analyses a run of the configuration can have: one table for rules, report and tests.

What an analysis requires stands once, in `requirements.py` of its question's package, and the
programs ask the same of the settings that they are given.
"""

from collections.abc import Callable, Mapping

from deadtokens.causes import requirements as causes
from deadtokens.census import requirements as census
from deadtokens.cohorts import requirements as cohorts
from deadtokens.drift import requirements as drift
from deadtokens.kick import requirements as kick
from deadtokens.recorded.requirements import ROWS_OF_TOKENS, why_no_population
from planning import corpora

SHOWN = 12

# (name of the run, its settings, the whole configuration, population of tokens) -> reason or None
WhyNot = Callable[[str, Mapping, Mapping, str], str | None]


def _words(name: str, run: Mapping, configuration: Mapping, population: str) -> str | None:
    """What names tokens needs a tokenizer; only a run that was made elsewhere may have none."""
    corpus = configuration["corpora"][run["corpus"]]
    reason = corpora.why_no_tokenizer(run["corpus"], corpus)
    return reason and f"{name} is to have its tokens named. {reason}"


def _freezing(name: str, run: Mapping, configuration: Mapping, population: str) -> str | None:
    asked = name, run, configuration, population
    return _motion(*asked) or _words(*asked)


def _drift(name: str, run: Mapping, configuration: Mapping, population: str) -> str | None:
    return drift.why_no_drift(name, run) or _words(name, run, configuration, population)


def _motion(name: str, run: Mapping, configuration: Mapping, population: str) -> str | None:
    return why_no_population(name, run, population, "W")


# By the name of the analysis, which its files in results/RUN/ have, too. All that follows from the
# displacement takes what that takes.
ANALYSES: dict[str, WhyNot] = {
    **dict.fromkeys(
        (
            *("displacement", "phases", "phase_transitions", "lifecycle"),
            *("stillness", "permanence"),
        ),
        _motion,
    ),
    "freezing": _freezing,
    # Of dead tokens alone, whatever else is recorded.
    "explorer": lambda name, run, *_: why_no_population(name, run, "dead", "W"),
    "rows": lambda name, run, _, population: why_no_population(
        name, run, population, *ROWS_OF_TOKENS
    ),
    "census_in_time": lambda name, run, _, population: census.why_no_census_in_time(
        name, run, population
    ),
    "null_census_in_time": lambda name, run, *_: census.why_no_null_census_in_time(name, run),
    "momentum": lambda name, run, *_: cohorts.why_no_momentum(name, run),
    "gradients": lambda name, run, *_: cohorts.why_no_gradients(name, run),
    "drift": _drift,
    "untrained_motion": lambda name, _, configuration, __: kick.why_no_untrained_motion(
        name, configuration["runs"]
    ),
    "course": lambda name, _, configuration, __: causes.why_no_course(name, configuration["runs"]),
    "audit": lambda name, run, *_: causes.why_no_audit(name, run),
    "state": lambda name, run, *_: causes.why_no_state(name, run),
    "second_moment": lambda name, run, *_: causes.why_no_second_moment(name, run),
    "account": lambda name, run, configuration, _: causes.why_no_account(
        name, run, configuration["causes"]["account"]
    ),
}


def why_not(
    analysis: str, name: str, configuration: Mapping, population: str = "dead"
) -> str | None:
    """Why this run of the configuration cannot have this analysis; None if it can."""
    return ANALYSES[analysis](name, configuration["runs"][name], configuration, population)


def refusal(
    analysis: str, name: str, configuration: Mapping, population: str = "dead"
) -> str | None:
    """The same for the person who asked for it, with the runs that can have it."""
    reason = why_not(analysis, name, configuration, population)
    if reason is None:
        return None
    able = [
        other
        for other in sorted(configuration["runs"])
        if why_not(analysis, other, configuration, population) is None
    ]
    more = f" and {len(able) - SHOWN} more" if len(able) > SHOWN else ""
    return f"{reason} Runs that can have it: {', '.join(able[:SHOWN]) or 'none'}{more}."
