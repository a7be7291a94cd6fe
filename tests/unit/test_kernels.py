"""The kernels: compiled once, kept where nobody else can write, and machines without them."""

import contextlib
import itertools
import json
import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_run
import torch

from deadtokens.errors import UserError
from deadtokens.training import compiler, fused_head, kernels, machine, matmul, user_cache

needs_kernels = pytest.mark.skipif(kernels.missing() is not None, reason=str(kernels.missing()))
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
CPU = torch.device("cpu")
SCRIPTS = Path(kernels.__file__).parents[2]
SOMEBODY = 65534


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    """As if they had not been asked for yet, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(machine, "cpu_flags", lambda: ["avx512_bf16"])
    kernels.library.cache_clear()
    yield tmp_path / "fimbulwinter"
    kernels.library.cache_clear()


@pytest.fixture(scope="module")
def prebuilt(tmp_path_factory):
    """All kernels as a file, for compilers that take no time."""
    path = tmp_path_factory.mktemp("prebuilt") / "kernels.so"
    path.write_bytes(compiler.compiled(compiler.command(), kernels.FLAGS, kernels.SOURCES))
    return path


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def gives(library):
    """What a compiler does that has the library already."""
    return f'while [ "$1" != -o ]; do shift; done; cp {library} "$2"'


@pytest.fixture
def quick(monkeypatch, tmp_path_factory, prebuilt):
    """A compiler that notes how it was called and gives the prebuilt library."""
    folder = tmp_path_factory.mktemp("quick")
    calls = folder / "calls"
    text = (
        f'case "$*" in *--version) echo quick;; *) echo "$@" >> {calls}; {gives(prebuilt)};; esac'
    )
    monkeypatch.setenv("CXX", program(folder / "c++", text))
    return lambda: calls.read_text().splitlines() if calls.exists() else []


def compiled_again():
    kernels.library.cache_clear()
    return kernels.missing() is None


def works():
    """A number that all of the head's kernel has a part in."""
    generator = torch.Generator().manual_seed(0)
    hidden, tied = (
        torch.randn(shape, generator=generator).bfloat16().requires_grad_()
        for shape in ((2, 5, 32), (70, 32))
    )
    loss, _ = fused_head.fused["plain"](hidden, tied, torch.arange(8).reshape(2, 4))
    loss.backward()
    return loss.item() + tied.grad.double().sum().item() + hidden.grad.double().sum().item()


def test_without_the_instruction_there_is_none(monkeypatch, empty_cache):
    monkeypatch.setattr(machine, "cpu_flags", lambda: ["avx2"])
    assert "needs a processor with avx512_bf16" in kernels.missing()


@pytest.mark.parametrize(
    ("compiler", "message"),
    [("no-such-c++", "there is no no-such-c++"), ("false", "cannot compile")],
)
def test_without_a_compiler_that_works_auto_does_without(
    monkeypatch, empty_cache, compiler, message
):
    monkeypatch.setenv("CXX", compiler)
    assert message in kernels.missing()
    assert matmul.resolved("auto", CPU) == "bfloat16"
    assert not [*empty_cache.glob("*")]
    with pytest.raises(UserError, match=message):
        fused_head.fused["plain"](
            *(torch.zeros(shape).bfloat16() for shape in ((1, 3, 8), (5, 8))),
            torch.zeros(1, 2).long(),
        )


@needs_kernels
def test_they_are_compiled_once(empty_cache):
    assert kernels.missing() is None
    (library,) = empty_cache.glob("*")
    written = library.stat().st_mtime_ns
    kernels.library.cache_clear()
    assert kernels.missing() is None
    assert [*empty_cache.glob("*")] == [library]
    assert library.stat().st_mtime_ns == written
    assert stat.S_IMODE(library.stat().st_mode) == 0o600


CRASHES = "#include <csignal>\n__attribute__((constructor)) void f() { raise(SIGSEGV); }"
MARKS = '#include <cstdio>\n__attribute__((constructor)) void f() { fclose(fopen("%s", "w")); }'


def small_library(folder, source):
    """A library of its own, as somebody else's compiler may leave it."""
    path, text = folder / "small.so", folder / "small.cpp"
    text.write_text(source)
    subprocess.run(["c++", "-shared", "-fPIC", str(text), "-o", str(path)], check=True)
    return path


