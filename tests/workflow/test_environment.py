"""Programs run with the Python that runs Snakemake and with our modules, whoever and wherever."""

import os
import re
import subprocess

import pytest
from smoke import ROOT, SNAKEMAKE, Project

# A user without an entry in /etc/passwd who may still read an interpreter in root's home.
FILES = "+dac_override,+dac_read_search"
NOBODY = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
NOBODY += ["--inh-caps", FILES, "--ambient-caps", FILES]
# What the Dockerfile sets, but for its paths.
LINE = re.search(r"^ENV (.*)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
OF_CONTAINER = dict(word.split("=") for word in LINE.split() if not word.startswith("PATH="))
CORPUS = "results/corpora/flannel/tokenizer_corpus.txt"


def test_no_virtual_environment_has_to_be_active(fresh, tmp_path):
    other = tmp_path / "bin/python"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho this is another python >&2\nexit 1\n")
    other.chmod(0o755)
    path = f"{other.parent}:/usr/local/bin:/usr/bin:/bin"
    result = subprocess.run(
        [SNAKEMAKE, "--cores", "1", CORPUS, "--configfile", "config/smoke.yaml"],
        cwd=fresh.root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert (fresh.root / CORPUS).exists()


def run_as_nobody(project: Project, environment: dict[str, str], *targets: str) -> None:
    """Call Snakemake as that user, with this environment and a home that they may write to."""
    if os.geteuid() != 0 or subprocess.run([*NOBODY, "true"], check=False).returncode:
        pytest.skip("needs root and setpriv")
    (project.root / "home").mkdir()
    command = project.command(*targets, changes="runs: {crucible2: {total_steps: 3}}")
    for path in (project.root, *project.root.rglob("*")):
        os.chown(path, 12345, 12345)
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [*NOBODY, *command],
        cwd=project.root,
        env=path | environment | {"HOME": str(project.root / "home")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        umask=0o002,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("environment", [OF_CONTAINER, {}], ids=["Dockerfile", "nothing"])
def test_a_user_without_a_name_makes_a_corpus(fresh, environment):
    run_as_nobody(fresh, environment, CORPUS)
    assert (fresh.root / CORPUS).exists()


@pytest.mark.slow
def test_neither_settings_of_python_nor_modules_of_the_users_own_matter(fresh):
    """And what is made has the permissions that the umask leaves, here those of the group too."""
    for name in ("command", "messages", "drawing", "deadtokens", "planning"):
        fresh.write(f"{name}.py", "raise SystemExit('a module of the user')")
    strange = {
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(fresh.root),
        "PYTHONOPTIMIZE": "2",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    phases = "results/crucible2/phases.png"
    run_as_nobody(fresh, OF_CONTAINER | strange, phases)
    made = [path for path in (fresh.root / "results").rglob("*") if path.is_file()]
    assert fresh.root / phases in made
    assert {str(path): oct(path.stat().st_mode & 0o777) for path in made} == {
        str(path): "0o664" for path in made
    }
