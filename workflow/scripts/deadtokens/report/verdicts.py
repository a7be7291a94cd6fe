"""Verdicts: the questions of the published notebooks, judged by statistics and fixed rules.

A question has ranges of a statistic in which its answer is yes (supported) or no (contradicted).
With an interval the whole interval must lie in the range, so that an uncertain statistic stays
undecided. All else is undecided too, and says why.

A verdict is worth as much as its rule is old. Each question says of which kind its rule is: fixed
before the first run that it judges, changed after one was seen, or one whose answer follows from
the definitions. The last kind confirms nothing: where it holds the verdict is `by_construction`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from deadtokens.statistics.seeds import over_seeds

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
BY_CONSTRUCTION = "by_construction"  # a kind of rule, and the verdict where such a rule holds
VERDICTS = (SUPPORTED, CONTRADICTED, UNDECIDED, BY_CONSTRUCTION)
# How each is called on a page.
VERDICT_WORDS = {verdict: verdict for verdict in VERDICTS} | {
    BY_CONSTRUCTION: "follows by construction"
}
KINDS = {
    "fixed_before": "fixed before the first run that they judge",
    "changed_after": "written or changed after a run that they judge was seen",
    BY_CONSTRUCTION: "restate what follows from the definitions",
}

COLUMNS = (
    "chapter",
    "notebook",
    "name",
    "question",
    "run",
    "statistic",
    "value",
    "low",
    "high",
    "unit",
    "rule",
    "kind",
    "rule_since",
    "first_run",
    "verdict",
    "reason",
    "seeds",
    "seeds_never",
    "seeds_mean",
    "seeds_low",
    "seeds_high",
)


@dataclass(frozen=True)
class Range:
    """Values for which a rule holds: bounds, each with or without the bound itself.

    With `outside` it is the other values: those below both bounds, and those above them.
    """

    low: float = -math.inf
    high: float = math.inf
    low_is_in: bool = True
    high_is_in: bool = True
    outside: bool = False

    @classmethod
    def of(cls, rule: Mapping[str, object]) -> "Range":
        """From a rule of the configuration: at_least, above, at_most, below; or equals alone, or
        outside alone."""
        if rule.get("equals") is not None:
            return cls(float(rule["equals"]), float(rule["equals"]))
        if rule.get("outside") is not None:
            return cls(*map(float, rule["outside"]), outside=True)
        low, high = rule.get("at_least"), rule.get("at_most")
        above, below = rule.get("above"), rule.get("below")
        return cls(
            low=_first(low, above, -math.inf),
            high=_first(high, below, math.inf),
            low_is_in=above is None,
            high_is_in=below is None,
        )

    def holds(self, low: float, high: float) -> bool:
        """Whether all values from low to high are in the range."""
        if self.outside:
            return high < self.low or low > self.high
        from_below = low >= self.low if self.low_is_in else low > self.low
        from_above = high <= self.high if self.high_is_in else high < self.high
        return from_below and from_above


class Missing(Exception):
    """A statistic that cannot be judged; the message says why."""


def judge(
    questions: Mapping[str, Mapping],
    evidence: Mapping[str, Mapping],
    steps: Mapping[str, int],
    seeds: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, object]]:
    """A row per question, in their order: `COLUMNS`, None for what there is not.

    questions: entries of the configuration by name; evidence: JSON objects by `RUN/FILE`; steps:
    how many each run has; seeds: runs of the same training at other random seeds, by run. Over
    all of them `seeds` counts, `seeds_never` of which have no value; only without any of these is
    there a mean, and of two or more its interval of 95%. They decide no verdict.
    """
    rows = [_row(name, question, evidence, steps) for name, question in questions.items()]
    for row, question in zip(rows, questions.values(), strict=True):
        others = (seeds or {}).get(question["run"])
        if others and row["run"] and f"{row['run']}/{question['file']}" in evidence:
            row |= _over_seeds(question, [question["run"], *others], evidence)
    return rows


def table(rows: Sequence[Mapping]) -> pd.DataFrame:
    """The same rows; values are numbers and truth values, and stay what each is."""
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def counts(rows: Sequence[Mapping]) -> dict[str, int]:
    """How many questions got each verdict; what follows by construction is not supported."""
    return {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in VERDICTS}


def counts_by_kind(rows: Sequence[Mapping]) -> dict[str, dict[str, int]]:
    """The same of the questions whose rule is of each kind."""
    return {kind: counts([row for row in rows if row["kind"] == kind]) for kind in KINDS}


def statistic(evidence: Mapping, path: str) -> object:
    """What a path of keys leads to; raises `Missing` where there is no such key.

    `a.b.0.c`, with a number for an entry of a list; `a.lag=10.c` takes the entry whose lag is 10.
    """
    value, walked = evidence, []
    for key in path.split("."):
        walked.append(key)
        try:
            value = _entry(value, key) if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError, ValueError, StopIteration):
            raise Missing(f"there is no {'.'.join(walked)} in it") from None
    return value


def not_in_report(run: str) -> str:
    """The reason of a question whose run is not in the report."""
    return f"there is no {run} in this report"


def had_no_run(row: Mapping) -> bool:
    """Whether nothing that was run could answer a question, of a row of `judge`."""
    return row["run"] is None or row["reason"] == not_in_report(row["run"])


def in_words(question: Mapping) -> str:
    """The rule of a question as a sentence."""
    if question["undecided_because"]:
        return "open until there are runs that can decide it"
    rules = {verdict: question[f"{verdict}_if"] for verdict in (SUPPORTED, CONTRADICTED)}
    parts = [f"{verdict} if {_condition(rule)}" for verdict, rule in rules.items() if rule]
    if question["never"] != UNDECIDED:
        parts.append(f"{question['never']} if it never happens")
    if question["needs_steps"]:
        parts.append(f"needs {question['needs_steps']:,} steps")
    return "; ".join(parts)


def _row(name: str, question: Mapping, evidence: Mapping, steps: Mapping) -> dict[str, object]:
    row = dict.fromkeys(COLUMNS) | {"name": name, "rule": in_words(question)}
    row |= {key: question[key] for key in COLUMNS if key in question and key != "value"}
    try:
        row |= _measured(question, evidence)
        _check_length(question, steps)
        verdict, row["reason"] = _judged(question, row["value"], row["low"], row["high"])
        confirms_nothing = question["kind"] == BY_CONSTRUCTION and verdict == SUPPORTED
        row["verdict"] = BY_CONSTRUCTION if confirms_nothing else verdict
    except Missing as missing:
        row |= {"verdict": UNDECIDED, "reason": str(missing)}
    return row


def _over_seeds(question: Mapping, runs: Sequence[str], evidence: Mapping) -> dict[str, object]:
    values = []
    for run in runs:
        try:
            value = _measured({**question, "run": run}, evidence)["value"]
        except Missing:
            value = None
        values.append(None if value is None else float(value))
    found = over_seeds(values)
    ends = {f"seeds_{name}": found[name] for name in ("never", "mean", "low", "high")}
    return {"seeds": found["seeds"], **ends}


def _measured(question: Mapping, evidence: Mapping) -> dict[str, object]:
    if question["undecided_because"]:
        raise Missing(question["undecided_because"])
    run, file = question["run"], question["file"]
    if f"{run}/{file}" not in evidence:
        raise Missing(not_in_report(run))
    try:
        return _numbers(question, evidence[f"{run}/{file}"])
    except Missing as missing:
        raise Missing(f"{run}/{file}: {missing}") from None


def _check_length(question: Mapping, steps: Mapping) -> None:
    run, needed = question["run"], question["needs_steps"]
    if steps.get(run, needed) < needed:
        has = f"{steps[run]:,} steps, and this needs {needed:,}"
        raise Missing(f"the run {run} is too short: {has}")


def _numbers(question: Mapping, found: Mapping) -> dict[str, object]:
    """Value and interval, in the difference and the quotient that the question asks for."""
    value = statistic(found, question["value"])
    start = None if question["minus"] is None else statistic(found, question["minus"])
    missing = value is None or (question["minus"] is not None and start is None)
    if missing or isinstance(value, bool):
        return {"value": None if missing else value, "low": None, "high": None}
    divisor = math.prod(_number(statistic(found, path), path) for path in question["divided_by"])
    if divisor == 0:
        raise Missing(f"{' times '.join(question['divided_by'])} is zero")

    def relative(number: object, path: str) -> float:
        if number is None:
            raise Missing(f"{path} is null, so the value has no interval")
        difference = _number(number, path) - (start or 0)
        return difference / divisor if question["divided_by"] else difference

    ends = [relative(statistic(found, path), path) for path in question["interval"] or ()]
    low, high = ends or (None, None)
    return {"value": relative(value, question["value"]), "low": low, "high": high}


def _entry(entries: list, key: str) -> object:
    name, is_choice, wanted = key.partition("=")
    if not is_choice:
        return entries[int(key)]
    return next(entry for entry in entries if _text(entry[name]) == wanted)


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _judged(
    question: Mapping, value: float | None, low: float | None, high: float | None
) -> tuple[str, str | None]:
    if value is None:
        reason = "it never happens in this run, or nothing defines it there"
        return question["never"], reason
    ends = (value, value) if low is None else (low, high)
    for verdict in (SUPPORTED, CONTRADICTED):
        rule = question[f"{verdict}_if"]
        if rule and Range.of(rule).holds(*ends):
            return verdict, None
    if low is None or low == high:
        return UNDECIDED, "the value meets no rule"
    return UNDECIDED, "the interval is not all inside of what a rule allows"


def _condition(rule: Mapping) -> str:
    if rule.get("equals") is not None:
        return f"it is {_plain(rule['equals'])}"
    if rule.get("outside") is not None:
        return f"outside {' to '.join(map(_plain, rule['outside']))}"
    words = {"at_least": "at least", "above": "above", "at_most": "at most", "below": "below"}
    given = [f"{words[key]} {_plain(rule[key])}" for key in words if rule.get(key) is not None]
    return " and ".join(given)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"


def _number(value: object, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Missing(f"{path} is {value!r}, no number")
    return value


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
