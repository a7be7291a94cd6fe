"""A program's last word: one message, to its log and to whoever started it, whatever is full."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import planted
import pytest
from planted import program

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
PROGRAMS = sorted(planted.programs())
SLOW = ("h5py", "matplotlib", "numpy", "safetensors", "tokenizers", "torch", "tqdm", "scipy")


def heed_interrupts():
    """Also where the tests run in the background of a shell, which has its jobs ignore them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


HEAD = f"""
import errno, os, sys
from pathlib import Path
sys.path.insert(0, {str(SCRIPTS)!r})
from deadtokens.program import command
from deadtokens.errors import UserError
def main(options):
    command.log.info("a line")
"""
TAIL = """
    command.log.info("another line")
program = command.parser("a program")
program.add_argument("--input", type=Path)
program.add_argument("--output", type=Path)
command.run(main, program)
"""


def start(body: str, *arguments: str | Path, **how) -> subprocess.CompletedProcess:
    """Run a program whose `main` has this body; its stderr and stdout are captured."""
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
    command = [sys.executable, "-c", f"{HEAD}    {body}{TAIL}", *map(str, arguments)]
    return subprocess.run(command, text=True, timeout=60, check=False, **how)


def of_system(number: str) -> str:
    return f"raise OSError(errno.{number}, os.strerror(errno.{number}), 'some/file.json')"


MISTAKES = {
    **{
        name: of_system(name)
        for name in (
            *("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR"),
            *("EISDIR", "ELOOP", "ENAMETOOLONG", "EMFILE", "ESTALE", "ETXTBSY", "EPIPE", "EINVAL"),
        )
    },
    "user": "raise UserError('some/file.json: no table')",
    "memory": "raise MemoryError",
    "torch's memory": 'raise RuntimeError("DefaultCPUAllocator: can\'t allocate memory")',
    "without a file": "raise OSError(errno.EIO, 'Input/output error')",
    "of Rust": "raise Exception('Error while serializing: I/O error: full (os error 28)')",
    "of HDF5": "raise OSError(\"Can't write data (errno = 28, error message = 'full')\")",
    "no UTF-8": "b'caf\\xe9'.decode('utf-8')",
    "no JSON in a file": "import json; json.loads(Path('some/other.json').read_text('utf-8'))",
    "half a character": "options.output.write_text('a' + chr(0xD800), 'utf-8')",
    "no UTF-8 in a file": "options.input.read_text('utf-8')",
}


@pytest.mark.parametrize("log", ["/dev/full", "own.log", None])
@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_one_message_that_names_the_file(tmp_path, kind, log):
    (tmp_path / "some").mkdir()
    (tmp_path / "some/other.json").write_text('{"cut": [1, 2')
    (tmp_path / "some/file.json").write_bytes('{"word": "café"}'.encode("latin-1"))
    given = () if log is None else ("--log", log)
    files = ("--input", "some/file.json", "--output", "some/other.json")
    ended = start(MISTAKES[kind], *files, *given, cwd=tmp_path)
    assert ended.returncode == 1, ended
    said = ended.stdout + ended.stderr
    named = "other" if kind == "no JSON in a file" else "file"
    assert len(re.findall(f"^error: .*some/{named}.json.*", said, re.MULTILINE)) == 1, said
    assert "Traceback" not in said
    assert "None" not in said
    if log == "own.log":
        assert f"some/{named}.json" in (tmp_path / log).read_text()
    if kind in ("ENOSPC", "of Rust", "of HDF5"):
        assert "Free some space" in said


def test_a_fault_of_the_program_leaves_its_traceback_in_the_log_and_a_line_outside(tmp_path):
    log = tmp_path / "own.log"
    ended = start("raise KeyError('phase')", "--log", log)
    assert ended.returncode == 1
    assert ended.stderr == f"error: KeyError: 'phase'. The traceback is in {log}.\n"
    assert "Traceback (most recent call last)" in log.read_text()


