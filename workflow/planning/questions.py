"""The questions of the verdicts: whom they ask, and by what rule they are judged."""

import copy
import datetime
from collections.abc import Mapping

from planning import onsets, schema
from planning.mistakes import ConfigurationError, check_known, nearest

# A question without a rule.
NO_RULE = {
    **dict.fromkeys(
        ("run", "file", "value", "interval", "minus", "supported_if", "contradicted_if")
    ),
    **{"statistic": "", "unit": "", "divided_by": [], "never": "undecided", "needs_steps": 0},
    "not_contradicted_because": None,
}
NO_EVIDENCE = "interval_over_tokens"  # of another random seed, which is what a rule is about
CONDITIONS = ("at_least", "above", "at_most", "below", "equals", "outside")
ALONE = ("equals", "outside")
# What a verdict depends on, beside the evidence.
RULE = (
    *("statistic", "file", "value", "interval", "minus", "divided_by", "supported_if"),
    *("contradicted_if", "never", "needs_steps"),
)
# What says when a rule was made.
AGE = ("kind", "rule_since", "first_run")


def completed(verdicts: Mapping, entries: Mapping) -> dict:
    """The section completed; every question asks the run that stands in for the one it names."""
    filled = schema.defaults(entries["verdicts"]) | copy.deepcopy(dict(verdicts))
    filled["chapters"] = schema.completed(filled["chapters"], entries["chapter"])
    filled["questions"] = schema.completed(filled["questions"], entries["question"])
    for question in filled["questions"].values():
        question["run"] = filled["runs"].get(question["run"], question["run"])
    return filled


def with_changed_rules(given: Mapping, shipped: Mapping) -> dict:
    """The section `verdicts`; a shipped rule that it changes is no longer one fixed before.

    shipped: the questions of config/verdicts.yaml. A configuration that changes a rule and says
    itself of which kind and date it is, is taken at its word.
    """
    questions = dict(given.get("questions") or {})
    for name in questions.keys() & shipped.keys():
        mine, theirs = questions[name], shipped[name]
        if not isinstance(mine, Mapping):
            continue  # the schema says what it should be
        changed = any(mine.get(key) != theirs.get(key) for key in RULE)
        same_age = all(mine.get(key) == theirs.get(key) for key in AGE)
        if changed and same_age and theirs.get("kind") == "fixed_before":
            questions[name] = {**mine, "kind": "changed_after", "rule_since": None}
    return {**given, "questions": questions}


def check(configuration: Mapping) -> None:
    """Raises `ConfigurationError` on a question whose rule cannot be followed."""
    verdicts = configuration["verdicts"]
    causes = configuration["causes"]
    tables = configuration["runs"], configuration["kick"], causes["onsets"], causes["forecasts"]
    answering = {name: entry for table in tables for name, entry in table.items()}
    known = {"runs": answering, "chapters": verdicts["chapters"]}
    for instead in verdicts["runs"].values():
        check_known("verdicts.runs", instead, "runs", known)
    for name, others in verdicts["seeds"].items():
        onsets.check_arm(f"verdicts.seeds.{name}", [name, *others], configuration)
    for name, question in verdicts["questions"].items():
        if question["open_without_run"] and question["run"] not in answering:
            question |= NO_RULE | {"undecided_because": question["open_without_run"]}
        _check_question(f"verdicts.questions.{name}", question, known)


def _check_question(key: str, question: Mapping, known: Mapping) -> None:
    for name in ("notebook", "question"):
        if not question[name]:
            raise ConfigurationError(f"{key}.{name} is missing; every question needs it.")
    check_known(f"{key}.chapter", question["chapter"], "chapters", known)
    _check_age(key, question)
    needed = ("statistic", "run", "file", "value", "supported_if")
    if question["undecided_because"]:
        given = [name for name in needed[2:] if question[name]]
        if given:
            raise ConfigurationError(
                f"{key} has both undecided_because and {given[0]}; allowed: a rule, or the reason "
                "why there can be none. Remove one, or set undecided_because to null."
            )
        return
    missing = [name for name in needed if not question[name]]
    if missing:
        raise ConfigurationError(
            f"{key}.{missing[0]} is missing; a question needs {', '.join(needed)}, or "
            "undecided_because."
        )
    check_known(f"{key}.run", question["run"], "runs", known)
    _check_paths(key, question)
    for name in ("supported_if", "contradicted_if"):
        _check_condition(f"{key}.{name}", question[name])
    _check_contradiction(key, question)


def _check_age(key: str, question: Mapping) -> None:
    """No rule passes for older than the runs that it judges."""
    dates = {}
    for name in ("rule_since", "first_run"):
        try:
            given = question[name]
            dates[name] = given and datetime.date.fromisoformat(given)
        except ValueError:
            raise ConfigurationError(
                f"{key}.{name} is {given!r}, no day of the calendar; allowed: a date as "
                '"2026-11-24", in quotes, or null.'
            ) from None
    if question["kind"] != "fixed_before":
        return
    since, first = dates["rule_since"], dates["first_run"]
    if since is None:
        raise ConfigurationError(
            f"{key}.kind is fixed_before and {key}.rule_since is missing; expected the date on "
            "which the rule was last changed. Where it is not known, kind is changed_after."
        )
    if first is not None and since > first:
        raise ConfigurationError(
            f"{key}.kind is fixed_before, but its rule_since, {since}, is after its first_run, "
            f"{first}; a rule that was changed after a run that it judges is of the kind "
            "changed_after."
        )


def _check_contradiction(key: str, question: Mapping) -> None:
    """A rule that nothing can contradict is no rule."""
    can_be = question["contradicted_if"] or question["never"] == "contradicted"
    if not can_be and not question["not_contradicted_because"]:
        raise ConfigurationError(
            f"{key}.contradicted_if is missing, so that no statistic could contradict the answer. "
            "Add it (or never: contradicted), or say in not_contradicted_because why there can be "
            "none."
        )
    if question["contradicted_if"] and question["not_contradicted_because"]:
        raise ConfigurationError(
            f"{key} has both contradicted_if and not_contradicted_because; allowed: one of them. "
            "Set the other to null."
        )


def _check_paths(key: str, question: Mapping) -> None:
    places = {name: question[name] for name in ("value", "minus", "interval", "divided_by")}
    for name, paths in places.items():
        for path in [paths] if isinstance(paths, str) else paths or ():
            if NO_EVIDENCE in path.split("."):
                raise ConfigurationError(
                    f"{key}.{name} is {path}; allowed: what is no interval over tokens, for one "
                    "push moves all tokens, and which of them are drawn decides nothing about "
                    "another random seed. Give interval_over_pseudo_seams, or null."
                )


def _check_condition(key: str, condition: Mapping | None) -> None:
    given = [name for name, bound in (condition or {}).items() if bound is not None]
    if condition is not None and not given:
        raise ConfigurationError(f"{key} has no bound. {nearest('', CONDITIONS)}")
    for pair in (("at_least", "above"), ("at_most", "below")):
        if set(pair) <= set(given):
            raise ConfigurationError(
                f"{key} has both {pair[0]} and {pair[1]}; allowed: one of them. Set the other "
                "to null."
            )
    for name in ALONE:
        if name in given and len(given) > 1:
            raise ConfigurationError(f"{key} has {', '.join(given)}; allowed: {name} alone.")
    outside = (condition or {}).get("outside")
    if outside and outside[0] > outside[1]:
        raise ConfigurationError(
            f"{key}.outside is {outside}; allowed: the lower bound before the higher one."
        )
