"""The schema of the configuration: what is told of a key that breaks it, and its defaults."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path

import jsonschema
import yaml

from planning.mistakes import ConfigurationError, nearest

# The same in C, of a PyYAML built with it, reads the schema in a seventh of the time.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path: Path) -> dict:
    """The JSON schema of the configuration, written as YAML."""
    return yaml.load(path.read_text("utf-8"), Loader=SAFE_LOADER)


def check(configuration: Mapping, schema: Mapping) -> None:
    """Raises `ConfigurationError`, a line for every key that breaks the schema."""
    _check_finite("", configuration)
    errors = jsonschema.Draft202012Validator(schema).iter_errors(configuration)
    messages = [_explained(error) for error in sorted(errors, key=lambda error: error.json_path)]
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
        return f"names of the form {rule['pattern']}"
    kind = rule.get("type", "any value")
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "exclusiveMaximum": "less than",
        "minItems": "entries at least",
        "minProperties": "entries at least",
        "maxItems": "entries at most",
    }
    words = [f"{text} {rule[name]}" for name, text in bounds.items() if name in rule]
    return ", ".join([kind if isinstance(kind, str) else " or ".join(kind), *words])


def _check_finite(key: str, value: object) -> None:
    """No bound of a schema refuses NaN, for it compares with nothing."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            _check_finite(f"{key}.{name}".lstrip("."), item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigurationError(f"{key} is {value}; allowed: finite numbers.")


def _explained(error: jsonschema.ValidationError) -> str:
    key = ".".join(map(str, error.absolute_path)) or "the configuration"
    found, rule = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        place = f"{key}." if error.absolute_path else ""
        wrong = [name for name in found if name not in known]
        return "\n".join(f"{place}{name} is no known key. {nearest(name, known)}" for name in wrong)
    if error.validator == "enum":
        return f"{key} is {found!r}. {nearest(found, rule)}"
    if error.validator == "required":
        return f"{key} lacks {error.message.split()[0]}. It needs: {', '.join(rule)}."
    meaning = error.schema.get("description", "")
    return f"{key} is {found!r}; allowed: {allowed(error.schema)}.{_yaml_hint(error)} {meaning}"


def _yaml_hint(error: jsonschema.ValidationError) -> str:
    """`1e-8` is text to YAML 1.1, which surprises everybody once."""
    try:
        float(error.instance)
    except (TypeError, ValueError):
        return ""
    is_text = isinstance(error.instance, str)
    return " YAML reads 1e-8 as text: write 1.0e-8." if is_text else ""
