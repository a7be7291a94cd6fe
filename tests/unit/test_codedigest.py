"""Digests follow behaviour through imports, and nothing else."""

from pathlib import Path

import pytest

from planning import codedigest

LAZY = "def __getattr__(name):\n    from package.unrelated import z\n    return z\n"


@pytest.fixture
def tree(tmp_path) -> Path:
    files = {
        "program.py": '"""Doc."""\nfrom package import direct\nprint(direct.x)\n',
        "package/__init__.py": '"""Package."""\n',
        "package/direct.py": "from .indirect import y\nx = y  # comment\n",
        "package/indirect.py": "def y():\n    '''Doc.'''\n    return 1\n",
        "package/unrelated.py": "z = 1\n",
        "env.yaml": "dependencies: [numpy==1]\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def digest(tree: Path) -> str:
    return codedigest.job_digest([tree / "program.py"], tree / "env.yaml", tree)


def test_closure_holds_direct_and_indirect_imports_and_packages(tree):
    names = {
        str(path.relative_to(tree))
        for path in codedigest.import_closure([tree / "program.py"], tree)
    }
    assert names == {
        "program.py",
        "package/__init__.py",
        "package/direct.py",
        "package/indirect.py",
    }


@pytest.mark.parametrize(
    ("name", "text", "changes"),
    [
        ("package/indirect.py", "def y():\n    return 2\n", True),
        ("package/indirect.py", "def y():\n    return 1\n", False),
        ("package/indirect.py", '"""M."""\n\n\ndef y():\n    # why\n    return 1\n', False),
        ("package/direct.py", "from .indirect import y\nx = y\n", False),
        ("package/direct.py", "from .indirect import y\nx = [y]\n", True),
        ("package/__init__.py", "flag = True\n", True),
        # What a package gives on demand is nobody's behaviour; in a module it is code like any.
        ("package/__init__.py", f'"""P."""\n{LAZY}\n\ndef __dir__(): ...\n', False),
        ("package/__init__.py", f"{LAZY}\nflag = True\n", True),
        ("package/__init__.py", "class C:\n    def __getattr__(self, name): ...\n", True),
        ("package/direct.py", f"from .indirect import y\nx = y\n\n\n{LAZY}\n", True),
        ("package/unrelated.py", "z = 2\n", False),
        ("program.py", "from package import direct\nprint(direct.x)\n", False),
        ("program.py", "import package.direct as direct\nprint(direct.x)\n", True),
        ("env.yaml", "dependencies: [numpy==2]\n", True),
        ("env.yaml", "# comment\ndependencies:\n  - numpy==1\n", False),
    ],
)
def test_what_changes_a_digest(tree, name, text, changes):
    before = digest(tree)
    (tree / name).write_text(text)
    assert (digest(tree) != before) is changes


def test_every_spelling_of_an_import_is_followed(tree):
    for spelling in (
        "import package.unrelated",
        "from package import unrelated",
        "from package.unrelated import z",
        "def late():\n    import package.unrelated",
    ):
        (tree / "program.py").write_text(spelling + "\n")
        closure = codedigest.import_closure([tree / "program.py"], tree)
        assert tree / "package/unrelated.py" in closure, spelling


def test_what_a_package_gives_on_demand_is_not_imported_by_its_programs(tree):
    (tree / "package/__init__.py").write_text(LAZY)
    closure = codedigest.import_closure([tree / "program.py"], tree)
    assert tree / "package/unrelated.py" not in closure
    assert tree / "package/__init__.py" in closure


def test_what_a_module_compiles_belongs_to_it(tree):
    before = digest(tree)
    (tree / "package" / "unrelated.cpp").write_text("int y;")
    assert digest(tree) == before
    (tree / "package" / "direct.cpp").write_text("int x;")
    with_kernel = digest(tree)
    (tree / "package" / "direct.cpp").write_text("int z;")
    changed = digest(tree)
    (tree / "package" / "direct.h").write_text("int z;")
    assert len({before, with_kernel, changed, digest(tree)}) == 4


def test_comments_and_layout_of_what_is_compiled_do_not_count(tree):
    source = tree / "package" / "direct.cpp"
    source.write_text('int z; const char* s = "no // comment";')
    before = digest(tree)
    source.write_text('int z;  // why\n/* and\nhow */ const char*\n s = "no // comment";\n')
    assert digest(tree) == before
    source.write_text('int z; const char* s = "no // other";')
    assert digest(tree) != before


def remembered(tree: Path) -> codedigest.Remembered:
    return codedigest.Remembered(tree / "kept/digests.json", tree, tree)


def test_a_remembered_digest_is_the_digest_and_is_not_worked_out_again(tree, monkeypatch):
    first = remembered(tree).job_digest("program.py", "env")
    assert first == codedigest.job_digest([tree / "program.py"], tree / "env.yaml", tree)
    monkeypatch.setattr(codedigest, "job_digest", None)
    assert remembered(tree).job_digest("program.py", "env") == first


@pytest.mark.parametrize(
    "name",
    ["program.py", "package/indirect.py", "package/direct.cpp", "package/direct.h", "env.yaml"],
)
def test_a_changed_source_is_forgotten(tree, name):
    before = remembered(tree).job_digest("program.py", "env")
    text = "dependencies: []" if name == "env.yaml" else "def y():\n    return 2\n"
    (tree / name).write_text(text)
    after = remembered(tree).job_digest("program.py", "env")
    assert after == codedigest.job_digest([tree / "program.py"], tree / "env.yaml", tree) != before


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"sources": 1, "digests": {}}'])
def test_a_spoiled_memory_is_written_again(tree, content):
    first = remembered(tree).job_digest("program.py", "env")
    whole = (tree / "kept/digests.json").read_text()
    (tree / "kept/digests.json").write_text(content)
    assert remembered(tree).job_digest("program.py", "env") == first
    assert (tree / "kept/digests.json").read_text() == whole


def test_without_a_place_to_remember_there_are_digests_all_the_same(tree):
    (tree / "kept").write_text("in the way of the folder")
    assert remembered(tree).job_digest("program.py", "env") == digest(tree)
