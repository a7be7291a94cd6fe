"""Records of complete files: damage, exchange and other people's files are noticed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from deadtokens.errors import UserError
from deadtokens.files import provenance, storage
from deadtokens.files.checksums import BLOCK_BYTES, Checksums
from deadtokens.files.trajectory import TrajectoryReader, write_file

SIZES = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 17]


def content_of(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def made(path: Path, content: bytes, identity: str | None = "one") -> Path:
    unfinished = path.with_name(".unfinished")
    unfinished.write_bytes(content)
    provenance.put({path: unfinished}, identity, {"program": "test"})
    return path


def flip(path: Path, place: int, bit: int = 0) -> None:
    """Change one bit and nothing else, not even the time of change."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("size", SIZES)
def test_checksums_are_those_of_the_blocks(tmp_path, size):
    content = content_of(size)
    (tmp_path / "file").write_bytes(content)
    blocks = [content[start : start + BLOCK_BYTES] for start in range(0, size, BLOCK_BYTES)]
    plain = b"".join(xxhash.xxh3_64(block).digest() for block in blocks)
    found = Checksums.of(tmp_path / "file")
    assert found == Checksums(size, plain)
    assert found.digest == xxhash.xxh3_128(size.to_bytes(8, "little") + plain).hexdigest()


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 3 * BLOCK_BYTES),
    part=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    where=st.floats(0, 1, exclude_max=True),
)
def test_any_part_that_is_read_is_checked_with_all_of_its_blocks(
    tmp_path_factory, size, part, where
):
    path = tmp_path_factory.mktemp("part") / "file"
    content = content_of(size)
    path.write_bytes(content)
    checksums = Checksums.of(path)
    start, stop = sorted(int(at * size) for at in part)
    place = int(where * size)
    flip(path, place)
    with path.open("rb") as file:
        read = os.pread(file.fileno(), stop - start, start)
        damaged = checksums.damaged(file.fileno(), start, memoryview(read))
    first, last = start // BLOCK_BYTES, -(-stop // BLOCK_BYTES)
    assert damaged == (start < stop and first <= place // BLOCK_BYTES < last)


@pytest.mark.parametrize("size", SIZES)
def test_a_made_file_is_known_and_passes(tmp_path, size):
    path = made(tmp_path / "table.csv", content_of(size))
    record = provenance.record_of(path)
    assert (record.identity, record.made_by) == ("one", {"program": "test"})
    provenance.check(path)
    provenance.refuse_foreign(path)
    os.utime(path)  # touched, moved or copied, it is the same file
    assert provenance.record_of(path) == record


SPOILT = {
    "a bit": lambda path: flip(path, 5),
    "cut short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "emptied": lambda path: os.truncate(path, 0),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"0"),
    "another file": lambda path: path.write_bytes(content_of(1000, seed=1)),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_changed_file_is_not_read(tmp_path, how):
    path = made(tmp_path / "table.csv", content_of(1000))
    SPOILT[how](path)
    with pytest.raises(UserError, match=r"table\.csv: its content is not what"):
        provenance.check(path)


@pytest.mark.parametrize("how", [how for how in SPOILT if how != "a bit"])
def test_a_changed_file_is_not_overwritten(tmp_path, how):
    path = made(tmp_path / "table.csv", content_of(1000))
    SPOILT[how](path)
    os.utime(path)
    with pytest.raises(UserError, match=r"table\.csv: differs from .* Move it elsewhere"):
        provenance.refuse_foreign(path)


def test_a_file_of_other_hands_is_not_overwritten_but_may_be_read(tmp_path):
    path = tmp_path / "trajectory.safetensors"
    path.write_bytes(b"seven gigabytes")
    with pytest.raises(UserError, match="was not made by this workflow"):
        provenance.refuse_foreign(path)
    provenance.check(path)
    provenance.refuse_foreign(tmp_path / "not there")


def test_checks_can_be_left_out(tmp_path, monkeypatch):
    path = made(tmp_path / "table.csv", content_of(1000))
    flip(path, 5)
    monkeypatch.setenv(provenance.KEPT, "unverified")
    provenance.check(path)


def test_in_a_bucket_there_are_no_records(tmp_path, monkeypatch):
    monkeypatch.setenv(provenance.KEPT, "none")
    path = made(tmp_path / "table.csv", b"1")
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    provenance.refuse_foreign(path)


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "{}", '{"blocks": 3}', '{"bytes": 1e999}', "\xff", "null"]
)
def test_a_damaged_record_is_named(tmp_path, damage):
    path = made(tmp_path / "table.csv", b"1")
    provenance.place(path).write_bytes(damage.encode("latin-1"))
    with pytest.raises(UserError, match=r"table\.csv\.json: no readable record"):
        provenance.check(path)


def test_any_bit_of_a_record_is_noticed_or_names_no_other_content(tmp_path):
    path = made(tmp_path / "table.csv", content_of(3 * BLOCK_BYTES))
    good = provenance.place(path).read_bytes()
    for place in range(0, len(good), 7):
        provenance.place(path).write_bytes(good)
        flip(provenance.place(path), place, bit=place % 8)
        with contextlib.suppress(UserError):  # it is reported
            records = provenance.recorded(path)
            assert [r.checksums for r in records] == [Checksums.of(path)]


