"""Digest of what a job runs: its script, the modules that this imports, its environment.

Snakemake follows neither imports nor installed packages, so each rule carries this digest as a
parameter. Sources are parsed and their docstrings dropped: a comment, a docstring, a touch or a
fresh checkout change nothing, a change of behaviour reruns exactly the jobs that import it.

Nor does it count what a package gives on demand (`LAZY`): Python asks for that only where a name of
the package is wanted that is no module, as in a notebook, and programs import modules alone.
"""

import ast
import contextlib
import functools
import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml

from planning import memory as memory_file

COMPILED = (".cpp", ".h")
LAZY = ("__getattr__", "__dir__")  # functions of a package's own
STRING_OR_COMMENT = r'(?s)"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/'


class Remembered:
    """`job_digest`, its results kept in a file for as long as no source changes.

    Sources are all scripts with what they compile, all environment files and this module. Hashing
    is cheaper than parsing, and every call of Snakemake, on a cluster every job, needs digests.
    """

    def __init__(self, memory: Path, scripts: Path, environments: Path):
        self._memory, self._scripts, self._environments = memory, scripts, environments
        self._sources = self._hashed()
        self._digests = {}
        kept = memory_file.recall(memory)
        with contextlib.suppress(ValueError, TypeError, KeyError):
            if kept["sources"] == self._sources:
                self._digests = dict(kept["digests"])

    def job_digest(self, script: str, environment: str, *modules: str) -> str:
        """The digest of a script and of an environment file by name.

        Paths are relative to the folder of scripts; `modules` are those that it finds by name.
        """
        job = " ".join([script, environment, *modules])
        if job not in self._digests:
            sources = [self._scripts / path for path in (script, *modules)]
            declared = self._environments / f"{environment}.yaml"
            self._digests[job] = job_digest(sources, declared, self._scripts)
            kept = {"sources": self._sources, "digests": self._digests}
            memory_file.keep(self._memory, kept)
        return self._digests[job]

    def _hashed(self) -> str:
        hashed = hashlib.sha256(sys.version.encode())  # another Python may write sources otherwise
        for root, pattern in (
            (self._scripts, "**/*.py"),
            *((self._scripts, f"**/*{suffix}") for suffix in COMPILED),
            (self._environments, "*.yaml"),
        ):
            for path in sorted(root.glob(pattern)):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                hashed.update(f"{path.relative_to(root)}\0{content}\0".encode())
        hashed.update(Path(__file__).read_bytes())
        return hashed.hexdigest()


def job_digest(scripts: Iterable[Path], environment: Path, root: Path) -> str:
    """Hexadecimal SHA-256 over the scripts' import closure and the environment file's content.

    root: the folder from which modules are imported.
    """
    sources = import_closure(scripts, root)
    parts = [f"{path.relative_to(root)}\n{behaviour(path)}" for path in sources]
    # What a module compiles lies beside it under its name.
    compiled = [path.with_suffix(suffix) for path in sources for suffix in COMPILED]
    parts += [
        f"{path.name}\n{_tokens(path.read_text('utf-8'))}" for path in compiled if path.exists()
    ]
    parts.append(_content(environment.read_text("utf-8")))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _tokens(cpp: str) -> str:
    """C++ without comments and layout; strings as they are."""
    bare = re.sub(STRING_OR_COMMENT, lambda m: m[0] if m[0][0] == '"' else " ", cpp)
    return " ".join(bare.split())


@functools.cache
def _content(yaml_text: str) -> str:
    return repr(yaml.safe_load(yaml_text))


def import_closure(scripts: Iterable[Path], root: Path) -> list[Path]:
    """The scripts and every module under root that they import, directly or not, sorted by path."""
    found, waiting = set(), [*scripts]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported_files(path, root, path.read_text("utf-8"))
    return sorted(found)


def behaviour(path: Path) -> str:
    """The source without comments, docstrings and layout."""
    return _understood(path.read_text("utf-8"), path).behaviour


class _Source(NamedTuple):
    behaviour: str
    imports: tuple[tuple[int, str], ...]  # (level, dotted name), level 0 for absolute ones


# All jobs share most of the library: a source is parsed once, whoever imports it.
@functools.cache
def _understood(text: str, path: Path) -> _Source:
    tree = ast.parse(text, filename=str(path))
    if path.name == "__init__.py":
        tree.body = [node for node in tree.body if getattr(node, "name", None) not in LAZY]
    imports = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = (f"{module}.{alias.name}".lstrip(".") for alias in node.names)
            imports += [(node.level, module), *((node.level, name) for name in names)]
        elif _has_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return _Source(ast.unparse(tree), tuple(imports))


def _has_docstring(node: ast.AST) -> bool:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None


@functools.cache
def _imported_files(path: Path, root: Path, text: str) -> list[Path]:
    imports = _understood(text, path).imports
    names = (".".join(filter(None, [_package_of(path, root, n), name])) for n, name in imports)
    return [file for name in dict.fromkeys(names) for file in _files_of(name, root)]


def _package_of(path: Path, root: Path, level: int) -> str:
    """The package that a relative import of this level starts from; empty for an absolute one."""
    if level == 0:
        return ""
    return ".".join(path.relative_to(root).parts[:-level])


def _files_of(module: str, root: Path) -> list[Path]:
    """The files that importing `module` runs: the packages on the way and the module itself."""
    parts, files = module.split("."), []
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        candidates = (place.with_suffix(".py"), place / "__init__.py")
        files += [file for file in candidates if file.is_file()]
    return files