def running_in_group(group):
    """The processes of a group that are more than an entry in the system's table."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = path.read_text().rpartition(") ")[2].split()[:3]
            found += [path] if its_group == group and state not in "ZX" else []
    return found


@needs_kernels
@pytest.mark.parametrize(
    ("does", "message"),
    [
        ("echo the reason >&2; exit 3", "exit code 3.*the reason"),
        ("kill -9 $$", "SIGKILL"),
        ("true", "writes no library"),
        (": > $OUT", "writes no library"),
        ("echo int main > $OUT", "cannot be loaded.*: file too short"),
        ("mkdir $OUT", "writes no library"),
        ("head -c 4000 $PREBUILT > $OUT", "cannot be loaded"),
        ("head -c 30000 $PREBUILT > $OUT", "cannot be loaded"),
        ("cp $CRASHES $OUT", "cannot be loaded.*ended by SIGSEGV"),
        ("cp $HARMLESS $OUT", "lack .*cross_entropy"),
        ("echo $$ > $GROUP; sleep 60 & sleep 60", "does not end within 1 seconds"),
        ("cat; exit 1", "cannot compile"),  # waits for input that never comes
        ("yes error | head -n 100000 >&2; exit 1", "cannot compile"),
    ],
)
def test_whatever_a_compiler_does_auto_does_without(
    monkeypatch, empty_cache, tmp_path, prebuilt, does, message
):
    libraries = {"CRASHES": CRASHES, "HARMLESS": "void f() {}"}
    for name, source in libraries.items():
        if name in does:
            monkeypatch.setenv(name, str(small_library(tmp_path, source)))
    monkeypatch.setenv("PREBUILT", str(prebuilt))
    monkeypatch.setenv("GROUP", str(tmp_path / "group"))
    seek = 'case "$*" in *--version) exit;; esac; while [ "$1" != -o ]; do shift; done; OUT="$2"'
    monkeypatch.setenv("CXX", program(tmp_path / "c++", f"{seek}\n{does}"))
    monkeypatch.setattr(compiler, "COMPILE_SECONDS", 1 if "sleep" in does else 30)
    start = time.monotonic()
    chosen = matmul.chosen("auto", CPU)
    assert chosen.name == "bfloat16"
    assert len(chosen.reason) < 2000
    with pytest.raises(UserError, match=f"(?s)^matmul_backend: .*{message}"):
        matmul.named("fused", CPU)
    assert time.monotonic() - start < 30  # asked for twice, tried once
    assert not [*empty_cache.glob("*")]
    if "sleep" in does:
        group, patience = (tmp_path / "group").read_text().strip(), time.monotonic() + 10
        while running_in_group(group):  # what is killed ends a moment later
            assert time.monotonic() < patience
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("g++ 'unfinished", 'CXX: "g\\+\\+ \'unfinished" cannot be taken apart'),
        ("''", "there is no "),
        ("{tmp}/no-program", "cannot be started as a C\\+\\+ compiler"),
        ("{tmp}", "there is no "),
        ("{tmp}/no-version", "does not end within 1 seconds"),
    ],
)
def test_what_is_no_compiler_is_reported(monkeypatch, empty_cache, tmp_path, value, message):
    (tmp_path / "no-program").write_bytes(b"\x7fELF of nothing")
    (tmp_path / "no-program").chmod(0o755)
    program(tmp_path / "no-version", "sleep 60")
    monkeypatch.setenv("CXX", value.format(tmp=tmp_path))
    monkeypatch.setattr(compiler, "VERSION_SECONDS", 1)
    assert matmul.resolved("auto", CPU) == "bfloat16"
    with pytest.raises(UserError, match=f"matmul_backend: .*{message}"):
        matmul.named("fused", CPU)


@needs_kernels
@pytest.mark.parametrize("value", ["", "  ", "{c} -O2", "{w} {c} -O2", "'{spaced}' -g"])
def test_a_compiler_is_named_as_make_takes_it(monkeypatch, empty_cache, tmp_path, quick, value):
    """With options, after ccache, with a blank in its path, or not at all."""
    there = os.environ["CXX"]
    wrapper = program(tmp_path / "ccache", 'exec "$@"')
    spaced = program(tmp_path / "a compiler", f'exec {there} "$@"')
    monkeypatch.setenv("CXX", value.format(c=there, w=wrapper, spaced=spaced))
    monkeypatch.setattr(compiler, "DEFAULT", there)
    assert kernels.missing() is None
    (call,) = quick()
    own = [word for word in ("-O2", "-g") if word in value]
    assert call.split()[: len(own) + 1] == [*own, kernels.FLAGS[0]]
    assert works()


@needs_kernels
def test_options_of_the_user_change_no_bit(monkeypatch, empty_cache, quick):
    """Fast math in a library would have the whole process take subnormal numbers for zero."""
    expected = works()
    kernels.library.cache_clear()
    monkeypatch.setenv("CXX", "c++ -Ofast -ffast-math -ffp-contract=fast")
    assert works() == expected
    assert (torch.full((64,), 1e-40) * 2 > 0).all()
    assert len([*empty_cache.glob("*")]) == 2


DAMAGED = """
import json, logging, sys
from pathlib import Path
sys.path[:0] = {paths}
import test_kernels
from deadtokens.training import kernels
library = Path(sys.argv[1])
intact, expected = library.read_bytes(), test_kernels.works()
for number, damaged in enumerate(test_kernels.damages(intact)):
    library.write_bytes(damaged)
    print(number, flush=True)
    kernels.library.cache_clear()
    assert test_kernels.works() == expected
    assert library.read_bytes() == intact
