"""Resolving the configuration: defaults, `like:`; schema, default file and reference in step."""

import re
from pathlib import Path

import pytest
import yaml

from planning import configuration, reference, schema
from planning.mistakes import ConfigurationError

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def merged(base: dict, top: dict) -> dict:
    nested = {
        key: merged(base.get(key) or {}, value) if isinstance(value, dict) else value
        for key, value in top.items()
    }
    return base | nested


def resolved(**changes) -> dict:
    return configuration.resolve(DEFAULT | changes, SCHEMA)


def test_every_key_has_description_default_and_bounds():
    for name, definition in SCHEMA["$defs"].items():
        for key, rule in definition["properties"].items():
            assert rule["description"].endswith("."), f"{name}.{key}"
            if key in ("like", "sweep") or key in definition.get("required", ()):
                continue
            assert "default" in rule, f"{name}.{key} has no default"
            if rule.get("type") in ("integer", "number"):
                assert {"minimum", "exclusiveMinimum"} & rule.keys(), f"{name}.{key}"
                assert {"maximum", "exclusiveMaximum"} & rule.keys(), f"{name}.{key}"


def test_defaults_obey_their_own_rules():
    entries = {
        "corpora": {"flannel": schema.defaults(SCHEMA["$defs"]["corpus"])},
        "phases": {"published": schema.defaults(SCHEMA["$defs"]["phase_scheme"])},
        "comparison": ["any"],
        "published": {"runs": ["any"]},
        "report": {"runs": ["any"]},
        "runs": {"any": schema.defaults(SCHEMA["$defs"]["run"])},
    }
    assert configuration.resolve(entries, SCHEMA)["runs"] == entries["runs"]


def test_default_file_repeats_the_defaults_of_the_schema():
    for key, value in DEFAULT["phases"]["published"].items():
        assert value == SCHEMA["$defs"]["phase_scheme"]["properties"][key]["default"], key
    for key, value in DEFAULT["corpora"]["flannel"].items():
        assert value == SCHEMA["$defs"]["corpus"]["properties"][key]["default"], key


def test_reference_is_written_from_the_schema():
    written = (ROOT / "config/README.md").read_text("utf-8")
    assert written == reference.reference(SCHEMA), "run `make docs`"
    # The keys of causes are sections of their own.
    entries = [entry for name, entry in SCHEMA["$defs"].items() if name != "causes"]
    keys = {key for entry in entries for key in entry["properties"]}
    assert keys <= set(re.findall(r"^\| `(\w+)` \|", written, re.MULTILINE))


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "config").glob("*.yaml")))
def test_shipped_configurations_fit_the_schema(name):
    shipped = merged(DEFAULT, yaml.safe_load((ROOT / "config" / name).read_text()))
    schema.check(shipped, SCHEMA)


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


def test_all_mistakes_are_reported_at_once():
    runs = {"a": {"total_steps": 0, "seed": 1}}
    with pytest.raises(ConfigurationError) as error:
        resolved(runs=runs)
    assert "runs.a.total_steps is 0" in str(error.value)
    assert "runs.a.seed is no known key" in str(error.value)


ONSET = yaml.safe_load((ROOT / "config/onset.yaml").read_text())


def test_the_runs_of_the_onset_differ_from_crucible1_in_what_their_names_say():
    runs = resolved(runs=merged(DEFAULT["runs"], ONSET["runs"]))["runs"]
    about = ("experiment", "record", "save_checkpoint_at", "total_steps")
    for name in ONSET["runs"]:
        changed = {
            key: value
            for key, value in runs[name].items()
            if value != runs["crucible1"][key] and key not in about
        }
        seeded = name.endswith(("_43", "_44", "_45", "_46"))
        assert ("random_seed" in changed) == seeded, name
        assert not seeded or changed["random_seed"] == int(name[-2:])
        both = "float32_both" in name
        ways = ("float32_weights", "stochastic", "kahan", "centred")
        assert ("state_precision" in changed) == ("float32_states" in name or both), name
        assert ("weight_precision" in changed) == (any(way in name for way in ways) or both), name
        as_published = "published" in name or name.startswith("crucible1")
        assert bool(changed.keys() - {"random_seed"}) != as_published, name


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (
            {"like": "thimble7", "state_precision": "float32"},
            "runs.new.state_precision is 'float32', but with `naming: thimble` files hold m and v",
        ),
        (
            {"like": "wordybird1b", "record": ["W", "v"], "state_precision": "float32"},
            "files hold v in bfloat16",
        ),
        ({"like": "wordybird1b", "head": "float32"}, "runs.new.autocast is true"),
        (
            {"like": "wordybird3", "weight_precision": "kahan"},
            "runs.new.weight_precision is 'kahan', but the run begins from a checkpoint of wordy",
        ),
        (
            {"like": "wordybird1b_moments", "tied_embeddings": False},
            "runs.new.tied_embeddings is False, but the run begins from a checkpoint",
        ),
        (
            {"like": "crucible1", "init_spread": 1.0e-3},
            "runs.new.init_spread is 0.001, but runs.new.init is 'normal', which has none.",
        ),
        (
            {"like": "wordybird1b", "second_moment_precision": "float32"},
            "runs.new.second_moment_precision is 'float32', but with `naming: wordybird` files",
        ),
        ({"like": "crucible1", "weight_precision": "float23"}, "Did you mean float32?"),
        ({"like": "crucible1", "state_precision": "kahan"}, "Allowed: bfloat16, float32."),
    ],
)
def test_precisions_that_do_not_go_together_are_reported(run, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        resolved(runs=DEFAULT["runs"] | {"new": run})


@pytest.mark.parametrize("of", ["state_precision", "second_moment_precision"])
def test_restored_moments_may_widen_and_are_never_rounded(of):
    narrow = {"like": "wordybird1b_moments", "record": ["W"]}
    wide = DEFAULT["runs"]["wordybird1b"] | {of: "float32", "record": ["W"]}
    runs = DEFAULT["runs"] | {"wide": wide, "new": narrow | {of: "float32"}}
    assert resolved(runs=runs)["runs"]["new"][of] == "float32"
    runs["new"] = narrow | {"resume_run": "wide"}
    message = "begins from a checkpoint of wide, which has 'float32' and would be rounded"
    with pytest.raises(ConfigurationError, match=message):
        resolved(runs=runs)


def test_moments_of_another_precision_may_be_reset():
    run = {"like": "wordybird3", "state_precision": "float32", "record": ["W"]}
    assert resolved(runs=DEFAULT["runs"] | {"new": run})["runs"]["new"]["restore"] == ["parameters"]
