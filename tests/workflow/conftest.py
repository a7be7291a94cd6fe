"""Projects to run Snakemake in: fresh, or with the default target made."""

import shutil

import pytest
from smoke import Project, copy_sources


@pytest.fixture
def fresh(tmp_path) -> Project:
    """The sources alone: nothing has run."""
    return copy_sources(tmp_path / "fresh")


@pytest.fixture(scope="session")
def _finished(tmp_path_factory) -> Project:
    project = copy_sources(tmp_path_factory.mktemp("finished") / "project")
    project.run()
    return project


@pytest.fixture
def finished(_finished, tmp_path) -> Project:
    """A project in which the default target has been made; a test may change it as it likes."""
    shutil.copytree(_finished.root, tmp_path / "finished")
    return Project(tmp_path / "finished")
