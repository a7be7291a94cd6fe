"""What has another name since release 1.0.0, or is gone: refused, with what to do."""

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
# Keys that are gone, and what to do.
GONE = {
    "causes.account.forecast_step": (
        "the account makes no forecast any more. Remove the key; a forecast is an entry of "
        "causes.forecasts, its state_step the last step that it may know"
    ),
}
# Keys of every run, and of every question of the verdicts.
OF_ENTRIES = {
    "runs": {"products": "matmul_backend"},
    "verdicts.questions": {"seed": "notebook"},
}
# The beginning of a file's name in results/NAME/.
FILES = {"checkpoint_artifact": "kick"}


def check(configuration: Mapping) -> None:
    """Raises `ConfigurationError`, a line for every old key or one that is gone."""
    found = [
        f"{old} is called {new} now"
        for old, new in KEYS.items()
        if _at(configuration, old) is not None
    ]
    for section, keys in OF_ENTRIES.items():
        entries = _at(configuration, section)
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            found += [
                f"{section}.{name}.{old} is called {new} now"
                for old, new in keys.items()
                if isinstance(entry, Mapping) and old in entry
            ]
    rename = "Rename the key; its values stay as they are."
    lines = [f"{line}. {rename}" for line in found]
    lines += [
        f"{key} is gone: {instead}."
        for key, instead in GONE.items()
        if _at(configuration, key) is not None
    ]
    if lines:
        raise ConfigurationError("\n".join(lines))


def _at(configuration: Mapping, key: str) -> object:
    """What stands under a key with dots; None if there is no such key."""
    value: object = configuration
    for name in key.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value
