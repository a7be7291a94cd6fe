"""A run to hand over: a tar of files with their records, and SHA-256 of all of them.

Names in it are those of the working folder: results/... and imported/RUN/.... Whatever unpacks a
tar opens it; `unpack` also checks every byte, and puts all in place or nothing.
"""

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from deadtokens.errors import UserError
from deadtokens.files import digests, opening, provenance, unfinished

PLACES = ("results", "imported")
SUMS = "SHA256SUMS"
PIECE = 1 << 20
Report = Callable[[int], None]


def pack(
    archive: Path,
    files: Mapping[str, Path],
    texts: Mapping[str, str],
    links: Mapping[str, tuple[Path, str]],
    sums: str,
    report: Report = lambda done: None,
) -> None:
    """Write a tar of files, by the names in it, of texts and of links (with where they lead there).

    `sums` is the name of the list of digests. The archive gets its name when it is complete.
    UserError if there is a file of that name, or one of the files cannot be read.
    """
    if os.path.lexists(archive):
        raise UserError(f"{archive}: is there already, and is not overwritten. Name another file.")
    listed, done = {}, 0
    with unfinished.names([archive]) as (partial,):
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, text in texts.items():
                listed[name] = _add_text(tar, name, text)
            for name, path in files.items():
                listed[name] = _add_file(tar, name, path, lambda now, past=done: report(past + now))
                done += path.stat().st_size
            for name, (path, target) in links.items():
                about = _about(name, tarfile.SYMTYPE, linkname=target)
                tar.addfile(_with_time(about, path.lstat().st_mtime_ns))
            _add_text(tar, sums, "".join(f"{d}  {name}\n" for name, d in sorted(listed.items())))
        os.replace(partial, archive)


def unpack(archive: Path, folder: Path, report: Report = lambda done: None) -> list[str]:
    """Check an archive and put its files into a working folder; their names.

    UserError, and nothing is put anywhere, if it is damaged, holds what no archive of ours does, or
    a file of the folder is in the way. Files that are there already with the same content stay.
    """
    with tempfile.TemporaryDirectory(prefix=".importing.", dir=folder) as made:
        staged = Path(made)
        found, links = _extract(archive, staged, report)
        _check_sums(archive, staged, found)
        _check_records(archive, staged, [*found, *links])
        new = [name for name in found if _is_new(archive, staged / name, folder / name)]
        for name, link in links.items():
            _check_link(archive, folder / name, link.linkname)
        # Records first: a file without one would pass for somebody else's.
        for name in sorted(new, key=lambda name: provenance.FOLDER not in name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / name, folder / name)
        for name, link in links.items():
            if not os.path.lexists(folder / name):
                (folder / name).symlink_to(link.linkname)
                _keep_time(folder / name, link)
    return sorted([*found, *links])


def _about(name: str, kind: bytes, size: int = 0, linkname: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.size, about.linkname, about.mode = kind, size, linkname, 0o644
    return about


def _with_time(about: tarfile.TarInfo, time_ns: int) -> tarfile.TarInfo:
    """The time of the last change to the nanosecond: records hold it, and Snakemake compares it."""
    seconds, rest = divmod(time_ns, 10**9)
    about.mtime, about.pax_headers = seconds, {"mtime": f"{seconds}.{rest:09d}"}
    return about


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> str:
    content = text.encode("utf-8")
    tar.addfile(_about(name, tarfile.REGTYPE, len(content)), io.BytesIO(content))
    return hashlib.sha256(content).hexdigest()


def _add_file(tar: tarfile.TarFile, name: str, path: Path, report: Report) -> str:
    """Add a file with the time of its last change, to the nanosecond; its SHA-256."""
    with os.fdopen(opening.descriptor(path), "rb") as file:
        stat = os.fstat(file.fileno())
        about = _about(name, tarfile.REGTYPE, stat.st_size)
        reading = _Digesting(file, report)
        tar.addfile(_with_time(about, stat.st_mtime_ns), reading)
    return reading.sha256.hexdigest()


class _Digesting:
    """A file that is digested as it is read."""

    def __init__(self, file, report: Report):
        self._file, self._report = file, report
        self.sha256, self._done = hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self.sha256.update(content)
        self._done += len(content)
        self._report(self._done)
        return content


def _extract(
    archive: Path, staged: Path, report: Report
) -> tuple[dict[str, str], dict[str, tarfile.TarInfo]]:
    """Unpack beside the final places: SHA-256 of files by name, and links."""
    found, links = {}, {}
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                _check_name(archive, member)
                if member.issym():
                    links[member.name] = member
                    continue
                place = staged / member.name
                place.parent.mkdir(parents=True, exist_ok=True)
                found[member.name] = _written(tar.extractfile(member), place)
                _keep_time(place, member)
                report(tar.fileobj.tell())
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise UserError(
            f"{archive}: is no complete archive ({error}). Copy it again, or have it made again."
        ) from None
    return found, links


def _check_name(archive: Path, member: tarfile.TarInfo) -> None:
    """Regular files in the two folders alone, and links that stay within them."""
    path = PurePosixPath(member.name)
    is_inside = path.parts[:1] and path.parts[0] in PLACES and ".." not in path.parts
    target = os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname))
    leads_inside = PurePosixPath(target).parts[:1] == ("imported",)
    if not is_inside or not (member.isreg() or (member.issym() and leads_inside)):
        raise UserError(
            f"{archive}: holds {member.name}, which is no file of results/ or imported/. It was "
            "not made by `make archive`; nothing was taken from it."
        )


