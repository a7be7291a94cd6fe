"""A folder of results held against its records: what was altered, is foreign, missing or stale.

Every file is read from end to end. Whether a file is what the configuration asks for now is another
question, which planning answers (`planning/verified.py`).
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deadtokens.errors import UserError
from deadtokens.files import digests, links, provenance
from deadtokens.files.checksums import BLOCK_BYTES, DIGEST_BYTES, Checksums
from deadtokens.files.provenance import Record

# Folders of what Snakemake writes: messages and times, which nothing is made from.
NOT_HELD = ("logs", "benchmarks")
KINDS = {
    "altered": "not what was recorded when it was made",
    "foreign": "not made by this workflow",
    "missing": "recorded, and gone",
    "stale": "made from something else than what there is now",
}


@dataclass(frozen=True, order=True)
class Finding:
    """What is wrong with a file: a kind of KINDS, its path, and the reason in words."""

    kind: str
    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}: {self.reason}"


@dataclass(frozen=True)
class Results:
    """A folder of results: the record of each file that is as it was made, and what is wrong."""

    files: int
    sound: Mapping[Path, Record]
    findings: list[Finding]


def files(results: Path) -> list[Path]:
    """All that is held against a record, in order; UserError if there is no such folder.

    Hidden files are in the making, and records themselves.
    """
    if not results.is_dir():
        raise UserError(f"{results}: there is no such folder. Name a folder of results.")
    return sorted(
        Path(place, name)
        for place, names in _walk(results)
        for name in names
        if not name.startswith(".")
    )


def recorded_names(results: Path) -> list[Path]:
    """The files of which there are records, there or not."""
    return sorted(
        record.parent.parent / record.name.removesuffix(".json")
        for place, _ in _walk(results)
        for record in Path(place, provenance.FOLDER).glob("[!.]*.json")
    )


def size(results: Path) -> int:
    """Bytes that are read to examine it."""
    return sum(path.stat().st_size for path in files(results) if path.exists())


def examine(
    folder: Path,
    report: Callable[[int], None] = lambda done: None,
    is_temporary: Callable[[Path], bool] = lambda path: False,
    results: Path | None = None,
) -> Results:
    """Read every file of a folder and hold it against its record.

    report gets the bytes read so far. is_temporary: whether a file need not stay there. results:
    the whole, if the folder is a part of it.
    """
    results = results or folder
    findings, sound, done, there = [], {}, 0, files(folder)
    for path in there:
        before = done
        found = _examined(path, lambda now, before=before: report(before + now))
        done += path.stat().st_size if path.exists() else 0
        if isinstance(found, Record):
            sound[path] = found
        else:
            findings.append(found)
    for path in recorded_names(folder):
        if not os.path.lexists(path) and not is_temporary(path):
            findings.append(
                Finding("missing", str(path), f"its record is {provenance.place(path)}")
            )
    findings += [finding for path in sound if (finding := _stale(path, sound, results))]
    return Results(len(there), sound, sorted(findings))


def _walk(results: Path) -> Iterator[tuple[str, list[str]]]:
    for place, folders, names in os.walk(results):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in NOT_HELD)
        yield place, names


def _examined(path: Path, report: Callable[[int], None]) -> Record | Finding:
    try:
        records = provenance.recorded(path)
        if not path.exists():
            where = f"it is a link to {os.readlink(path)}, which is not there"
            return Finding("missing" if records else "foreign", str(path), where)
        if not records:
            return Finding("foreign", str(path), f"there is no {provenance.place(path)}")
        found = digests.checksums(path, report)
    except UserError as error:
        return Finding("altered", str(path), str(error))
    fitting = next((record for record in records if record.checksums == found), None)
    if fitting is not None:
        return fitting
    return Finding("altered", str(path), _difference(found, records[0].checksums, path))


def _difference(found: Checksums, made: Checksums, path: Path) -> str:
    whose = " of the file that it leads to" if links.is_ours(path) else ""
    if found.size != made.size:
        return f"{found.size:,} bytes{whose}, {made.size:,} when it was made"
    one, other = (
        [c.blocks[i : i + DIGEST_BYTES] for i in range(0, len(c.blocks), DIGEST_BYTES)]
        for c in (found, made)
    )
    wrong = [number for number, pair in enumerate(zip(one, other, strict=True)) if len({*pair}) > 1]
    first = wrong[0] * BLOCK_BYTES
    return f"{len(wrong)} of {len(one)} blocks{whose} differ, the first at byte {first:,}"


def _stale(path: Path, sound: Mapping[Path, Record], results: Path) -> Finding | None:
    """Whether a file was made from another state of a file that lies there now."""
    record = sound[path]
    inputs = record.made_by.get("inputs")
    for name, digest in (inputs if isinstance(inputs, Mapping) else {}).items():
        there = sound.get(_of_results(name, results))
        # Files of one job are not made from each other, though those of an earlier one lay there.
        if there is None or there is record or there.identity == record.identity is not None:
            continue
        if there.checksums.digest != digest:
            return Finding("stale", str(path), f"{name} was another one when this was made from it")
    return None


def _of_results(name: str, results: Path) -> Path:
    """A path of the time when a file was made, in this folder; itself if it was not in results."""
    parts = Path(name).parts
    if "results" not in parts:
        return Path(name)
    return results.joinpath(*parts[parts.index("results") + 1 :])
