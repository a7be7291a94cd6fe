"""Every key of the schema, given wrong values of every kind: one message that names the key."""

import copy
import math
from pathlib import Path

import pytest
import yaml

from planning import configuration, schema
from planning.mistakes import ConfigurationError

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text()) | yaml.safe_load(
    (ROOT / "config/verdicts.yaml").read_text()
)
# Where an entry of each definition stands in a configuration, and what it cannot do without.
PLACES = {
    "inputs": ("inputs",),
    "corpus": ("corpora", "flannel"),
    "hub_text": ("corpora", "flannel", "tokenizer_corpus_from", "0"),
    "hub_tokenizer": ("corpora", "flannel", "tokenizer_from"),
    "phase_scheme": ("phases", "published"),
    "run": ("runs", "crucible2"),
    "published": ("published",),
    "kick": ("kick", "wordybird"),
    "causes": ("causes",),
    "onset": ("causes", "onsets", "mine"),
    "forecast": ("causes", "forecasts", "ours"),
    "freezing": ("freezing",),
    "census": ("census", "mine"),
    "census_in_time": ("census_in_time",),
    "black_holes": ("black_holes", "mine"),
    "published_cloud": ("black_holes", "mine", "published_cloud"),
    "permanence": ("permanence",),
    "figures": ("figures",),
    "cluster": ("cluster",),
    "drift": ("drift",),
    "cohorts": ("cohorts",),
    "account": ("causes", "account"),
    "report": ("report",),
    "explorer": ("explorer",),
    "verdicts": ("verdicts",),
    "chapter": ("verdicts", "chapters", "freezing"),
    "question": ("verdicts", "questions", "all_moved"),
    "condition": ("verdicts", "questions", "all_moved", "supported_if"),
    "findings": ("findings",),
}
PAIR = {"state": "crucible2", "outcome": "crucible1"}
FORECAST = {"ours": {"chosen_on": [PAIR], "judged_on": [PAIR]}}
CENSUS = {"mine": {"folder": "model"}}
HOLES = {"mine": {"arms": {"a": ["crucible1"]}, "steps": [0]}}
ONSET = {"mine": {"reference": "a", "arms": {"a": ["crucible1"], "b": ["crucible1"]}}}
NOWHERE = {  # of no key, whatever its type
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "400 digits": 10**400,
    "5000 digits": 10**5000,
    "64 bits and one": 2**63,
    "bytes": b"x",
    "set": {"x"},
    "tuple": ("x",),
    "NUL": "a\0b",
    "half a character": "\ud800",
    "a book": "x" * 20_000,
    "number as key": {1: 2},
    "nothing as key": {None: 2},
}
OF_TYPES = {
    "integer": {"whole float": 42.0, "fraction": 1.5, "truth": True, "text": "7", "list": [7]},
    "number": {"truth": True, "text": "1e-3", "list": [0.5], "mapping": {"a": 1}},
    "string": {"number": 7, "truth": False, "list": ["a"], "mapping": {"a": "b"}},
    "boolean": {"number": 1, "text": "true", "null": None},
    "array": {"number": 3, "text": "a", "mapping": {"a": 1}, "null": None},
    "object": {"number": 3, "text": "a", "list": ["a"]},
    "null": {},
}


def types_of(rule):
    if "enum" in rule:
        return ["enum"]
    if "$ref" in rule:
        return types_of(SCHEMA["$defs"][rule["$ref"].split("/")[-1]])
    kind = rule["type"]
    return [kind] if isinstance(kind, str) else kind


def wrong_values(rule):
    """Values, by what is wrong with them, that no type of the rule takes."""
    kinds = types_of(rule)
    if kinds == ["enum"]:
        wrong = {"other text": "nosuch", "number": 3, "truth": True, "list": ["x"], "null": None}
        wrong = {name: value for name, value in wrong.items() if value not in rule.get("enum", ())}
    else:
        each = [OF_TYPES[kind] for kind in kinds]
        right = {
            "integer": {"text": "7", "list": [7]} if "number" not in kinds else {},
            "number": {"truth": True} if "boolean" not in kinds else {},
        }
        wrong = {name: value for values in each for name, value in values.items()}
        wrong = {name: value for name, value in wrong.items() if not fits(value, kinds)} | {
            name: value
            for kind in kinds
            for name, value in right.get(kind, {}).items()
            if not fits(value, kinds)
        }
    if "minimum" in rule or "exclusiveMinimum" in rule:
        wrong["too small"] = rule.get("minimum", rule.get("exclusiveMinimum")) - 1
    if "maximum" in rule or "exclusiveMaximum" in rule:
        wrong["too large"] = rule.get("maximum", rule.get("exclusiveMaximum")) * 2 + 1
    if "items" in rule:
        members = wrong_values(rule["items"])
        wrong |= {f"member, {name}": [value] * least(rule) for name, value in members.items()}
        wrong |= {f"member, {name}": [value] * least(rule) for name, value in NOWHERE.items()}
        if rule.get("uniqueItems"):
            wrong["twice"] = [copy.deepcopy(one) for one in (rule["default"] or ["a"])[:1] * 2]
    return wrong | NOWHERE


