"""The questions of the verdicts: whom they ask, and by what rule they are judged."""

import copy
from collections.abc import Mapping

from planning import schema
from planning.mistakes import ConfigurationError, check_known, nearest

# A question without a rule.
NO_RULE = {
    **dict.fromkeys(
        ("run", "file", "value", "interval", "minus", "supported_if", "contradicted_if")
    ),
    **{"statistic": "", "unit": "", "divided_by": [], "never": "undecided", "needs_steps": 0},
}
CONDITIONS = ("at_least", "above", "at_most", "below", "equals")


def completed(verdicts: Mapping, entries: Mapping) -> dict:
    """The section completed; every question asks the run that stands in for the one it names."""
    filled = schema.defaults(entries["verdicts"]) | copy.deepcopy(dict(verdicts))
    filled["chapters"] = schema.completed(filled["chapters"], entries["chapter"])
    filled["questions"] = schema.completed(filled["questions"], entries["question"])
    for question in filled["questions"].values():
        question["run"] = filled["runs"].get(question["run"], question["run"])
    return filled


def check(configuration: Mapping) -> None:
    """Raises `ConfigurationError` on a question whose rule cannot be followed."""
    verdicts = configuration["verdicts"]
    causes = configuration["causes"]
    tables = configuration["runs"], configuration["kick"], causes["onsets"], causes["forecasts"]
    answering = {name: entry for table in tables for name, entry in table.items()}
    known = {"runs": answering, "chapters": verdicts["chapters"]}
    for instead in verdicts["runs"].values():
        check_known("verdicts.runs", instead, "runs", known)
    for name, question in verdicts["questions"].items():
        if question["open_without_run"] and question["run"] not in answering:
            question |= NO_RULE | {"undecided_because": question["open_without_run"]}
        _check_question(f"verdicts.questions.{name}", question, known)


def _check_question(key: str, question: Mapping, known: Mapping) -> None:
    for name in ("notebook", "question"):
        if not question[name]:
            raise ConfigurationError(f"{key}.{name} is missing; every question needs it.")
    check_known(f"{key}.chapter", question["chapter"], "chapters", known)
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
    for name in ("supported_if", "contradicted_if"):
        _check_condition(f"{key}.{name}", question[name])


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
    if "equals" in given and len(given) > 1:
        raise ConfigurationError(f"{key} has {', '.join(given)}; allowed: equals alone.")
