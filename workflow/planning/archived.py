"""`make archive RUN=crucible2`: a run to hand over, with all that shows what it is.

    PYTHONPATH=workflow:workflow/scripts python -m planning.archived crucible2

One tar: results/RUN/ and the corpus with the record of every file, the report if there is one, and
in imported/RUN/ the settings, the lock of the versions, files of the user's own that it was made
from, and SHA256SUMS. Files are verified first; nothing goes along that is not as it was made.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml
from snakemake.exceptions import WorkflowError
from tqdm import tqdm

from deadtokens.errors import UserError
from deadtokens.files import archive, links, provenance
from planning import adopted, entries, loaded, verified
from planning.corpora import FILE_KEYS
from planning.inputs import trajectory_of
from planning.mistakes import RequestError

ROOT = Path(__file__).parents[2]
# Sections that decide what is made of one run.
SECTIONS = ("permanence", "drift", "figures")

EXPLANATION = """\
The run {name} of Fimbulwinter, with the records of how every file was made.

Check it with any tool:      tar xf {name}.tar && sha256sum --check imported/{name}/{sums}
Take it over, in a folder
of the workflow:             make import ARCHIVE={name}.tar
See that nothing is made:    snakemake -n results/{name}/phases.png \\
                               --configfile imported/{name}/settings.yaml

settings.yaml: the configuration that it was made with. requirements.txt: the versions of all
packages. given/: files of others that it was made from. results/{name}/.provenance/: of each file
its checksums, the program that made it, its settings and its inputs.
"""


class Content(NamedTuple):
    """What goes into an archive, by the names in it: files, texts, and where links lead."""

    files: dict[str, Path]
    texts: dict[str, str]
    links: dict[str, tuple[Path, str]]


def content(name: str, results: Path, configuration: Mapping) -> Content:
    """All of a run that lies in a folder of results."""
    run = entries.run(configuration, name)
    own, corpus = f"imported/{name}", run["corpus"]
    settings = settings_of(name, configuration)
    files, leading = {}, {}
    for folder in (results / name, results / "corpora" / corpus):
        for path in _everything(folder):
            inner = f"results/{path.relative_to(results)}"
            if links.is_ours(path):
                leading[inner] = path, f"../../{own}/given/{path.name}"
            else:
                files[inner] = path
    for key in FILE_KEYS:
        if path := settings["corpora"][corpus][key]:
            files[f"{own}/given/{key}"] = Path(path)
            settings["corpora"][corpus][key] = f"{own}/given/{key}"
    if adopted.is_adopted(run):
        inner = f"{own}/given/{Path(trajectory_of(name, run)).name}"
        files[inner] = Path(run["trajectory_file"])
        settings["runs"][name]["trajectory_file"] = inner
        if beside := adopted.metadata(run["trajectory_file"]):
            files[f"{own}/given/metadata.json"] = Path(beside)
    report = results / "report.html"
    if report.exists() and provenance.recorded(report):
        files |= {f"results/{path}": results / path for path in _with_record("report.html")}
    files[f"{own}/requirements.txt"] = ROOT / "requirements.txt"
    texts = {
        f"{own}/settings.yaml": yaml.safe_dump(settings, allow_unicode=True, sort_keys=True),
        f"{own}/README.txt": _explanation(name),
    }
    return Content({n: p for n, p in files.items() if p.exists()}, texts, leading)


def settings_of(name: str, configuration: Mapping) -> dict:
    """What decides the files of one run, as a configuration on top of the default one."""
    runs = {name: configuration["runs"][name]}
    means = configuration["cohorts"]["hidden_means"]
    waiting = [name]
    while waiting:
        run = waiting.pop()
        for other in (runs[run]["resume_run"], means.get(run)):
            if other is not None and other not in runs:
                runs[other] = configuration["runs"][other]
                waiting.append(other)
    corpora = {run["corpus"] for run in runs.values()}
    found = {
        "runs": runs,
        "corpora": {corpus: configuration["corpora"][corpus] for corpus in sorted(corpora)},
        "phases": {run["phases"]: configuration["phases"][run["phases"]] for run in runs.values()},
        "cohorts": {
            **configuration["cohorts"],
            "hidden_means": {run: means[run] for run in runs if run in means},
        },
        "causes": {"account": configuration["causes"]["account"]},
        "published": {"separation_step": configuration["published"]["separation_step"]},
        **{section: configuration[section] for section in SECTIONS},
    }
    return json.loads(json.dumps(found))  # without aliases, and to be changed freely


def check(name: str, results: Path, now: loaded.Loaded) -> None:
    """UserError unless all that goes along is as it was made and as the configuration has it.

    What was made and deleted since does not go along.
    """
    folders = [results / name, results / "corpora" / now.plan.configuration["runs"][name]["corpus"]]
    findings = []
    for folder in folders:
        if folder.is_dir():
            findings += verified.verified(folder, now, results)[1]
    findings = [finding for finding in findings if finding.kind != "missing"]
    if findings:
        listed = "\n".join(map(str, findings[: verified.SHOWN]))
        raise UserError(
            f"{listed}\nNothing was archived: {len(findings)} files of {name} are not as they were "
            "made, or as the configuration has them. `make verify` names all."
        )


def _everything(folder: Path) -> Iterator[Path]:
    """Files with their records, logs and times; nothing that is in the making."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith(".") or n == provenance.FOLDER)
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _with_record(name: str) -> list[str]:
    return [name, str(provenance.place(Path(name)))]


def _explanation(name: str) -> str:
    return EXPLANATION.format(name=name, sums=archive.SUMS)


def main() -> int:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("run")
    arguments.add_argument("--archive", type=Path, help="RUN.tar by default")
    arguments.add_argument("--results", type=Path, default=Path("results"))
    loaded.add_options(arguments)
    options = arguments.parse_args()
    path = options.archive or Path(f"{options.run}.tar")
    try:
        with loaded.loaded(options.configfile, options.config) as now:
            _write(options.run, path, options.results, now)
    except (UserError, WorkflowError, RequestError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


def _write(name: str, path: Path, results: Path, now: loaded.Loaded) -> None:
    entries.run(now.plan.configuration, name)
    metadata = results / name / "metadata.json"
    if not metadata.is_file():
        raise UserError(f"{metadata}: there is no such file. Make the run first.")
    check(name, results, now)
    holds = content(name, results, now.plan.configuration)
    size = sum(file.stat().st_size for file in holds.files.values())
    archive.free_for(path.absolute().parent, size)
    with tqdm(total=size, unit="B", unit_scale=True, disable=None) as bar:
        sums = f"imported/{name}/{archive.SUMS}"
        archive.pack(path, *holds, sums, lambda done: bar.update(done - bar.n))


if __name__ == "__main__":
    sys.exit(main())
