"""How mistakes in the configuration are told: what was found, and what is allowed."""

import difflib
from collections.abc import Iterable, Mapping


class ConfigurationError(Exception):
    """The configuration cannot be used; the message is for the person who wrote it."""


def nearest(wrong: object, known: Iterable[str]) -> str:
    """The end of an error message: the nearest right name, and all there are."""
    known = sorted(map(str, known))
    near = difflib.get_close_matches(str(wrong), known, n=1)
    return (f"Did you mean {near[0]}? " if near else "") + f"Allowed: {', '.join(known)}."


def check_known(key: str, name: str, table: str, configuration: Mapping) -> None:
    if name not in configuration[table]:
        raise ConfigurationError(
            f"{key} is {name!r}, no entry of {table}. {nearest(name, configuration[table])}"
        )


def told(value: object) -> str:
    """A value as the configuration writes it."""
    return "null" if value is None else str(value)
