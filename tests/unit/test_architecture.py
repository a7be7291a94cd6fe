"""The house: every room knows only the rooms to its left, and nobody's import closes a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow/scripts"
LIBRARY = SCRIPTS / "deadtokens"
QUESTIONS = ("phases", "freezing", "permanence", "cohorts", "drift", "kick", "causes", "census")
# From left to right; docs/architecture.md says what each is for.
ROOMS = (
    *("errors", "openmp", "lattice", "gauge", "statistics", "files", "recorded", "text"),
    *("hub", "training", "update_law", "displacement", "figures", "pages", *QUESTIONS),
    *("comparison", "explorer", "report", "notebook", "program"),
)
# A part of the room that a table for planning may know: what runs an analysis is of.
LIGHT = "requirements"


def imported(path: Path) -> Iterator[str]:
    """What a module imports, by its whole name; of `from a import b` both a and a.b."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules() -> dict[str, Path]:
    """Every module of the library and of planning, by its whole name."""
    found = {}
    for root in (SCRIPTS, ROOT / "workflow"):
        for package in ("deadtokens", "planning"):
            for path in (root / package).rglob("*.py"):
                parts = path.relative_to(root).with_suffix("").parts
                found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()
GRAPH = {name: {m for m in imported(path) if m in MODULES} for name, path in MODULES.items()}


def room(name: str) -> str:
    return name.split(".")[1]


def test_every_room_has_its_place():
    found = {room(name) for name in MODULES if name.startswith("deadtokens.")}
    assert found == {*ROOMS}


def test_every_room_knows_only_the_rooms_to_its_left():
    place = {name: number for number, name in enumerate(ROOMS)}
    upward = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if name.startswith("deadtokens.") and other.startswith("deadtokens.")
        if place[room(other)] > place[room(name)]
    ]
    assert upward == []


def test_no_import_closes_a_circle():
    within = {name: others - {name} for name, others in GRAPH.items()}
    # A package is not run again by what is in it.
    for name in within:
        within[name] = {other for other in within[name] if not name.startswith(f"{other}.")}
    assert len([*TopologicalSorter(within).static_order()]) == len(MODULES)


@pytest.mark.parametrize("name", sorted(n for n in MODULES if n.startswith("deadtokens")))
def test_the_library_knows_neither_snakemake_nor_planning(name):
    known = {other.split(".")[0] for other in imported(MODULES[name])}
    assert not known & {"snakemake", "planning"}


def test_what_draws_is_known_by_nobody_and_computes_nothing():
    for name, others in GRAPH.items():
        drawn = {other for other in others if other.split(".")[-1].startswith("draw_")}
        assert not drawn, name
    for name, path in MODULES.items():
        if name.split(".")[-1].startswith("draw_"):
            of_question = {other for other in GRAPH[name] if room(other) in QUESTIONS} - {name}
            assert not {o for o in of_question if "." in o.removeprefix("deadtokens.")}, name
            assert "torch" not in {*imported(path)}, name


def test_planning_knows_of_analyses_what_they_require_and_no_more():
    """It runs in every call of Snakemake, which must not wait for torch or numpy."""
    for name, others in GRAPH.items():
        if name.startswith("planning"):
            of_questions = {o for o in others if o.startswith("deadtokens.") and o.count(".") > 1}
            of_questions = {o for o in of_questions if room(o) in QUESTIONS}
            assert all(o.split(".")[2] == LIGHT for o in of_questions), name
    for question in QUESTIONS:
        path = LIBRARY / question / f"{LIGHT}.py"
        if path.exists():
            heavy = {"numpy", "torch", "pandas", "scipy", "matplotlib"}
            assert not {m.split(".")[0] for m in imported(path)} & heavy, question


def test_what_the_library_gives_on_demand_is_for_notebooks_alone():
    """No digest of a job's code counts it (`planning.codedigest.LAZY`), so no job may use it."""
    for path in [*SCRIPTS.rglob("*.py"), *(ROOT / "workflow/planning").rglob("*.py")]:
        if path in (LIBRARY / "__init__.py", *(LIBRARY / "notebook").glob("*.py")):
            continue
        names = {*imported(path)}
        assert not names & {"deadtokens.open_run", "deadtokens.*"}, path
        assert not [name for name in names if name.startswith("deadtokens.notebook")], path
        tree = ast.walk(ast.parse(path.read_text("utf-8")))
        plain = [n for n in tree if isinstance(n, ast.Import) for a in n.names if "." not in a.name]
        assert "deadtokens" not in {a.name for n in plain for a in n.names}, path


def test_programs_know_the_library_alone():
    for path in SCRIPTS.glob("*/*.py"):
        if path.parent != LIBRARY:
            known = {other.split(".")[0] for other in imported(path)}
            assert not known & {"snakemake", "planning"}, path
