"""Names that become files: runs, sweeps and comparisons share the folder results/."""

from collections.abc import Iterable, Mapping

from planning.mistakes import ConfigurationError

# What rules leave in results/ itself; a test holds it to the rules.
RESERVED = (
    *("benchmarks", "census", "corpora", "logs"),
    *("comparison.md", "findings.json", "findings.md", "machines.json"),
    *("provenance.html", "published.md"),
    *("report.html", "runs.html"),
    *("verdicts.csv", "verdicts.html", "verdicts.json"),
)
RESERVED_KEYS = {name.casefold() for name in RESERVED}
LONGEST = 100  # a file name may have 255 bytes, and what a job adds to it needs room


def check(configuration: Mapping) -> None:
    """Raises `ConfigurationError` if two entries, or an entry and a file, share a name.

    Case alone does not distinguish names, for some disks do not see it.
    """
    taken = {}
    for table, entries in tables(configuration):
        for name in entries:
            key = f"{table}.{name}"
            if name.casefold() in RESERVED_KEYS:
                raise ConfigurationError(
                    f"{key}: results/{name} is a file or folder of the workflow itself; allowed: "
                    f"any name but {', '.join(RESERVED)}. Rename the entry."
                )
            _take(key, name, taken, "results/")
    for table in ("corpora", "census"):
        own = {}
        for name in configuration[table]:
            _take(f"{table}.{name}", name, own, f"results/{table}/")


def tables(configuration: Mapping) -> list[tuple[str, Mapping]]:
    """What becomes a folder in results/, by where the configuration has it."""
    return [
        ("runs", configuration["runs"]),
        ("runs", configuration["sweeps"]),
        ("kick", configuration["kick"]),
        ("causes.onsets", configuration["causes"]["onsets"]),
        ("causes.forecasts", configuration["causes"]["forecasts"]),
        ("black_holes", configuration["black_holes"]),
    ]


def check_listed(key: str, names: Iterable[str]) -> None:
    """Raises `ConfigurationError` if more is listed than one command can be given."""
    names = list(names)
    if sum(2 * len(name) + PATHS for name in names) > ROOM:
        raise ConfigurationError(
            f"{key} stands for {len(names):,} runs; allowed: no more than one command can be "
            "given, some hundreds. Split it."
        )


# Linux gives a program no argument of more than 131,072 bytes, and a job's command is one: so much
# for its settings, and so much for its files.
ROOM = 60_000
PATHS = 64  # bytes of the paths, beside the name, of the two files that an onset asks a run for


def _take(key: str, name: str, taken: dict[str, str], folder: str) -> None:
    other = taken.setdefault(name.casefold(), key)
    if other != key:
        raise ConfigurationError(
            f"{key} and {other} would share {folder}{name}; allowed: names that differ in more "
            "than case, of runs, sweeps, kick, causes.onsets, causes.forecasts and "
            "black_holes together. "
            "Rename one."
        )
