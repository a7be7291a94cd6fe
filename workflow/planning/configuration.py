"""The configuration: checked against its schema, `like:` resolved, defaults filled in.

Every mistake that can be seen without running anything is found here, before any job, and reported
in one message that names the key, what was found and what is allowed.
"""

import re
from collections.abc import Mapping, Sequence

from planning import (
    adopted,
    black_holes,
    censuses,
    commands,
    corpora,
    findings,
    forecasts,
    kick,
    names,
    onsets,
    published,
    questions,
    renamed,
    runs,
    schema,
    sweeps,
)
from planning.mistakes import ConfigurationError, check_known, found

# Columns of phases.csv that each scale has beside those of its phases.
BESIDE_PHASES = ("undefined", "mean", "std", "p05", "median", "p95", "nonfinite_tokens")
SECTIONS = (
    *("freezing", "permanence", "cohorts", "drift", "census_in_time"),
    *("report", "explorer", "published", "figures", "cluster"),
)


def resolve(configuration: Mapping, rules: Mapping, shipped: Mapping | None = None) -> dict:
    """The configuration with every key of every entry present; raises `ConfigurationError`.

    shipped: the questions of config/verdicts.yaml, by which those that were changed are known.
    """
    renamed.check(configuration)
    schema.check(configuration, rules)
    configuration = published.laid_in(configuration)
    configuration, swept = _without_sweeps(configuration, rules)
    entries = rules["$defs"]
    verdicts = questions.with_changed_rules(configuration.get("verdicts", {}), shipped or {})
    resolved = {
        "corpora": corpora.completed(configuration["corpora"], entries),
        "phases": schema.completed(configuration["phases"], entries["phase_scheme"]),
        "runs": schema.completed(runs.inherited(configuration["runs"]), entries["run"]),
        "sweeps": swept,
        "kick": schema.completed(configuration.get("kick", {}), entries["kick"]),
        "causes": _causes(configuration.get("causes", {}), entries),
        "census": schema.completed(configuration.get("census", {}), entries["census"]),
        "black_holes": _black_holes(configuration.get("black_holes", {}), entries),
        "comparison": configuration.get("comparison", rules["properties"]["comparison"]["default"]),
        "verdicts": questions.completed(verdicts, entries),
        "inputs": configuration["inputs"],
        "verify_files": configuration.get("verify_files", True),
    }
    for section in SECTIONS:
        given = configuration.get(section, {})
        resolved[section] = schema.defaults(entries[section]) | given
    resolved["comparison"] = sweeps.runs_in(resolved["comparison"], swept)
    for section in ("published", "report"):
        resolved[section]["runs"] = sweeps.runs_in(resolved[section]["runs"], swept)
    for onset in resolved["causes"]["onsets"].values():
        onset["arms"] = {arm: sweeps.runs_in(of, swept) for arm, of in onset["arms"].items()}
    for entry in resolved["black_holes"].values():
        entry["arms"] = {arm: sweeps.runs_in(of, swept) for arm, of in entry["arms"].items()}
    resolved["findings"] = findings.completed(
        schema.defaults(entries["findings"]) | configuration.get("findings", {}),
        resolved["verdicts"]["runs"],
    )
    names.check(resolved)
    for name, corpus in resolved["corpora"].items():
        corpora.check(f"corpora.{name}", corpus)
    for name, scheme in resolved["phases"].items():
        _check_phase_scheme(f"phases.{name}", scheme)
    for name in resolved["comparison"]:
        check_known("comparison", name, "runs", resolved)
    for name in resolved["published"]["runs"]:
        check_known("published.runs", name, "runs", resolved)
    for name in resolved["report"]["runs"]:
        check_known("report.runs", name, "runs", resolved)
    for name in resolved["report"]["kick"]:
        check_known("report.kick", name, "kick", resolved)
    for section in ("census", "black_holes"):
        for name in resolved["report"][section]:
            check_known(f"report.{section}", name, section, resolved)
    for kind in ("onsets", "forecasts"):
        by_key = {f"causes.{kind}": resolved["causes"][kind]}
        for name in resolved["report"][kind]:
            check_known(f"report.{kind}", name, f"causes.{kind}", by_key)
    questions.check(resolved)
    findings.check(resolved)
    _check_hidden_means(resolved)
    # A run before those that are like it, so that a mistake is reported where it was made.
    for name in sorted(
        resolved["runs"], key=lambda name: len(runs.lineage(name, configuration["runs"]))
    ):
        runs.check(f"runs.{name}", resolved["runs"][name], resolved)
    adopted.check(resolved["runs"])
    for name, comparison in resolved["kick"].items():
        kick.check(f"kick.{name}", comparison, resolved)
    for name, onset in resolved["causes"]["onsets"].items():
        onsets.check(f"causes.onsets.{name}", onset, resolved)
    for name, forecast in resolved["causes"]["forecasts"].items():
        forecasts.check(f"causes.forecasts.{name}", forecast, resolved)
    for name, entry in resolved["census"].items():
        censuses.check(f"census.{name}", entry, resolved)
    for name, entry in resolved["black_holes"].items():
        black_holes.check(f"black_holes.{name}", entry, resolved)
    commands.check(resolved)
    return resolved


