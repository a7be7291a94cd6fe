"""Files of configuration and `--config`, read strictly before Snakemake reads them its own way.

Snakemake takes the last of two equal keys without a word, hands the numbers within `--config` over
as text, and dies of text that is not UTF-8, of anchors that contain themselves and of deep nesting.
Here each is reported in one message that names file, line and key.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from planning.givenfiles import why_unusable
from planning.mistakes import ConfigurationError, shortened

# The same in C, of a PyYAML built with it, reads in a seventh of the time.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 50  # levels; what the workflow knows has eight
MOST = 1_000_000  # values, those that aliases repeat counted each time

TAG = "tag:yaml.org,2002:"
# What a scalar is read as, in words; of others YAML makes what no key of the configuration takes.
READ_AS = {
    **{f"{TAG}int": "a number", f"{TAG}float": "a number", f"{TAG}bool": "true or false"},
    **{f"{TAG}null": "nothing", f"{TAG}timestamp": "a date", f"{TAG}binary": "bytes"},
}
TAKEN = {f"{TAG}{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}


def check_files(paths: Iterable[Path | str]) -> None:
    """Raises `ConfigurationError` for the first file that cannot be read to the letter."""
    for path in paths:
        _check_file(str(path))


def check_call(arguments: Sequence[str]) -> None:
    """The files and the `--config` of a command line of Snakemake; raises `ConfigurationError`."""
    for option in ("--configfile", "--configfiles", "--config"):
        if sum(argument.partition("=")[0] == option for argument in arguments) > 1:
            raise ConfigurationError(
                f"{option} is given twice, and Snakemake takes the last one alone. Write all "
                f"values after one {option}."
            )
    check_files(_values_of(("--configfile", "--configfiles"), arguments))
    typed(_values_of(("--config", "-C"), arguments))


def end_unless_readable(arguments: Sequence[str]) -> None:
    """End this process with one message and exit code 1 if `check_call` finds a mistake."""
    try:
        check_call(arguments)
    except ConfigurationError as error:
        print(f"Wrong configuration.\n{error}", file=sys.stderr)
        sys.exit(1)


def typed(entries: Iterable[str]) -> dict[str, object]:
    """`--config KEY=VALUE`: nested values as a file would have them, numbers as numbers.

    Values that are no list and no mapping are left out, for Snakemake reads those as they are
    meant. Raises `ConfigurationError` for entries that Snakemake would not take, values that are no
    YAML, and a value that is given twice.
    """
    found, leaves = {}, set()
    for entry in entries:
        key, equals, text = entry.partition("=")
        if not equals or not re.fullmatch(r"[a-zA-Z_][\w-]*\w", key):
            raise ConfigurationError(
                f"--config {shortened(entry)}: expected KEY=VALUE with a key of the first level. "
                "What lies deeper is written so: --config 'runs={crucible2: {total_steps: 7}}'."
            )
        value = _container(f"--config {key}", text)
        for leaf in _leaves((key,), text if value is None else value):
            if leaf in leaves:
                raise ConfigurationError(
                    f"--config gives {'.'.join(map(str, leaf))} twice. Remove one."
                )
            leaves.add(leaf)
        if value is not None:
            found[key] = _merged(found[key], value) if key in found else value
    return found


def _check_file(path: str) -> None:
    reason = why_unusable(path)
    if reason is not None:
        raise ConfigurationError(f"the configuration file {path!r}: {reason}")
    content = Path(path).read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            f"{path}, line {line}: not UTF-8 (byte {error.start} is 0x{content[error.start]:02x}). "
            "Save it as UTF-8."
        ) from None
    _check_text(path, text)


def _check_text(place: str, text: str) -> None:
    try:
        value = json.loads(text, object_pairs_hook=_object_of(place))
    except RecursionError:
        raise _too_deep(place) from None
    except ValueError:  # no JSON, so it should be YAML
        node = _composed(place, text)
        _check_mapping(place, isinstance(node, yaml.MappingNode), text)
        _Walk(place).over(node)
        return
    _check_mapping(place, isinstance(value, dict), text)
    _check_depth(place, value)


def _check_mapping(place: str, holds: bool, text: str) -> None:
    if not holds:
        found = "holds no keys at its first level" if text.strip() else "is empty"
        raise ConfigurationError(
            f"{place} {found}; expected a mapping such as `runs: {{...}}`, or at least `{{}}`."
        )


def _object_of(place: str):
    def made(pairs: list[tuple[str, object]]) -> dict:
        keys = [key for key, _ in pairs]
        twice = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
        if twice is not None:
            raise ConfigurationError(
                f"{place}: {twice!r} is given twice in one object. Remove one."
            )
        return dict(pairs)

    return made


def _check_depth(place: str, value: object) -> None:
    level = [value]
    for _ in range(DEEPEST):
        items = (item.values() if isinstance(item, dict) else item for item in level)
        level = [one for inner in items for one in inner if isinstance(one, dict | list)]
        if not level:
            return
    raise _too_deep(place)


def _too_deep(place: str) -> ConfigurationError:
    return ConfigurationError(
        f"{place}: nested deeper than {DEEPEST} levels; expected eight at most."
    )


def _composed(place: str, text: str) -> yaml.Node | None:
    """The document as nodes; of its nesting first, since the composer calls itself."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=SAFE_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise _too_deep(place)
        return yaml.compose(text, Loader=SAFE_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(
            f"{place}{where}: no readable YAML: {error.problem or error.context}. In YAML, quote "
            "text that holds `: `, ` #` or begins with a special sign, and indent with spaces."
        ) from None
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{place}: no readable YAML: {shortened(reason)}.") from None


class _Walk:
    """Over the nodes of a document: keys that are texts, each once; values that can be had."""

    def __init__(self, place: str):
        self._place = place
        self._open = set()  # nodes that hold the one that is looked at
        self._sizes = {}  # of nodes that are done: values in them, levels of them

    def over(self, node: yaml.Node, key: tuple[str, ...] = ()) -> tuple[int, int]:
        """Raises `ConfigurationError` for the first mistake; number of values and of levels."""
        if id(node) in self._open:
            raise self._mistake(
                node, f"{_dotted(key)} contains itself, by an anchor and its alias."
            )
        if id(node) not in self._sizes:
            self._open.add(id(node))
            self._sizes[id(node)] = self._size(node, key)
            self._open.discard(id(node))
        return self._sizes[id(node)]

    def _size(self, node: yaml.Node, key: tuple[str, ...]) -> tuple[int, int]:
        if node.tag not in TAKEN or isinstance(node, yaml.ScalarNode):
            self._check_value(node, key)
            return 1, 0
        if isinstance(node, yaml.MappingNode):
            inner = [(*key, *name) for name in self._names(node, key)]
            values = [value for _, value in node.value]
        else:
            values = node.value
            inner = [(*key, str(i)) for i in range(len(values))]
        sizes = [self.over(value, name) for value, name in zip(values, inner, strict=True)]
        number = 1 + sum(size for size, _ in sizes)
        levels = 1 + max((depth for _, depth in sizes), default=0)
        if number > MOST:
            raise self._mistake(
                node, f"{_dotted(key)} repeats more than {MOST:,} values by aliases."
            )
        if levels > DEEPEST:
            raise _too_deep(self._place)
        return number, levels

    def _names(self, node: yaml.MappingNode, key: tuple[str, ...]) -> list[tuple[str, ...]]:
        first, names = {}, []
        for name, _ in node.value:
            if name.tag not in (f"{TAG}str", f"{TAG}merge"):
                of = name.value if isinstance(name, yaml.ScalarNode) else "a list or mapping"
                raise self._mistake(
                    name,
                    f"the key {shortened(of)} of {_dotted(key)} is read as "
                    f"{READ_AS.get(name.tag, 'no text')}; keys are text: write it in quotes.",
                )
            if name.value in first:
                raise self._mistake(
                    name,
                    f"{_dotted((*key, name.value))} is given twice, first on line "
                    f"{first[name.value]}. Remove one.",
                )
            first[name.value] = name.start_mark.line + 1
            names.append(() if name.tag == f"{TAG}merge" else (name.value,))
        return names

    def _check_value(self, node: yaml.Node, key: tuple[str, ...]) -> None:
        if node.tag not in TAKEN:
            of = shortened(node.value) if isinstance(node, yaml.ScalarNode) else node.tag
            raise self._mistake(
                node,
                f"{_dotted(key)} is {of}, which YAML reads as "
                f"{READ_AS.get(node.tag, node.tag)}; expected text (in quotes), a number, true, "
                "false, null, a list or a mapping.",
            )
        try:
            yaml.SafeLoader("").construct_object(node)
        except (ValueError, yaml.YAMLError):
            raise self._mistake(
                node,
                f"{_dotted(key)} is {shortened(node.value)}, which looks like a number and cannot "
                "be read as one; write text in quotes.",
            ) from None

    def _mistake(self, node: yaml.Node, reason: str) -> ConfigurationError:
        return ConfigurationError(f"{self._place}, line {node.start_mark.line + 1}: {reason}")


def _dotted(key: Sequence[str]) -> str:
    return ".".join(map(shortened, key)) or "the first level"


def _container(place: str, text: str) -> dict | list | None:
    """The list or mapping that a value of `--config` is, None if it is neither."""
    if not any(sign in text for sign in "{[:-\n"):
        return None
    node = _composed(place, text)
    if not isinstance(node, yaml.CollectionNode):
        return None
    _Walk(place).over(node)
    return yaml.load(text, Loader=SAFE_LOADER)


def _leaves(key: tuple, value: object) -> Iterable[tuple]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves((*key, name), item)
    else:
        yield key


def _merged(base: object, top: object) -> object:
    if not (isinstance(base, Mapping) and isinstance(top, Mapping)):
        return top
    both = {key: _merged(base[key], value) for key, value in top.items() if key in base}
    return {**base, **top, **both}


def _values_of(options: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """The values that a command line gives to an option, whichever of its names is used."""
    values, taking = [], False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if argument == "--":
            break
        if name in options and name.startswith("--"):
            taking = not equals
            values += [value] if equals else []
        elif argument in options:
            taking = True
        elif argument.startswith("-"):
            taking = False
        elif taking:
            values.append(argument)
    return values