"""


def damages(intact):
    """Cut off, longer, other content, and bits flipped all over it."""
    size = len(intact)
    for length in (0, 1, 31, 32, 33, 64, 4096, size // 2, size - 4096, size - 32, size - 1):
        yield intact[:length]
        yield intact[:length].ljust(size, b"\0")
    yield intact + b"\0"
    yield intact[32:]
    yield random.Random(0).randbytes(size)
    chance = random.Random(1)
    for place in itertools.chain(range(0, 64, 7), (chance.randrange(size) for _ in range(40))):
        flipped = bytearray(intact)
        flipped[place] ^= 1 << chance.randrange(8)
        yield bytes(flipped)


@needs_kernels
def test_a_damaged_library_is_noticed_before_it_is_loaded(empty_cache, quick):
    """In a process that a signal may kill."""
    assert kernels.missing() is None
    (library,) = empty_cache.glob("*")
    paths = [str(SCRIPTS), str(Path(__file__).parent)]
    text = DAMAGED.format(paths=paths)
    done = tiny_run.completed([sys.executable, "-c", text, str(library)])
    assert done.returncode == 0, done.stdout[-20:] + done.stderr
    tried = len([*damages(library.read_bytes())])
    assert len(done.stdout.split()) == tried == len(quick()) - 1
    assert done.stderr.count("is damaged: ") == tried


@pytest.mark.slow
@needs_kernels
def test_a_run_with_a_damaged_library_has_the_same_numbers(empty_cache, tmp_path, quick):
    tiny_run.make_inputs(tmp_path)
    first = tiny_run.run_script(tmp_path, tmp_path / "first", matmul_backend="auto")
    assert (first.returncode, first.stderr.count("matmul_backend: fused (auto: ")) == (0, 1), (
        first.stderr
    )
    (library,) = empty_cache.glob("*")
    intact, name = library.read_bytes(), "trajectory.safetensors"
    for damaged in (b"", intact[:9000]):
        library.write_bytes(damaged)
        again = tiny_run.run_script(tmp_path, tmp_path / "again", matmul_backend="auto")
        assert again.returncode == 0, again.stderr
        assert f"{library} is damaged: " in again.stderr
        assert library.read_bytes() == intact
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


def test_a_run_that_cannot_have_what_it_asks_for_leaves_nothing(monkeypatch, tmp_path):
    tiny_run.make_inputs(tmp_path)
    monkeypatch.setenv("CXX", "no-such-c++")
    done = tiny_run.run_script(tmp_path, tmp_path / "out", matmul_backend="fused")
    assert done.returncode == 1
    assert done.stderr.count("\n") == done.stderr.count("error: matmul_backend: fused needs a") == 1
    assert not (tmp_path / "out").exists()
    done = tiny_run.run_script(tmp_path, tmp_path / "out", matmul_backend="auto")
    assert done.returncode == 0
    found = json.loads((tmp_path / "out/metadata.json").read_text())["provenance"]["matmul_backend"]
    assert f"matmul_backend: {found} (auto: " in done.stderr


def of_another_user(path):
    os.chown(path, SOMEBODY, SOMEBODY)


def a_link(path):
    aside = path.with_name("aside")
    path.rename(aside)
    path.symlink_to(aside)


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def a_folder(path):
    path.unlink()
    path.mkdir()


def too_large(path):
    os.truncate(path, 2**40)


def of_a_folder(change):
    return lambda path: change(path.parent)


def above(change):
    return lambda path: change(path.parents[1])


def a_link_of_another_user(folder):
    a_link(folder)
    os.chown(folder, SOMEBODY, SOMEBODY, follow_symlinks=False)


NOT_TRUSTED = [
    pytest.param(of_another_user, "belongs to another user", marks=as_root, id="another user's"),
    pytest.param(lambda path: path.chmod(0o620), "writable by others", id="a group's"),
    pytest.param(lambda path: path.chmod(0o602), "writable by others", id="everybody's"),
    pytest.param(a_link, "symbolic links", id="a link"),
    pytest.param(a_pipe, "no ordinary file", id="a pipe"),
    pytest.param(a_folder, "no ordinary file", id="a folder"),
    pytest.param(too_large, "damaged", id="too large"),
    pytest.param(
        of_a_folder(of_another_user), "belongs to another", marks=as_root, id="another's folder"
    ),
    pytest.param(of_a_folder(lambda at: at.chmod(0o770)), "writable by", id="a group's folder"),
    pytest.param(of_a_folder(lambda at: at.chmod(0o1777)), "writable by", id="everybody's folder"),
    pytest.param(
        of_a_folder(a_link_of_another_user), "another user's", marks=as_root, id="another's link"
    ),
    pytest.param(above(lambda at: at.chmod(0o777)), "writable by everybody", id="an open folder"),
]


@pytest.fixture
def planted(empty_cache, tmp_path, quick):
    """A kept library that leaves a mark where it is loaded; its checksum is right."""
    assert kernels.missing() is None
    (kept,) = empty_cache.glob("*")
    mark = tmp_path / "mark"
    user_cache.keep(kept.name, small_library(tmp_path, MARKS % mark).read_bytes())
    return kept, mark


@needs_kernels
def test_a_library_is_known_by_its_mark(planted):
    assert not compiled_again()
    assert "lack" in kernels.missing()
    assert planted[1].exists()


@needs_kernels
@pytest.mark.parametrize(("change", "reason"), NOT_TRUSTED)
def test_what_others_may_have_written_is_never_loaded(planted, caplog, change, reason):
    kept, mark = planted
    change(kept)
    try:
        assert compiled_again()
        assert works()
        assert not mark.exists()
        warnings = [
            record.getMessage() for record in caplog.records if record.levelname == "WARNING"
        ]
        assert str(kept.parent) in warnings[0]
        assert reason in warnings[0]
        # Where it can be mended it is: what was not trusted is replaced by what can be.
        caplog.clear()
        assert compiled_again()
        if len(warnings) == 1:
            assert not caplog.records
    finally:
        kept.parents[1].chmod(0o700)
    assert not [*kept.parent.glob(".partial*")]


@needs_kernels
def test_a_cache_of_links_and_open_parents_of_ones_own_is_used(empty_cache, quick, tmp_path):
    """`~/.cache` on another disk, and folders of a umask of 002."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    empty_cache.symlink_to(elsewhere)
    tmp_path.chmod(0o775)
    assert compiled_again()
    assert compiled_again()
    assert len(quick()) == 1
    assert [*elsewhere.iterdir()]


