"""Dockerfile and Apptainer definition: the same steps, from the one lock."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
APPTAINER = (ROOT / "apptainer.def").read_text()
BOTH = pytest.mark.parametrize("text", [DOCKERFILE, APPTAINER], ids=["Dockerfile", "apptainer.def"])
# Of the sources what tests/workflow/smoke.py copies, too.
CONTENT = {"requirements.txt", "Snakefile", "config", "profiles", "workflow"}


@BOTH
def test_packages_come_from_the_lock_alone(text):
    installed = re.findall(r"pip install(.*)", text)
    assert installed == [" --no-cache-dir --requirement /fimbulwinter/requirements.txt"]
    assert not re.search(r"\b(apt|apt-get|conda)\b", text)


@BOTH
def test_python_is_of_the_range_of_the_workflow(text):
    major, minor = map(
        int, re.search(r"^F(?:ROM|rom:) python:(\d+)\.(\d+)-slim$", text, re.M).groups()
    )
    lowest = re.search(r"sys\.version_info < \((\d+), (\d+)\)", (ROOT / "Makefile").read_text())
    assert (major, minor) >= tuple(map(int, lowest.groups()))
    environment = (ROOT / "workflow/envs/training.yaml").read_text()
    assert f"python >={lowest[1]}.{lowest[2]}\n" in environment
    assert f'target-version = "py{major}{minor}"' in (ROOT / "pyproject.toml").read_text()


def test_both_are_made_of_the_same_base_and_files():
    assert (
        re.search(r"^FROM (.*)", DOCKERFILE, re.M)[1]
        == re.search(r"^From: (.*)", APPTAINER, re.M)[1]
    )
    docker = set(re.findall(r"^COPY (\S+) /fimbulwinter/", DOCKERFILE, re.M))
    apptainer = set(re.findall(r"^    (\S+) /fimbulwinter/\1$", APPTAINER, re.M))
    sent = set(re.findall(r"^!(.*)", (ROOT / ".dockerignore").read_text(), re.M))
    assert docker == apptainer == sent == CONTENT
    assert [name for name in CONTENT if not (ROOT / name).exists()] == []


def test_both_start_the_same_command():
    entry = re.search(r"^ENTRYPOINT \[(.*)\]", DOCKERFILE, re.M)[1]
    script = re.search(r'^    exec (.*) "\$@"', APPTAINER, re.M)[1]
    assert [word.strip(' "') for word in entry.split(",")] == script.split()
    assert "PATH=/opt/venv/bin:$PATH" in DOCKERFILE
    assert "PATH=/opt/venv/bin:$PATH" in APPTAINER


def test_both_give_a_home_and_a_name_to_a_user_who_has_none():
    """A host's user has no entry in the image's /etc/passwd (see test_environment.py)."""
    given = dict(word.split("=") for word in re.search(r"^ENV (.*)", DOCKERFILE, re.M)[1].split())
    assert given.keys() >= {"HOME", "USER"}
    for name in ("HOME", "USER"):
        assert f'{name}="${{{name}:-{given[name]}}}"' in APPTAINER