class TestReader:
    """A trajectory is checked while it is read, and only what is read."""

    ROWS = 40

    @pytest.fixture
    def path(self, tmp_path) -> Path:
        unfinished = tmp_path / "unfinished"
        rng = np.random.default_rng(0)
        arrays = {
            "W": rng.integers(0, 2**16, (self.ROWS, 100, 500), dtype=np.uint16),
            "m": rng.normal(size=(self.ROWS, 100, 300)).astype(np.float32),
        }
        write_file(unfinished, arrays)
        path = tmp_path / "trajectory.safetensors"
        provenance.put({path: unfinished})
        return path

    def read_all(self, path: Path, *names: str) -> None:
        with TrajectoryReader(path) as file:
            for name in names:
                for _ in file.chunks(name, max_bytes=300_000, overlap=1):
                    pass

    def test_whole_files_are_read(self, path):
        self.read_all(path, "W", "m")

    @pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.7, 0.999])
    def test_a_bit_anywhere(self, path, share):
        place = int(share * path.stat().st_size)
        flip(path, place)
        with pytest.raises(UserError, match=r"trajectory\.safetensors: its content is not what"):
            self.read_all(path, "W", "m")

    def test_what_is_not_read_is_not_checked(self, path):
        flip(path, 2 * BLOCK_BYTES)  # of m, which lies before W
        self.read_all(path, "W")
        with pytest.raises(UserError, match="its content is not what"):
            self.read_all(path, "m")

    def test_another_run_in_its_place(self, path, tmp_path):
        write_file(path, {"W": np.zeros((self.ROWS, 100, 500), np.uint16)})
        with pytest.raises(UserError, match="its content is not what"):
            self.read_all(path, "W")


PUT_AND_DIE = """
import os, signal, sys
from pathlib import Path
from deadtokens.files import provenance, storage
calls = 0
def killed(*arguments, rename=os.replace):
    global calls
    calls += 1
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*arguments)
os.replace = killed
one, two = Path(sys.argv[1]), Path(sys.argv[2])
files = {path: path.with_name(".new." + path.name) for path in (one, two)}
for file in files.values():
    file.write_bytes(b"new" + file.name.encode())
provenance.put(files, "new")
"""


@pytest.mark.parametrize("rename", range(1, 7))
@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
def test_killed_at_any_rename_every_file_has_its_record(tmp_path, rename, before):
    paths = [tmp_path / "a.csv", tmp_path / "b.json"]
    if before:
        for path in paths:
            made(path, b"old" + path.name.encode())
    killed = subprocess.run(
        [sys.executable, "-c", PUT_AND_DIE, *paths, str(rename)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    for path in paths:
        if path.exists():
            provenance.check(path)
            provenance.refuse_foreign(path)
            is_new = path.read_bytes().startswith(b"new")
            assert provenance.record_of(path).identity == ("new" if is_new else "one")
    # And the next one finds nothing in its way.
    for path in paths:
        made(path, b"again")
        assert json.loads(provenance.place(path).read_text())["replaces"] is None


class TestHdf5:
    """The same of HDF5, plain as published or compressed; its own account of the file, too."""

    ROWS = 24

    @pytest.fixture(params=["none", "deflate"])
    def path(self, tmp_path, request) -> Path:
        rng = np.random.default_rng(0)
        fields = {"W": ("U16", (self.ROWS, 300, 200)), "losses": ("F32", (self.ROWS,))}
        layout = storage.Storage("hdf5", chunk_rows=5, compression=request.param)
        with storage.create(tmp_path / "unfinished", fields, layout, {"seed": 42}) as file:
            for t in range(self.ROWS):
                file.write_row("W", t, rng.integers(0, 2**9, (300, 200), dtype=np.uint16))
            file.write("losses", rng.normal(size=self.ROWS).astype(np.float32))
        path = tmp_path / "trajectory.h5"
        provenance.put({path: tmp_path / "unfinished"})
        return path

    def read_all(self, path: Path) -> None:
        with storage.open_reader(path) as file:
            for name in ("W", "losses"):
                for _ in file.chunks(name, max_bytes=400_000, overlap=1):
                    pass

    def test_whole_files_are_read(self, path):
        self.read_all(path)

    @pytest.mark.parametrize("share", [0.0, 0.0005, 0.01, 0.2, 0.5, 0.8, 0.98])
    def test_a_bit_anywhere(self, path, share):
        flip(path, int(share * path.stat().st_size))
        with pytest.raises(UserError, match=r"trajectory\.h5"):
            self.read_all(path)

    def test_every_part_between_the_values_is_checked_when_it_is_opened(self, path):
        places = range(0, 4000, 131)
        for place in places:
            flip(path, place)
            with pytest.raises(UserError, match=r"trajectory\.h5"):
                storage.open_reader(path).close()
            flip(path, place)