def _causes(given: Mapping, entries: Mapping) -> dict:
    filled = schema.defaults(entries["causes"]) | given
    return filled | {
        "account": schema.defaults(entries["account"]) | given.get("account", {}),
        "onsets": schema.completed(given.get("onsets", {}), entries["onset"]),
        "forecasts": schema.completed(given.get("forecasts", {}), entries["forecast"]),
    }


def _black_holes(given: Mapping, entries: Mapping) -> dict:
    filled = schema.completed(given, entries["black_holes"])
    default = schema.defaults(entries["published_cloud"])
    for name, entry in filled.items():
        entry["published_cloud"] = default | given[name].get("published_cloud", {})
    return filled


def _without_sweeps(configuration: Mapping, rules: Mapping) -> tuple[dict, dict]:
    """The configuration with every sweep expanded and checked again, and the sweeps."""
    expanded, swept = sweeps.expanded(configuration["runs"])
    configuration = {**configuration, "runs": expanded}
    if swept:
        schema.check(configuration, rules)
    return configuration, swept


def _check_phase_scheme(key: str, scheme: Mapping) -> None:
    phases, thresholds = scheme["phases"], scheme["thresholds"]
    if len(thresholds) != len(phases) - 1:
        raise ConfigurationError(
            f"{key}.thresholds is {thresholds}: {len(thresholds)} values for {len(phases)} phases. "
            f"Allowed: one fewer than phases, {len(phases) - 1}."
        )
    _check_columns(f"{key}.phases", phases)
    if thresholds != sorted(set(thresholds)):
        raise ConfigurationError(f"{key}.thresholds is {thresholds}; allowed: ascending values.")
    if scheme["density_lowest"] >= scheme["density_highest"]:
        raise ConfigurationError(
            f"{key}.density_lowest is {scheme['density_lowest']}; allowed: less than "
            f"density_highest, {scheme['density_highest']}."
        )


def _check_columns(key: str, phases: Sequence[str]) -> None:
    """Columns of tables are named after phases, beside columns that are always there."""
    taken = {}
    for name in phases:
        column = re.sub(r"\W+", "_", name.lower())
        if column in BESIDE_PHASES or not column.strip("_"):
            raise ConfigurationError(
                f"{key} has {found(name)}; allowed: names with a letter or digit that are, but for "
                f"case and signs, none of {', '.join(BESIDE_PHASES)}: tables have such columns."
            )
        if column in taken:
            raise ConfigurationError(
                f"{key} has {found(taken[column])} and {found(name)}; allowed: names that differ "
                "in more than case and signs, for columns of tables are named after them."
            )
        taken[column] = name


def _check_hidden_means(configuration: Mapping) -> None:
    """All but whether it is the same training: only of the runs that are asked for must it be."""
    for name, source in configuration["cohorts"]["hidden_means"].items():
        key = "cohorts.hidden_means"
        check_known(key, name, "runs", configuration)
        if source is None:
            continue
        check_known(f"{key}.{name}", source, "runs", configuration)
        if "h_mean" not in configuration["runs"][source]["record"]:
            raise ConfigurationError(
                f"{key}.{name} is {source}, whose record is "
                f"{configuration['runs'][source]['record']}; allowed: a run with h_mean among it."
            )
