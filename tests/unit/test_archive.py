"""Archives: every byte is checked, nothing is overwritten, nothing comes from outside."""

import io
import tarfile

import pytest

from deadtokens.errors import UserError
from deadtokens.files import archive, links, provenance

SUMS = "imported/mine/SHA256SUMS"
OWN = "results/mine/a.csv"


@pytest.fixture
def made(tmp_path):
    """A folder with one recorded file, and the archive of it."""
    folder = tmp_path / "here"
    path = folder / OWN
    path.parent.mkdir(parents=True)
    path.with_name("new").write_text("a,b\r\n1,2\r\n")
    provenance.put({path: path.with_name("new")}, "identity", {"program": "p"})
    record = provenance.place(path)
    files = {OWN: path, str(record.relative_to(folder)): record}
    archive.pack(tmp_path / "mine.tar", files, {"imported/mine/settings.yaml": "{}"}, {}, SUMS)
    return tmp_path / "mine.tar"


def test_what_goes_in_comes_out_with_its_time(made, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    archive.unpack(made, there)
    one, other = tmp_path / "here" / OWN, there / OWN
    assert other.read_bytes() == one.read_bytes()
    assert other.stat().st_mtime_ns == one.stat().st_mtime_ns
    assert provenance.record_of(other) == provenance.record_of(one)
    assert sorted(path.name for path in there.iterdir()) == ["imported", "results"]


def test_a_link_leads_to_what_goes_along(made, tmp_path):
    """As of an adopted trajectory: the file itself lies beside the settings."""
    given, link = tmp_path / "given", tmp_path / "here/results/mine/trajectory.safetensors"
    given.write_text("rows")
    record = provenance.Record.of(given, "identity", {"program": "adopt_trajectory"})
    links.put(link, given, record)
    inner, target = "results/mine/trajectory.safetensors", "../../imported/mine/given/t"
    where = provenance.place(link)
    files = {"imported/mine/given/t": given, str(where.relative_to(tmp_path / "here")): where}
    archive.pack(tmp_path / "linked.tar", files, {}, {inner: (link, target)}, SUMS)
    there = tmp_path / "there"
    there.mkdir()
    for _ in range(2):
        archive.unpack(tmp_path / "linked.tar", there)
        assert (there / inner).read_text() == "rows"
        assert (there / inner).lstat().st_mtime_ns == link.lstat().st_mtime_ns
        assert provenance.record_of(there / inner).checksums == record.checksums
        assert links.is_ours(there / inner)


def refusal(path, folder) -> str | None:
    try:
        archive.unpack(path, folder)
    except UserError as error:
        return str(error)
    return None


def test_every_flipped_byte_is_noticed(made, tmp_path):
    """Padding between members alone may be anything."""
    content, quiet = made.read_bytes(), 0
    for place in range(0, len(content), 97):
        spoilt = bytearray(content)
        spoilt[place] ^= 1
        there = tmp_path / f"there{place}"
        there.mkdir()
        made.write_bytes(spoilt)
        message = refusal(made, there)
        if message is None:
            quiet += 1
            good = (tmp_path / "here" / OWN).read_bytes()
            assert (there / OWN).read_bytes() == good
        else:
            assert str(made) in message
            assert not list(there.iterdir())
    assert quiet < len(content) / 97


def test_nothing_is_overwritten(made, tmp_path):
    with pytest.raises(UserError, match="is there already"):
        archive.pack(made, {}, {}, {}, SUMS)
    there = tmp_path / "there"
    (there / OWN).parent.mkdir(parents=True)
    (there / OWN).write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        archive.unpack(made, there)
    assert (there / OWN).read_text() == "mine"
    assert not (there / "imported").exists()


def crafted(path, name, kind=tarfile.REGTYPE, linkname=""):
    with tarfile.open(path, "w") as tar:
        about = tarfile.TarInfo(name)
        about.type, about.linkname, about.size = kind, linkname, 4 if kind == tarfile.REGTYPE else 0
        tar.addfile(about, io.BytesIO(b"evil"))


@pytest.mark.parametrize(
    ("name", "kind", "linkname"),
    [
        ("../evil", tarfile.REGTYPE, ""),
        ("/tmp/evil", tarfile.REGTYPE, ""),
        ("results/../../evil", tarfile.REGTYPE, ""),
        ("workflow/evil.py", tarfile.REGTYPE, ""),
        ("results/mine/evil", tarfile.SYMTYPE, "/etc/passwd"),
        ("results/mine/evil", tarfile.SYMTYPE, "../../../evil"),
        ("results/mine/evil", tarfile.LNKTYPE, "/etc/passwd"),
        ("results/mine/evil", tarfile.FIFOTYPE, ""),
    ],
)
def test_names_that_no_archive_of_ours_has(tmp_path, name, kind, linkname):
    crafted(tmp_path / "evil.tar", name, kind, linkname)
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(UserError, match="was not made by `make archive`"):
        archive.unpack(tmp_path / "evil.tar", there)
    assert not list(there.iterdir())


@pytest.mark.parametrize("content", [b"", b"no tar", b"\0" * 10240])
def test_what_is_no_archive(tmp_path, content):
    path = tmp_path / "none.tar"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"none\.tar"):
        archive.unpack(path, tmp_path)
