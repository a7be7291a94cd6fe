"""Onsets of the freeze: whether the arms of one can be compared, before any job.

A run that was resumed with all that decides its steps is compared together with the run that it was
resumed from: a list of segments, whose steps are counted from where the first of them began.
"""

from collections.abc import Mapping

from deadtokens.causes.requirements import chain
from planning import requirements
from planning.kick import DECIDING_MOTION
from planning.mistakes import ConfigurationError, as_yaml, check_known

# What may not differ between two arms: the same tokens by the same rule.
ALIKE = ("corpus", "motion_threshold")
# What may differ between two arms, and beside the seed not within one.
CHANGEABLE = (
    *(name for name in DECIDING_MOTION if name not in (*ALIKE, "random_seed")),
    *("schedule_steps", "resume_step"),
)


def segments(name: str, runs: Mapping) -> list[dict[str, object]]:
    """The runs of a course, first to last: name, first and last step, counted from the first run.

    The last run's own step k is step resume_step + k, and so on down the chain.
    """
    found: list[dict[str, object]] = []
    for run in chain(name, runs):
        begin = found[-1]["first_step"] - 1 + runs[run]["resume_step"] if found else 0
        if found:
            found[-1]["last_step"] = begin
        last = begin + runs[run]["total_steps"]
        found.append({"run": run, "first_step": begin + 1, "last_step": last})
    return found


def length(name: str, runs: Mapping) -> int:
    """The steps of a run, those of the runs that it goes back to counted too."""
    return segments(name, runs)[-1]["last_step"]


def shows(analysis: str, name: str, configuration: Mapping) -> bool:
    """Whether this run of an arm has the analysis of its whole course, from the first step on."""
    runs = configuration["runs"]
    if analysis != "course" and len(chain(name, runs)) > 1:
        return False
    return requirements.why_not(analysis, name, configuration) is None


def check(key: str, onset: Mapping, configuration: Mapping) -> None:
    """Arms of runs that differ in their seed alone, long enough, each with a seed in common."""
    arms, runs = onset["arms"], configuration["runs"]
    check_known(f"{key}.reference", onset["reference"], "arms", onset)
    reference = arms[onset["reference"]]
    for arm, names in arms.items():
        for name in names:
            check_known(f"{key}.arms.{arm}", name, "runs", configuration)
    for arm, names in arms.items():
        _check_arm(f"{key}.arms.{arm}", names, reference[0], configuration)
        check_seeds(f"{key}.arms.{arm}", names, runs)
        if not {*seeds(names, runs)} & {*seeds(reference, runs)}:
            raise ConfigurationError(
                f"{key}.arms.{arm} has the seeds {seeds(names, runs)}, the reference "
                f"{onset['reference']} {seeds(reference, runs)}; effects are paired by seed, so "
                "they need one in common at least."
            )
    _check_steps(key, onset, configuration)


def check_arm(key: str, names: list[str], configuration: Mapping) -> None:
    """Runs of one length that differ in their seed alone, and whose motion is recorded."""
    for name in names:
        check_known(key, name, "runs", configuration)
    _check_arm(key, names, names[0], configuration)
    steps = {name: {"total_steps": length(name, configuration["runs"])} for name in names}
    for name in names:
        check_same(key, name, names[0], "runs of one question", steps[name], steps[names[0]])
    check_seeds(key, names, configuration["runs"])


def check_seeds(key: str, names: list[str], runs: Mapping) -> None:
    """No two of these runs have one seed."""
    first = {}
    for name, seed in zip(names, seeds(names, runs), strict=True):
        if seed in first:
            raise ConfigurationError(
                f"{key} has {first[seed]} and {name}, both with random_seed: {seed}; allowed: runs "
                "that differ in it."
            )
        first[seed] = name


def seeds(names: list[str], runs: Mapping) -> list[int]:
    """The seed of each of these runs."""
    return [runs[name]["random_seed"] for name in names]


def deciding(run: Mapping) -> dict[str, object]:
    """What decides the steps of a run beside its seed, of a schedule only what it does to them."""
    steps = run["schedule_steps"] or run["total_steps"]
    length_of_schedule = None if run["schedule"] == "constant" else steps
    return {name: run[name] for name in CHANGEABLE} | {"schedule_steps": length_of_schedule}


def changes(name: str, reference: str, runs: Mapping) -> dict[str, object]:
    """The settings that a run has otherwise than another, the seed aside.

    `before_resume_step`: those that the run which it goes back to has otherwise, if there are any.
    """
    own, other = deciding(runs[name]), deciding(runs[reference])
    changed = {key: value for key, value in own.items() if value != other[key]}
    if runs[name]["resume_run"] is not None:
        of = runs[reference]["resume_run"] or reference
        before = changes(runs[name]["resume_run"], of, runs)
        changed |= {"before_resume_step": before} if before else {}
    return changed


def _check_arm(key: str, names: list[str], reference: str, configuration: Mapping) -> None:
    runs = configuration["runs"]
    for name in names:
        reason = requirements.why_not("course", name, configuration)
        if reason is not None:
            raise ConfigurationError(f"{key} has {name}. {reason}")
        found, wanted = runs[name], runs[reference]
        check_same(
            key,
            name,
            reference,
            "all arms",
            *({s: run[s] for s in ALIKE} for run in (found, wanted)),
        )
        pairs = zip(reversed(chain(name, runs)), reversed(chain(names[0], runs)), strict=False)
        for one, first in pairs:
            check_same(
                key, one, first, "runs of one arm", deciding(runs[one]), deciding(runs[first])
            )


def check_same(key: str, name: str, other: str, of: str, found: Mapping, wanted: Mapping) -> None:
    """ConfigurationError at the first setting in which `name` differs from `other`."""
    for setting, value in found.items():
        if value != wanted[setting]:
            raise ConfigurationError(
                f"{key} has {name}, whose {setting} is {as_yaml(value)}; allowed: that of {other}, "
                f"{as_yaml(wanted[setting])}, for it is one in {of}. Set runs.{name}.{setting}, or "
                f"take {name} out."
            )


def _check_steps(key: str, onset: Mapping, configuration: Mapping) -> None:
    through, still_for = onset["through_step"], configuration["causes"]["still_for"]
    if through <= still_for:
        raise ConfigurationError(
            f"{key}.through_step is {through}; allowed: more than causes.still_for, {still_for}: "
            "an onset is seen that many steps later."
        )
    runs = configuration["runs"]
    lengths = {name: length(name, runs) for names in onset["arms"].values() for name in names}
    short = [f"{name} ({steps})" for name, steps in lengths.items() if steps < through]
    if short:
        raise ConfigurationError(
            f"{key}.through_step is {through}, but of its runs have fewer steps: "
            f"{', '.join(short)}. Allowed: at most {min(lengths.values())}. Or set total_steps of "
            "these runs higher."
        )
    of_v = [name for name in lengths if shows("second_moment", name, configuration)]
    if of_v and onset["from_step"] > through:
        raise ConfigurationError(
            f"{key}.from_step is {onset['from_step']}; allowed: at most through_step, {through}, "
            f"for {of_v[0]} records how v grows."
        )
