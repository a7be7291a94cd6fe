"""The programs of the workflow, by name."""

import importlib.util
from pathlib import Path
from types import ModuleType

SCRIPTS = Path(__file__).parents[1] / "workflow/scripts"


def path(name: str) -> Path:
    """Where a program lies."""
    (found,) = SCRIPTS.glob(f"*/{name}.py")
    return found


def module(name: str) -> ModuleType:
    """A program as a module, for its `main`."""
    specification = importlib.util.spec_from_file_location(name, path(name))
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded
