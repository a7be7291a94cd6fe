"""Results verified, archived, taken over elsewhere; what is not as it was made is named."""

import os
import subprocess
import sys

import pytest
from smoke import ROOT, Project, copy_sources

SMOKE = ["--configfile", "config/smoke.yaml"]
TRAJECTORY = "results/crucible2/trajectory.safetensors"
FILES = ["results/crucible2/phases.png", "results/crucible2/metadata.json", TRAJECTORY]


def called(project: Project, *words) -> tuple[int, str]:
    """A program or module of the workflow: exit code and all that it prints."""
    path = os.pathsep.join(["workflow", "workflow/scripts"])
    result = subprocess.run(
        [sys.executable, *words],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    output = result.stdout + result.stderr
    assert "Traceback" not in output, output
    return result.returncode, output


def verify(project: Project, *options) -> tuple[int, str]:
    return called(project, "-m", "planning.verified", "results", *SMOKE, *options)


def flip(path, place: int = -1) -> None:
    """One bit, and the time of the last change as before."""
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_whatever_is_not_as_it_was_made_is_named(finished):
    code, output = verify(finished)
    assert code == 0
    assert "all as they were made" in output
    flip(finished.root / TRAJECTORY)
    finished.write("results/crucible2/mine.csv", "mine")
    (finished.root / "results/crucible2/phases.csv").unlink()
    code, output = verify(finished, "--config", "figures={dpi: 100}")
    assert code == 1
    lines = {line.split(":")[0] + ":" + line.split(":")[1] for line in output.splitlines()}
    assert {
        f"altered: {TRAJECTORY}",
        "foreign: results/crucible2/mine.csv",
        "missing: results/crucible2/phases.csv",
        "stale: results/crucible2/phases.png",
    } <= lines
    program = "workflow/scripts/provenance/verify_results.py"
    code, output = called(finished, "-c", without_torch(program), "--results", "results")
    assert code == 1
    assert output.count("\naltered: ") + output.startswith("altered: ") == 1
    assert "stale" not in output  # it knows no configuration


def without_torch(program: str) -> str:
    """The program where the packages of trainings are not installed."""
    return (
        "import sys, runpy\n"
        "sys.modules.update(torch=None, transformers=None, tokenizers=None)\n"
        f"sys.argv[0] = {program!r}\n"
        f"runpy.run_path({program!r}, run_name='__main__')"
    )


def test_a_file_made_from_another_state_of_its_input_is_stale(finished):
    """Exchanged together with its record, as by a copy from other results."""
    from deadtokens.files import provenance
    from deadtokens.files.provenance import Record

    table = finished.root / "results/crucible2/phases.csv"
    old = provenance.recorded(table)[0]
    table.write_bytes(table.read_bytes().replace(b"0", b"1", 1))
    new = table.with_name("new")
    table.rename(new)
    provenance.put({table: new}, "another", dict(old.made_by))
    assert Record.of(table, "another", {}).checksums != old.checksums
    program = "workflow/scripts/provenance/verify_results.py"
    code, output = called(finished, program, "--results", "results")
    assert code == 1
    stale = "stale: results/crucible2/phases.png: results/crucible2/phases.csv was another one"
    assert stale in output


@pytest.fixture
def archive(finished):
    finished.write("requirements.txt", (ROOT / "requirements.txt").read_bytes())
    code, output = called(finished, "-m", "planning.archived", "crucible2", *SMOKE)
    assert code == 0, output
    return finished.root / "crucible2.tar"


def test_a_run_is_taken_over_elsewhere_and_nothing_is_made_again(archive, tmp_path):
    elsewhere = copy_sources(tmp_path / "elsewhere")
    program = "workflow/scripts/provenance/import_archive.py"
    spoilt = tmp_path / "spoilt.tar"
    spoilt.write_bytes(archive.read_bytes())
    flip(spoilt, archive.stat().st_size // 2)
    code, output = called(elsewhere, program, "--archive", spoilt)
    assert code == 1
    assert "not as SHA256SUMS has" in output
    assert not (elsewhere.root / "results").exists()
    for _ in range(2):
        code, output = called(elsewhere, program, "--archive", archive)
        assert code == 0, output
    listed = ["sha256sum", "--check", "--quiet", "imported/crucible2/SHA256SUMS"]
    subprocess.run(listed, cwd=elsewhere.root, check=True)
    settings = (elsewhere.root / "imported/crucible2/settings.yaml").read_text("utf-8")
    assert elsewhere.planned(*FILES, changes=settings) == set()
    flip(elsewhere.root / TRAJECTORY)
    own = ["--configfile", "imported/crucible2/settings.yaml"]
    code, output = called(elsewhere, "-m", "planning.verified", "results", *own)
    assert code == 1
    assert f"altered: {TRAJECTORY}: 1 of" in output
    before = (elsewhere.root / TRAJECTORY).read_bytes()
    code, output = called(elsewhere, program, "--archive", archive)
    assert code == 1
    assert f"{TRAJECTORY}: is there already" in output
    assert (elsewhere.root / TRAJECTORY).read_bytes() == before


def test_what_is_not_as_it_was_made_is_not_archived(finished):
    flip(finished.root / TRAJECTORY)
    for name, expected in (
        ("crucible2", f"altered: {TRAJECTORY}"),
        ("crucible1", "metadata.json: there is no such file"),
    ):
        code, output = called(finished, "-m", "planning.archived", name, *SMOKE)
        assert code == 1
        assert expected in output
        assert not (finished.root / f"{name}.tar").exists()