def test_work_goes_on_where_the_log_cannot_be_written(tmp_path):
    output = tmp_path / "made.json"
    body = "command.write_json(options.output, 1)"
    ended = start(body, "--log", "/dev/full", "--output", output)
    assert ended.returncode == 0, ended
    assert output.read_text() == "1\n"
    assert ended.stderr.count("/dev/full: No space left on device") == 1, ended.stderr


@pytest.mark.parametrize(("body", "code"), [("pass", 0), ("raise UserError('bad')", 1)])
@pytest.mark.parametrize("where", ["full", "closed", "gone"])
def test_the_exit_code_does_not_depend_on_who_listens(body, code, where):
    if where == "closed":
        how = {"preexec_fn": lambda: os.closerange(1, 3), "stdout": None, "stderr": None}
    elif where == "full":
        how = dict.fromkeys(("stdout", "stderr"), os.open("/dev/full", os.O_WRONLY))
    else:
        reader, writer = os.pipe()
        os.close(reader)
        how = dict.fromkeys(("stdout", "stderr"), writer)
    assert start(body, **how).returncode == code


def test_a_log_is_written_where_the_program_was_started_without_a_stderr(tmp_path):
    log = tmp_path / "own.log"
    closed = {"preexec_fn": lambda: os.closerange(1, 3), "stdout": None, "stderr": None}
    assert start("raise UserError('bad')", "--log", log, **closed).returncode == 1
    assert "error: bad" in log.read_text()


def test_a_log_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    for log in ("file/own.log", "folder", "circle", "n" * 300, "/proc/own.log"):
        ended = start("pass", "--log", log, cwd=tmp_path)
        assert ended.returncode == 1, log
        assert re.fullmatch(r"error: [^\n]+\n", ended.stderr), ended.stderr
        assert log.split("/")[0] in ended.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be two users")
def test_a_log_of_another_user_is_named(tmp_path):
    """As user `nobody`, the code read by root before: an interpreter need not be open to all."""
    log = tmp_path / "own.log"
    log.write_text("theirs\n")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(0o755)
    body = "import os; os.setuid(65534); command.messages.send_to(options.output)"
    ended = start(body, "--output", log)
    assert ended.returncode == 1
    assert f"error: {log}: Permission denied. Check who owns it" in ended.stderr
    assert log.read_text() == "theirs\n"


def test_a_full_disk_with_the_log_on_it(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        text = tmp_path / "text.txt"
        text.write_text("every word is alive\n" * 20_000)
        named = ("--text", text, "--corpus", disk / "corpus.txt", "--log", disk / "own.log")
        command = [*program("import_corpus"), *named]
        with open(disk / "filler", "wb") as filler:
            filler.write(bytes(64 * 1024 - 4096))
        (disk / "own.log").write_bytes(b"")
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 1
        assert re.search(r"^error: .*corpus.txt.*No space left", ended.stderr, re.M), ended.stderr
        assert sorted(path.name for path in disk.iterdir()) == ["filler", "own.log"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_interrupt_while_importing_is_one_line(tmp_path, name):
    """Libraries that never finish their import, so that the signal comes at the first of them."""
    for library in SLOW:
        waits = "import os, time\nos.write(1, b'importing')\ntime.sleep(60)\n"
        (tmp_path / f"{library}.py").write_text(waits)
    process = subprocess.Popen(
        [*program(name), "--help"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(SCRIPTS)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,
    )
    assert process.stdout.read(9) == b"importing"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, b"interrupted\n")


@pytest.mark.parametrize("log", [True, False])
def test_an_interrupt_at_work_is_one_line_and_leaves_nothing_unfinished(tmp_path, log):
    body = (
        "import time\n    with command.finished(options.output) as (file,):\n"
        "        file.write_text('half'); time.sleep(60)"
    )
    named = ["--output", "made.txt", *(["--log", "own.log"] if log else [])]
    process = subprocess.Popen(
        [sys.executable, "-c", f"{HEAD}    {body}{TAIL}", *named],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob(".partial*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted"
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == (["own.log"] if log else [])
