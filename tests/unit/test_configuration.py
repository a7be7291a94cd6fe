"""Resolving the configuration: defaults, `like:`; schema, default file and reference in step."""

import re
from pathlib import Path

import pytest
import yaml

from planning import configuration, reference

ROOT = Path(__file__).parents[2]
SCHEMA = configuration.load_schema(ROOT / "workflow/schemas/config.schema.yaml")
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def resolved(**changes) -> dict:
    return configuration.resolve(DEFAULT | changes, SCHEMA)


def test_every_key_has_description_default_and_bounds():
    for name, definition in SCHEMA["$defs"].items():
        for key, rule in definition["properties"].items():
            assert rule["description"].endswith("."), f"{name}.{key}"
            if key in ("like", "sweep"):
                continue
            assert "default" in rule, f"{name}.{key} has no default"
            if rule.get("type") in ("integer", "number"):
                assert {"minimum", "exclusiveMinimum"} & rule.keys(), f"{name}.{key}"
                assert {"maximum", "exclusiveMaximum"} & rule.keys(), f"{name}.{key}"


def test_defaults_obey_their_own_rules():
    entries = {
        "corpora": {"flannel": configuration._defaults(SCHEMA["$defs"]["corpus"])},
        "phase_schemes": {"published": configuration._defaults(SCHEMA["$defs"]["phase_scheme"])},
        "comparison": ["any"],
        "published": {"runs": ["any"]},
        "report": {"runs": ["any"]},
        "runs": {"any": configuration._defaults(SCHEMA["$defs"]["run"])},
    }
    assert configuration.resolve(entries, SCHEMA)["runs"] == entries["runs"]


def test_default_file_repeats_the_defaults_of_the_schema():
    for key, value in DEFAULT["phase_schemes"]["published"].items():
        assert value == SCHEMA["$defs"]["phase_scheme"]["properties"][key]["default"], key
    for key, value in DEFAULT["corpora"]["flannel"].items():
        assert value == SCHEMA["$defs"]["corpus"]["properties"][key]["default"], key


def test_reference_is_written_from_the_schema():
    written = (ROOT / "config/README.md").read_text("utf-8")
    assert written == reference.reference(SCHEMA), "run `make docs`"
    keys = {key for entry in SCHEMA["$defs"].values() for key in entry["properties"]}
    assert keys <= set(re.findall(r"^\| `(\w+)` \|", written, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "config").glob("*.yaml")))
def test_shipped_configurations_fit_the_schema(name):
    def merged(base: dict, top: dict) -> dict:
        nested = {
            key: merged(base.get(key) or {}, value) if isinstance(value, dict) else value
            for key, value in top.items()
        }
        return base | nested

    shipped = merged(DEFAULT, yaml.safe_load((ROOT / "config" / name).read_text()))
    configuration._check_against_schema(shipped, SCHEMA)


def test_published_values_of_crucible2():
    run = resolved()["runs"]["crucible2"]
    published = {
        "total_steps": 500,
        "batch_size": 128,
        "seq_len": 128,
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "hidden_dim": 64,
        "num_layers": 2,
        "num_heads": 2,
        "random_seed": 42,
        "motion_threshold": 0.1,
        "precision": "bfloat16",
        "autocast": False,
        "target_offset": 1,
    }
    assert {key: run[key] for key in published} == published


def test_like_inherits_through_several_runs_and_own_keys_win():
    runs = DEFAULT["runs"] | {
        "hot": {"like": "crucible2", "learning_rate": 0.01, "total_steps": 7},
        "hot_long": {"like": "hot", "total_steps": 9},
    }
    run = resolved(runs=runs)["runs"]["hot_long"]
    assert run["learning_rate"] == 0.01
    assert run["total_steps"] == 9
    assert run["experiment"] == "Crucible 2"
    assert "like" not in run


def test_resolving_leaves_the_given_configuration_alone():
    before = yaml.safe_dump(DEFAULT)
    resolved()["runs"]["crucible2"]["record"].append("changed")
    assert yaml.safe_dump(DEFAULT) == before


def test_all_mistakes_are_told_at_once():
    runs = {"a": {"total_steps": 0, "seed": 1}}
    with pytest.raises(configuration.ConfigurationError) as error:
        resolved(runs=runs)
    assert "runs.a.total_steps is 0" in str(error.value)
    assert "runs.a.seed is no known key" in str(error.value)
