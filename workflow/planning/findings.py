"""The findings: which files of results/ they take their numbers from."""

from collections.abc import Mapping

from planning import names
from planning.mistakes import ConfigurationError, RequestError, nearest


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


def _path(path: str, substitutes: Mapping[str, str]) -> str:
    folder, slash, file = path.rpartition("/")
    return f"{substitutes.get(folder, folder)}{slash}{file}"
