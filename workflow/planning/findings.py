"""The findings: which files of results/ they take their numbers from."""

from collections.abc import Mapping

from deadtokens.causes.requirements import chain
from planning import black_holes, forecasts, kick, names
from planning.mistakes import ConfigurationError, RequestError, nearest

MACHINES = "machines.json"  # of the runs of all other sources


def completed(section: Mapping, substitutes: Mapping[str, str]) -> dict:
    """The section, with the run that stands in for another (`verdicts.runs`) in every path."""
    paths = {name: _path(path, substitutes) for name, path in section["sources"].items()}
    return {"sources": paths, "absent": list(section["absent"])}


def check(configuration: Mapping) -> None:
    """Raises `ConfigurationError` for a source that nothing makes and that is not absent."""
    section = configuration["findings"]
    for name in section["absent"]:
        if name not in section["sources"]:
            raise ConfigurationError(
                f"findings.absent has {name!r}, no entry of findings.sources. "
                f"{nearest(name, section['sources'])}"
            )
    known = {entry for _, table in names.tables(configuration) for entry in table}
    for name, path in present(section).items():
        folder, _, file = path.rpartition("/")
        if folder and folder not in known:
            raise ConfigurationError(
                f"findings.sources.{name} is {path}, and {folder!r} is no run and no comparison of "
                f"runs. Add the file of configuration that has it, or {name} to findings.absent. "
                f"{nearest(folder, known)}"
            )
        if not folder and file not in names.RESERVED:
            raise ConfigurationError(
                f"findings.sources.{name} is {path}; allowed: RUN/FILE, or one of "
                f"{', '.join(names.RESERVED)}."
            )


def present(section: Mapping) -> dict[str, str]:
    """The sources that the page is made from, by name, in their alphabetical order."""
    return {
        name: path
        for name, path in sorted(section["sources"].items())
        if name not in section["absent"]
    }


def sources(configuration: Mapping, wildcards: Mapping) -> list[str]:
    """Their paths; raises `RequestError` if the configuration has none."""
    section = configuration["findings"]
    if not section["sources"]:
        raise RequestError(
            "results/findings.md takes its numbers from files that findings.sources names, and it "
            "names none. Add config/findings.yaml to --configfile."
        )
    return [f"results/{path}" for path in present(section).values()]


def metadata(configuration: Mapping, wildcards: Mapping) -> list[str]:
    """Of every run that a source is made of, and of those that it was resumed from."""
    return [f"results/{run}/metadata.json" for run in runs(configuration)]


def runs(configuration: Mapping) -> list[str]:
    """The runs that the sources are made of, in the order of the sources."""
    of_all = configuration["runs"]
    compared = [
        run
        for path in present(configuration["findings"]).values()
        if path != MACHINES
        for run in _compared(path.rpartition("/")[0], configuration)
    ]
    return [*dict.fromkeys(run for name in compared for run in chain(name, of_all))]


def _compared(folder: str, configuration: Mapping) -> list[str]:
    """The runs of a folder of results: itself, or those that a comparison has; "" is the report."""
    causes = configuration["causes"]
    if folder in configuration["runs"]:
        return [folder]
    if folder in configuration["kick"]:
        return kick.runs_compared(configuration["kick"][folder])
    if folder in configuration["black_holes"]:
        return black_holes.runs_of(configuration["black_holes"][folder])
    if folder in causes["onsets"]:
        return [name for arm in causes["onsets"][folder]["arms"].values() for name in arm]
    if folder in causes["forecasts"]:
        pairs = [pair for _, pair in forecasts.pairs(causes["forecasts"][folder])]
        return [pair[part] for pair in pairs for part in ("state", "outcome")]
    seeds = configuration["verdicts"]["seeds"]
    reported = configuration["report"]["runs"]
    return [run for name in reported for run in (name, *seeds.get(name, ()))]


def _path(path: str, substitutes: Mapping[str, str]) -> str:
    folder, slash, file = path.rpartition("/")
    return f"{substitutes.get(folder, folder)}{slash}{file}"
