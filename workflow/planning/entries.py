"""Entries of the configuration that a requested path names; a wrong name suggests the right one."""

from collections.abc import Mapping

from planning.mistakes import RequestError, nearest

Configuration = Mapping[str, Mapping]


def run(configuration: Configuration, name: str) -> dict:
    """A run."""
    return _entry(configuration["runs"], name, "run")


def corpus(configuration: Configuration, name: str) -> dict:
    """A corpus."""
    return _entry(configuration["corpora"], name, "corpus")


def kick(configuration: Configuration, name: str) -> dict:
    """A comparison of resumed runs with a continuous one."""
    return _entry(configuration["kick"], name, "entry of kick")


def onset(configuration: Configuration, name: str) -> dict:
    """A comparison of arms of runs."""
    return _entry(configuration["causes"]["onsets"], name, "entry of causes.onsets")


def forecast(configuration: Configuration, name: str) -> dict:
    """A forecast of the freeze."""
    return _entry(configuration["causes"]["forecasts"], name, "entry of causes.forecasts")


def census(configuration: Configuration, name: str) -> dict:
    """An embedding matrix whose structure is counted."""
    return _entry(configuration["census"], name, "entry of census")


def black_holes(configuration: Configuration, name: str) -> dict:
    """A comparison of the black holes of arms of runs."""
    return _entry(configuration["black_holes"], name, "entry of black_holes")


def sweep(configuration: Configuration, name: str) -> dict:
    """What each run of a sweep was given."""
    return _entry(configuration["sweeps"], name, "sweep")


def scheme(configuration: Configuration, name: str) -> dict:
    """The phase scheme of a run."""
    return configuration["phases"][run(configuration, name)["phases"]]


def _entry(table: Mapping, name: str, kind: str) -> dict:
    if name not in table:
        raise RequestError(f"{name!r} is no {kind}. {nearest(name, table)}")
    return table[name]