@needs_kernels
@pytest.mark.parametrize("place", ["{tmp}/file", "{tmp}/file/below", "/proc/nowhere", "relative"])
def test_a_cache_that_cannot_be_written_costs_time_alone(
    monkeypatch, empty_cache, quick, tmp_path, caplog, place
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", "/proc/nowhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", place.format(tmp=tmp_path))
    assert compiled_again()
    assert works()
    assert "for this process alone" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@needs_kernels
def test_without_room_for_temporary_files_auto_does_without(monkeypatch, empty_cache):
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    assert matmul.resolved("auto", CPU) == "bfloat16"
    assert "/proc/nowhere" in kernels.missing()


@needs_kernels
def test_a_system_without_files_in_memory_has_them_too(monkeypatch, empty_cache, quick):
    expected = works()
    monkeypatch.delattr(os, "memfd_create")
    assert compiled_again()
    assert works() == expected


@contextlib.contextmanager
def not_executable(folder):
    """Mounted so that nothing in it may be executed."""
    command = ["mount", "-t", "tmpfs", "-o", "noexec", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@needs_kernels
def test_a_cache_that_may_not_be_executed_serves(empty_cache, quick, tmp_path):
    with not_executable(tmp_path):
        assert compiled_again()
        assert compiled_again()
        assert works()
        assert len(quick()) == 1


@needs_kernels
def test_where_nothing_may_be_executed_auto_does_without(monkeypatch, empty_cache, quick, tmp_path):
    monkeypatch.delattr(os, "memfd_create")
    with not_executable(tmp_path):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert matmul.resolved("auto", CPU) == "bfloat16"
        assert "failed to map segment" in kernels.missing()


@needs_kernels
def test_processes_that_compile_at_once_all_have_them(monkeypatch, empty_cache, tmp_path, prebuilt):
    """Each waits in the compiler until all are there; the cache holds one intact library."""
    text = (
        f'case "$*" in *--version) exit;; esac; mkdir {tmp_path}/here.$$; n=0; '
        f"while [ $(ls -d {tmp_path}/here.* | wc -l) -lt 3 ] && [ $n -lt 600 ]; "
        f"do sleep 0.1; n=$((n+1)); done; {gives(prebuilt)}"
    )
    monkeypatch.setenv("CXX", program(tmp_path / "c++", text))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SCRIPTS), str(Path(__file__).parent)]))
    command = [sys.executable, "-c", "import test_kernels; print(test_kernels.works())"]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert len({out for out, _ in said}) == 1
    assert len([*tmp_path.glob("here.*")]) == 3
    (library,) = empty_cache.glob("*")
    assert user_cache.read(library.name) == prebuilt.read_bytes()
