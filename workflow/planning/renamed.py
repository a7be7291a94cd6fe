"""What has another name since release 1.0.0: old keys and files are refused with the new one."""

from collections.abc import Mapping

from planning.mistakes import ConfigurationError

# Keys of the configuration; CHANGELOG.md has the same table.
KEYS = {
    "phase_schemes": "phases",
    "checkpoint_artifacts": "kick",
    "onsets": "causes.onsets",
    "freezing_causes": "cohorts",
    "account": "causes.account",
    "verdicts.still_for": "permanence.still_for",
    "verdicts.confidence": "permanence.confidence",
    "report.checkpoint_artifacts": "report.kick",
}
# Keys of a run.
OF_RUNS = {"products": "matmul_backend"}
# The beginning of a file's name in results/NAME/.
FILES = {"checkpoint_artifact": "kick"}


def check(configuration: Mapping) -> None:
    """Raises `ConfigurationError`, a line for every old key."""
    found = [
        f"{old} is called {new} now. Rename the key; its values stay as they are."
        for old, new in KEYS.items()
        if _has(configuration, old)
    ]
    runs = configuration.get("runs")
    for name, run in runs.items() if isinstance(runs, Mapping) else ():
        found += [
            f"runs.{name}.{old} is called {new} now. Rename the key; its values stay as they are."
            for old, new in OF_RUNS.items()
            if isinstance(run, Mapping) and old in run
        ]
    if found:
        raise ConfigurationError("\n".join(found))


def _has(configuration: Mapping, key: str) -> bool:
    value: object = configuration
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True
