"""Digests follow behaviour through imports, and nothing else."""

from pathlib import Path

import pytest

from planning import codedigest


@pytest.fixture
def tree(tmp_path) -> Path:
    files = {
        "step.py": '"""Doc."""\nfrom package import direct\nprint(direct.x)\n',
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
    return codedigest.step_digest(tree / "step.py", tree / "env.yaml")


def test_closure_holds_direct_and_indirect_imports_and_packages(tree):
    names = {str(path.relative_to(tree)) for path in codedigest.import_closure(tree / "step.py")}
    assert names == {"step.py", "package/__init__.py", "package/direct.py", "package/indirect.py"}


@pytest.mark.parametrize(
    ("name", "text", "changes"),
    [
        ("package/indirect.py", "def y():\n    return 2\n", True),
        ("package/indirect.py", "def y():\n    return 1\n", False),
        ("package/indirect.py", '"""M."""\n\n\ndef y():\n    # why\n    return 1\n', False),
        ("package/direct.py", "from .indirect import y\nx = y\n", False),
        ("package/direct.py", "from .indirect import y\nx = [y]\n", True),
        ("package/__init__.py", "flag = True\n", True),
        ("package/unrelated.py", "z = 2\n", False),
        ("step.py", "from package import direct\nprint(direct.x)\n", False),
        ("step.py", "import package.direct as direct\nprint(direct.x)\n", True),
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
        (tree / "step.py").write_text(spelling + "\n")
        closure = codedigest.import_closure(tree / "step.py")
        assert tree / "package/unrelated.py" in closure, spelling
