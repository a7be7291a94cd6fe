"""Projects for the faults: everything made at the smallest size, and copies of it to spoil."""

import os
import shutil
from pathlib import Path

import everything
import pytest
import reliability
from smoke import Project, copy_sources


def pytest_collection_modifyitems(items):
    """What is marked long runs on request alone: `make faults`."""
    if not os.environ.get("FAULTS"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="long: run by `make faults`"))


def pytest_sessionfinish(session):
    """Workers of xdist hand their counts over."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = reliability.counted()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    reliability.add(getattr(node, "workeroutput", {}).get("faults", {}))


def pytest_terminal_summary(terminalreporter):
    if text := reliability.table():
        terminalreporter.section("what the faults came to")
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def _own(tmp_path_factory) -> Project:
    from test_failed_jobs import OWN

    project = copy_sources(tmp_path_factory.mktemp("own") / "project")
    everything.give_files(project)
    project.run("results/crucible2/phases.png", changes=OWN)
    return project


@pytest.fixture
def own(_own, tmp_path) -> Project:
    """The same from texts of the user's own."""
    return _copy(_own, tmp_path)


@pytest.fixture(scope="session")
def _all_made(tmp_path_factory) -> Project:
    project = copy_sources(tmp_path_factory.mktemp("everything") / "project")
    everything.give_files(project)
    project.run(*everything.TARGETS, changes=everything.CONFIGURATION, seconds=1800)
    return project


@pytest.fixture
def all_made(_all_made, tmp_path) -> Project:
    """Everything that there is a rule for."""
    return _copy(_all_made, tmp_path)


def _copy(project: Project, folder: Path) -> Project:
    shutil.copytree(project.root, folder / "project")
    return Project(folder / "project")