def least(rule):
    return max(1, rule.get("minItems", 1))


def fits(value, kinds):
    python = {
        "integer": int,
        "number": (int, float),
        "string": str,
        "boolean": bool,
        "array": list,
        "object": dict,
        "null": type(None),
    }
    if isinstance(value, bool):
        return "boolean" in kinds
    return any(isinstance(value, python[kind]) for kind in kinds)


def few(given):
    """Of a configuration what the places need, since all of it is looked at each time."""
    small = copy.deepcopy(given)
    small["runs"] = {name: small["runs"][name] for name in ("crucible1", "crucible2")}
    questions = small["verdicts"]["questions"]
    small["verdicts"]["questions"] = {"all_moved": questions["all_moved"]}
    return small


SMALL = few(DEFAULT)


def changed(place, key, value):
    given = copy.deepcopy(SMALL)
    given["causes"] = copy.deepcopy({"onsets": ONSET, "forecasts": FORECAST})
    given["census"] = copy.deepcopy(CENSUS)
    given["black_holes"] = copy.deepcopy(HOLES)
    entry = given
    for name, following in zip(place, (*place[1:], key), strict=True):
        if isinstance(entry, list):
            entry = entry[int(name)]
        else:
            entry = entry.setdefault(name, [{}] if following == "0" else {})
    entry[key] = value
    return given


KEYS = [
    (definition, key)
    for definition, rule in SCHEMA["$defs"].items()
    for key in rule.get("properties", {})
]


def test_every_definition_has_its_place():
    assert set(PLACES) == set(SCHEMA["$defs"])


@pytest.mark.parametrize(("definition", "key"), KEYS, ids=lambda name: name)
def test_a_wrong_value_is_reported_with_its_key(definition, key):
    rule, place = SCHEMA["$defs"][definition]["properties"][key], PLACES[definition]
    wrong = wrong_values(rule)
    assert len(wrong) > len(NOWHERE)
    for name, value in wrong.items():
        with pytest.raises(ConfigurationError) as error:
            schema.check(changed(place, key, value), SCHEMA)
        message = str(error.value)
        assert ".".join((*place, key)) in message, f"{name}: {message}"
        assert "allowed" in message.lower(), f"{name}: {message}"
        assert len(message) < 1200, f"{name}: {message[:2000]}"
        message.encode()  # half a character cannot be written


@pytest.mark.parametrize("section", SCHEMA["properties"])
def test_a_wrong_section_is_reported(section):
    wrong = [] if section == "verify_files" else [True]
    for value in (*wrong, 3, "text", math.nan, 10**400, [1.5], [math.inf], {"no_such": 1}):
        with pytest.raises(ConfigurationError) as error:
            configuration.resolve(DEFAULT | {section: value}, SCHEMA)
        assert section in str(error.value)


NAMED = ("corpora", "phases", "runs", "kick", "causes.onsets", "causes.forecasts", "census")
NAMED += ("black_holes",)
BAD_NAMES = [
    "",
    " ",
    "a b",
    "a\n",
    "a\n\n",
    "\na",
    "../a",
    "a/b",
    "/a",
    "-a",
    ".a",
    "a{b}",
    "*",
    "ä",
]


@pytest.mark.parametrize("section", NAMED)
@pytest.mark.parametrize("name", [*BAD_NAMES, "x" * 101, "x" * 5000], ids=repr)
def test_a_name_that_is_no_file_name_is_reported(section, name):
    causes = copy.deepcopy({"onsets": ONSET, "forecasts": FORECAST})
    given = copy.deepcopy(DEFAULT) | {"causes": causes, "census": copy.deepcopy(CENSUS)}
    given["black_holes"] = copy.deepcopy(HOLES)
    entries = given
    for key in section.split("."):
        entries = entries[key]
    entries[name] = copy.deepcopy(next(iter(entries.values())))
    with pytest.raises(ConfigurationError) as error:
        configuration.resolve(given, SCHEMA)
    assert section in str(error.value)
    assert len(str(error.value)) < 600


def test_a_value_that_contains_itself_is_reported():
    given = copy.deepcopy(SMALL)
    given["runs"]["crucible2"]["record"] = own = []
    own.append(own)
    with pytest.raises(ConfigurationError, match=r"runs\.crucible2\.record\.0 contains itself"):
        schema.check(given, SCHEMA)
