"""JSON files: the one place where they are read, and held to what their readers expect.

A shape says what is expected, in JSON's own form: a type (`float` takes whole numbers too), a list
of one shape for lists of any length, a dictionary of names and shapes for objects with at least
these names, `{str: shape}` for objects of any names, `Maybe(shape)` where null may stand,
`IfThere(shape)` where a name may be absent, `Any` for whatever there is.
"""

import contextlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deadtokens.errors import UserError
from deadtokens.files import opening

AGAIN = "It was damaged or changed, or is the file of another rule: make it again."
LONGEST_QUOTE = 40  # characters of a value in a message
NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a whole number",
    bool: "a truth value",
}
# What a program may stumble over that works on files which do not say what they should.
STUMBLES = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    *(MemoryError, RuntimeError, StopIteration),
)
LARGEST = 2**63  # what numpy's whole numbers hold


@dataclass(frozen=True)
class Maybe:
    """Null, or this shape."""

    shape: object


@dataclass(frozen=True)
class IfThere:
    """As the shape of a name: this shape, but the name may be absent."""

    shape: object


# NaN and infinity are written as null (`command.write_json`).
NUMBER = Maybe(float)
STEP = Maybe(int)


def read(path: Path, shape: object = dict) -> Any:
    """The content of a JSON file; UserError if it is damaged or not of this shape."""
    text = opening.text(path)
    try:
        found = parse(text)
        check(found, shape)
    except ValueError as error:
        raise UserError(f"{path}: {error}. {AGAIN}") from None
    return found


def by_folder(paths: Iterable[Path], shape: object = dict) -> dict[str, Any]:
    """The content of JSON files by the names of their folders: what is said of each run."""
    return {path.parent.name: read(path, shape) for path in paths}


def parse(text: str) -> Any:
    """The value of JSON text; ValueError if it is damaged.

    Stricter than Python: no name twice in an object, no NaN, nothing that UTF-8 cannot write.
    """
    try:
        found = json.loads(
            text,
            object_pairs_hook=_no_name_twice,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"no JSON: {error.msg} ({where})") from None
    except RecursionError:
        raise ValueError("no JSON that can be read: nested too deeply") from None
    if "\\u" in text:  # nothing else makes half of a pair of surrogates
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    return found


def check(value: object, shape: object, place: str = "") -> None:
    """ValueError, which names the place, unless a value is of this shape."""
    if shape is Any or (isinstance(shape, Maybe) and value is None):
        return
    if isinstance(shape, Maybe | IfThere):
        check(value, shape.shape, place)
    elif isinstance(shape, Mapping):
        _expect(value, dict, place)
        _check_names(value, shape, place)
    elif isinstance(shape, list):
        _expect(value, list, place)
        for number, item in enumerate(value):
            check(item, shape[0], f"{place}[{number}]")
    else:
        _expect(value, shape, place)


@contextlib.contextmanager
def fitting(*paths: Path) -> Iterator[None]:
    """Turn what goes wrong with the content of these files into a UserError that names them.

    Shapes say of what types it is; that places, lengths and names fit together shows only where
    several files meet. Only around code that computes from what was read alone.
    """
    try:
        yield
    except STUMBLES as error:
        named = ", ".join(map(str, paths))
        said = f"{type(error).__name__}: {error}"[: 5 * LONGEST_QUOTE]
        raise UserError(
            f"{named}: the content cannot be, or does not fit together ({said}). It was damaged or "
            "changed, or is of another run: make it again. If that changes nothing, this is a "
            "fault of the program."
        ) from error


def _check_names(value: Mapping, shape: Mapping, place: str) -> None:
    if str in shape:
        named = dict.fromkeys(value, shape[str])
    else:
        named = {n: s for n, s in shape.items() if n in value or not isinstance(s, IfThere)}
        if missing := [name for name in named if name not in value]:
            there = ", ".join(list(value)[:20]) or "nothing"
            raise ValueError(f"{place or 'the file'} has no {', '.join(missing)}, but {there}")
    for name, expected in named.items():
        check(value[name], expected, f"{place}.{name}" if place else name)


def _expect(value: object, kind: type, place: str) -> None:
    kinds = (int, float) if kind is float else (kind,)
    if type(value) not in kinds or (type(value) is int and not -LARGEST <= value < LARGEST):
        raise ValueError(
            f"{place or 'the file'} is {_quoted(value)}, expected {NAMES.get(kind, 'a number')}"
        )


def _quoted(value: object) -> str:
    if isinstance(value, dict | list):
        return NAMES[type(value)]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"


def _no_name_twice(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        numbers = Counter(name for name, _ in pairs)
        twice = next(name for name, number in numbers.items() if number > 1)
        raise ValueError(f"no JSON that can be trusted: {twice!r} stands twice in an object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_constant(text)


def _no_constant(name: str) -> object:
    raise ValueError(f"no JSON: {name} is no number")