def _written(content, place: Path) -> str:
    sha256 = hashlib.sha256()
    with place.open("wb") as file:
        while piece := content.read(PIECE):
            sha256.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return sha256.hexdigest()


def _keep_time(place: Path, member: tarfile.TarInfo) -> None:
    seconds, _, rest = member.pax_headers.get("mtime", str(int(member.mtime))).partition(".")
    time_ns = int(seconds) * 10**9 + int(rest.ljust(9, "0")[:9])
    os.utime(place, ns=(time_ns, time_ns), follow_symlinks=False)


def _check_sums(archive: Path, staged: Path, found: Mapping[str, str]) -> None:
    lists = [name for name in found if PurePosixPath(name).name == SUMS]
    if len(lists) != 1:
        raise UserError(f"{archive}: holds {len(lists)} lists of digests ({SUMS}), expected one.")
    lines = opening.text(staged / lists[0]).splitlines()
    stated = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    present = {name: digest for name, digest in found.items() if name != lists[0]}
    wrong = [name for name in stated | present if stated.get(name) != present.get(name)]
    if wrong:
        raise UserError(
            f"{archive}: {_some(wrong)} {'is' if len(wrong) == 1 else 'are'} not as {SUMS} has "
            "them: the archive was damaged or changed. Copy it again, or have it made again; "
            "nothing was taken from it."
        )


def _check_records(archive: Path, staged: Path, names: Iterable[str]) -> None:
    """Every file of results/ but logs and times agrees with its record."""
    for name in names:
        path = PurePosixPath(name)
        if path.parts[0] != "results" or {"logs", "benchmarks", provenance.FOLDER} & {*path.parts}:
            continue
        records = provenance.recorded(staged / name)
        if not records:
            raise UserError(f"{archive}: there is no record of {name} in it. Have it made again.")
        is_here = (staged / name).is_file()
        if is_here and digests.checksums(staged / name) != records[0].checksums:
            raise UserError(f"{archive}: {name} is not what its record says. Have it made again.")


def _is_new(archive: Path, staged: Path, place: Path) -> bool:
    """Whether nothing is there; UserError if something else is."""
    if not os.path.lexists(place):
        return True
    if place.is_file() and digests.checksums(place) == digests.checksums(staged):
        return False
    raise UserError(_in_the_way(archive, place))


def _check_link(archive: Path, place: Path, target: str) -> None:
    if os.path.lexists(place) and not (place.is_symlink() and os.readlink(place) == target):
        raise UserError(_in_the_way(archive, place))


def _in_the_way(archive: Path, place: Path) -> str:
    return (
        f"{place}: is there already, and is another file than that of {archive}. It is not "
        "overwritten, and nothing was taken from the archive. Move it elsewhere, or import into "
        "another folder."
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def size(archive: Path) -> int:
    """Bytes of an archive; UserError if there is none to read."""
    descriptor = opening.descriptor(archive)
    try:
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def free_for(folder: Path, size: int) -> None:
    """UserError if a disk has not so many bytes left."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(f"{folder}: {size:,} bytes are needed, and {free:,} are free there.")
