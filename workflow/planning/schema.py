"""The schema of the configuration: what is said of a key that breaks it, and its defaults."""

import copy
import math
import re
from collections.abc import Mapping
from pathlib import Path

import jsonschema
import yaml

from planning.documents import DEEPEST, SAFE_LOADER
from planning.mistakes import ConfigurationError, found, nearest, shortened

LARGEST = 2**63  # beyond it an integer fits into no 64 bits
LONGEST = 10_000  # characters of a text, which becomes part of a command


def _is_integer(checker: object, value: object) -> bool:
    """42.0 is an integer to JSON Schema, and to nobody who counts with it."""
    return isinstance(value, int) and not isinstance(value, bool)


def _whole_pattern(validator: object, pattern: str, value: object, rule: Mapping):
    """JSON Schema looks for a pattern anywhere, and its `$` overlooks a line feed at the end."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


VALIDATOR = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    validators={"pattern": _whole_pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def load(path: Path) -> dict:
    """The JSON schema of the configuration, written as YAML."""
    return yaml.load(path.read_text("utf-8"), Loader=SAFE_LOADER)


def check(configuration: Mapping, schema: Mapping) -> None:
    """Raises `ConfigurationError`, a line for every key that breaks the schema."""
    _check_values("", configuration)
    errors = sorted(VALIDATOR(schema).iter_errors(configuration), key=lambda error: error.json_path)
    # What is of a wrong type breaks bounds, too; once is enough.
    mistyped = {error.json_path for error in errors if error.validator == "type"}
    messages = [
        _explained(error)
        for error in errors
        if error.validator == "type" or error.json_path not in mistyped
    ]
    if messages:
        raise ConfigurationError("\n".join(messages))


def completed(entries: Mapping, rule: Mapping) -> dict:
    """Every entry with the defaults of what it lacks."""
    return {name: defaults(rule) | copy.deepcopy(dict(entry)) for name, entry in entries.items()}


def defaults(rule: Mapping) -> dict:
    """What the rule says of keys that are not given."""
    properties = rule["properties"].items()
    return {key: copy.deepcopy(value["default"]) for key, value in properties if "default" in value}


def allowed(rule: Mapping) -> str:
    """A rule of the schema in words: type and bounds."""
    if "pattern" in rule:
        length = f" of {rule['maxLength']} characters at most" if "maxLength" in rule else ""
        return f"names{length} of the form {rule['pattern']}"
    kind = rule.get("type", "any value")
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
        "minItems": "entries at least",
        "minProperties": "entries at least",
        "maxItems": "entries at most",
        "minLength": "characters at least",
        "maxLength": "characters at most",
    }
    words = [f"{text} {rule[name]}" for name, text in bounds.items() if name in rule]
    return ", ".join([kind if isinstance(kind, str) else " or ".join(kind), *words])


def _check_values(key: str, value: object, above: tuple[int, ...] = ()) -> None:
    """What no bound of a schema refuses: NaN compares with nothing, and where there is no key."""
    place = key or "the configuration"
    if id(value) in above:
        raise ConfigurationError(f"{place} contains itself; allowed: values that end.")
    if len(above) > DEEPEST:
        raise ConfigurationError(f"{shortened(place)} is nested deeper than {DEEPEST} levels.")
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                raise ConfigurationError(
                    f"{place} has the key {found(name)}, a {type(name).__name__}; allowed: text. "
                    "Write it in quotes."
                )
            _check_text(f"a key of {place}", name)
            _check_values(f"{key}.{name}".lstrip("."), item, (*above, id(value)))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check_values(f"{key}.{i}".lstrip("."), item, (*above, id(value)))
    elif isinstance(value, str):
        _check_text(place, value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigurationError(f"{place} is {value}; allowed: finite numbers.")
    elif isinstance(value, int) and not -LARGEST <= value < LARGEST:
        raise ConfigurationError(f"{place} is {found(value)}; allowed: integers of 64 bits.")
    elif value is not None and not isinstance(value, int | float):
        raise ConfigurationError(
            f"{place} is {found(value)}, a {type(value).__name__}; allowed: text (in quotes), "
            "numbers, true, false, null, lists and mappings."
        )


def _check_text(place: str, text: str) -> None:
    if len(text) > LONGEST:
        raise ConfigurationError(f"{place} has {len(text):,} characters; allowed: {LONGEST:,}.")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ConfigurationError(
            f"{place} is {found(text)}; allowed: text without the character NUL and without half "
            "characters (surrogates)."
        )


def _explained(error: jsonschema.ValidationError) -> str:
    key = ".".join(map(str, error.absolute_path)) or "the configuration"
    instance, rule = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        place = f"{key}." if error.absolute_path else ""
        wrong = [name for name in instance if name not in known]
        return "\n".join(
            f"{place}{shortened(name)} is no known key. {nearest(name, known)}" for name in wrong
        )
    if error.validator == "enum":
        return f"{key} is {found(instance)}. {nearest(instance, rule)}"
    if error.validator == "required":
        return f"{key} lacks {error.message.split()[0]}. It needs: {', '.join(rule)}."
    if error.validator == "uniqueItems":
        twice = next(item for i, item in enumerate(instance) if item in instance[:i])
        return f"{key} has {found(twice)} twice; allowed: each entry once."
    if "propertyNames" in error.absolute_schema_path:
        return f"{key} has the name {found(instance)}; allowed: {allowed(error.schema)}."
    meaning = error.schema.get("description", "")
    message = f"{key} is {found(instance)}; allowed: {allowed(error.schema)}."
    return f"{message}{_number_hint(error)} {meaning}".rstrip()


def _number_hint(error: jsonschema.ValidationError) -> str:
    """What a number that is not taken for one should look like."""
    value, wanted = error.instance, error.schema.get("type", ())
    if error.validator != "type" or not {"integer", "number"} & {*_listed(wanted)}:
        return ""
    if isinstance(value, float) and value.is_integer():
        return f" Write {value:.0f}."
    if not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    if re.fullmatch(r"[-+]?\d+e[-+]?\d+", value.strip(), re.IGNORECASE):
        mantissa, exponent = value.strip().lower().split("e")
        sign = "" if exponent.startswith(("+", "-")) else "+"
        return f" YAML reads {value.strip()} as text: write {mantissa}.0e{sign}{exponent}."
    return " It is text: write the number without quotes." if math.isfinite(number) else ""


def _listed(kind: object) -> list[str]:
    return [kind] if isinstance(kind, str) else list(kind)
