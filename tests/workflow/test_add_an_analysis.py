"""The page that leads through a new analysis, followed to the letter in a copy of the project."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from smoke import ROOT, Project

PAGE = ROOT / "docs/add_an_analysis.md"
BLOCK = re.compile(
    r"^<!-- (file|end of|in): (\S+?)(?: after: ([^\n]*))? -->\n```\w+\n(.*?)^```$", re.M | re.S
)
MOST_FILES = 8
HIDDEN = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache")


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def follow(page: str, root: Path) -> None:
    """Do what the page says: new files, ends of files, entries."""
    blocks = BLOCK.findall(page)
    assert len(blocks) == page.count("<!-- ") > 0
    for kind, name, after, text in blocks:
        path = root / name
        if kind == "file":
            assert not path.exists(), name
            path.write_text(text, "utf-8")
        elif kind == "end of":
            path.write_text(path.read_text("utf-8") + text, "utf-8")
        else:
            before = path.read_text("utf-8")
            assert before.count(f"{after}\n") == 1, f"{name}: {after}"
            path.write_text(before.replace(f"{after}\n", f"{after}\n{text}"), "utf-8")


@pytest.fixture
def copied(tmp_path) -> Project:
    for name in ("Snakefile", "requirements.txt", "pyproject.toml", "Makefile"):
        shutil.copy2(ROOT / name, tmp_path / name)
    for name in ("config", "profiles", "workflow", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=HIDDEN)
    return Project(tmp_path)


@pytest.mark.slow
def test_the_page_adds_an_analysis_in_eight_files_and_its_picture_is_made(copied):
    before = content(copied.root)
    follow(PAGE.read_text("utf-8"), copied.root)
    changed = {name for name, text in content(copied.root).items() if before.get(name) != text}
    assert len(changed) <= MOST_FILES, changed
    copied.run("results/crucible2/phase_entropy.png")
    assert (copied.root / "results/crucible2/phase_entropy.png").read_bytes().startswith(b"\x89PNG")
    # What is not the new analysis is as it was: nothing runs again for it.
    rules = copied.planned("results/crucible2/lifecycle.png")
    assert rules == {"draw_lifecycle"}
    tests = ("test_phase_entropy", "test_plan", "test_environments", "test_profiles")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"tests/unit/{name}.py" for name in tests)],
        cwd=copied.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    style = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *sorted(n for n in changed if n.endswith(".py"))],
        cwd=copied.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert style.returncode == 0, style.stdout
