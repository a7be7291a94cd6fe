"""How mistakes in the configuration are reported: what was found, and what is allowed."""

import difflib
from collections.abc import Iterable, Mapping

LONGEST = 100  # characters of a value in a message


class ConfigurationError(Exception):
    """The configuration cannot be used; the message is for the person who wrote it."""


class RequestError(Exception):
    """What is asked for cannot be had of this configuration; the message says why."""


def nearest(wrong: object, known: Iterable[str]) -> str:
    """The end of an error message: the nearest right name, and all there are."""
    known = sorted(map(str, known))
    if not known:
        return "There is none to choose from."
    near = difflib.get_close_matches(str(wrong), known, n=1)
    return (f"Did you mean {near[0]}? " if near else "") + f"Allowed: {', '.join(known)}."


def check_known(key: str, name: str, table: str, configuration: Mapping) -> None:
    if name not in configuration[table]:
        raise ConfigurationError(
            f"{key} is {name!r}, no entry of {table}. {nearest(name, configuration[table])}"
        )


def as_yaml(value: object) -> str:
    """A value as the configuration writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return shortened(value)


def found(value: object) -> str:
    """The same, text in quotes."""
    return shortened(repr(value)) if isinstance(value, str) else as_yaml(value)


def shortened(value: object) -> str:
    """A value for a message: on one line, and no longer than a glance."""
    text = str(value) if isinstance(value, str) else _safe_repr(value)
    text = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]}... ({len(text):,} characters)"


def _safe_repr(value: object) -> str:
    """Python refuses to write out integers of thousands of digits."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4000:
        return f"an integer of about {value.bit_length() * 3 // 10:,} digits"
    try:
        return repr(value)
    except ValueError:
        return f"a {type(value).__name__} that holds an integer of thousands of digits"
