"""`make verify`: a folder of results, held against its records and against the configuration.

    PYTHONPATH=workflow:workflow/scripts python -m planning.verified results --configfile mine.yaml

Names every file that was altered, is foreign or missing, was made from another state of its inputs,
or from other settings or code than the configuration and the sources have now. Exit code 1 if there
is any. Nothing is made, and torch is not needed.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from snakemake.exceptions import WorkflowError
from tqdm import tqdm

from deadtokens.errors import UserError
from deadtokens.files import verification
from deadtokens.files.provenance import Record
from deadtokens.files.verification import Finding
from planning import loaded
from planning.inputs import trajectory_of

REASON = "made from other settings, texts or code than the configuration and the sources have now"
SHOWN = 10  # remarks of a kind


def verified(
    folder: Path, now: loaded.Loaded, results: Path | None = None
) -> tuple[int, list[Finding], list[str]]:
    """How many files there are, what is wrong with them, and remarks: what was not compared.

    folder: one of results, or within the folder `results`.
    """
    results = results or folder
    with tqdm(total=verification.size(folder), unit="B", unit_scale=True, disable=None) as bar:
        found = verification.examine(
            folder,
            lambda done: bar.update(done - bar.n),
            lambda path: is_temporary(path.relative_to(results), now.plan.configuration),
            results,
        )
    stale, remarks = outdated(results, found.sound, now)
    known = {finding.path for finding in found.findings}
    findings = found.findings + [finding for finding in stale if finding.path not in known]
    return found.files, sorted(findings), remarks


def outdated(
    results: Path, sound: Mapping[Path, Record], now: loaded.Loaded
) -> tuple[list[Finding], list[str]]:
    """Files that the configuration would have otherwise, and why others were not compared."""
    findings, remarks = [], {}
    for path, record in sound.items():
        name = f"results/{path.relative_to(results)}"
        try:
            identity = now.identity(name)
            reason = None if identity else "no rule of this configuration makes it"
        except WorkflowError as error:
            identity, reason = None, str(error).splitlines()[0]
        if identity is None:
            remarks.setdefault(reason, []).append(str(path))
        elif record.identity != identity:
            findings.append(Finding("stale", str(path), REASON))
    return findings, [f"{_some(paths)} not compared: {why}" for why, paths in remarks.items()]


def is_temporary(path: Path, configuration: Mapping) -> bool:
    """Whether a file of results goes when all is made of it (`keep_trajectory: false`)."""
    runs = configuration["runs"].items()
    return f"results/{path}" in [
        trajectory_of(name, run) for name, run in runs if not run["keep_trajectory"]
    ]


def _some(paths: Iterable[str]) -> str:
    first, *others = paths
    return f"{first} and {len(others)} more:" if others else f"{first}:"


def main() -> int:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("results", type=Path, nargs="?", default=Path("results"))
    loaded.add_options(arguments)
    options = arguments.parse_args()
    try:
        with loaded.loaded(options.configfile, options.config) as now:
            files, findings, remarks = verified(options.results, now)
    except (UserError, WorkflowError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in (*remarks[:SHOWN], *findings):
        print(line)
    if findings:
        print(
            f"error: {options.results}: {len(findings)} of {files} files are not as they were made "
            "or as the configuration has them. Stale ones are made again when they are asked for; "
            "delete altered ones to have them made again; move foreign ones elsewhere.",
            file=sys.stderr,
        )
        return 1
    print(f"{options.results}: {files} files, all as they were made")
    return 0


if __name__ == "__main__":
    sys.exit(main())
