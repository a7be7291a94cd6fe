"""Versions stand in requirements.txt; the environment files repeat them."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
# All but the one that makes nothing.
RULE = re.compile(r"^ *rule(?! refuse_old_name)(?: \w+)?:$", re.MULTILINE)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "workflow/envs").glob("*.yaml")), ids=lambda p: p.name
)
def test_environment_has_the_versions_of_the_lock(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    pip = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    pins = dict(pin.split("==") for pin in pip)
    assert pins
    assert pins == {name: PINS.get(name) for name in pins}


def test_every_environment_is_used_and_every_rule_has_one():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    used = set(re.findall(r"envs/(\w+\.yaml)", rules))
    assert used == {path.name for path in (ROOT / "workflow/envs").glob("*.yaml")}
    n_rules = len(RULE.findall(rules))
    assert n_rules == rules.count("    conda:") > 0
    assert n_rules == rules.count("code=plan.code(") + rules.count("code=plan.drawing(")


def test_code_digest_covers_the_declared_environment():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in RULE.split(path.read_text())[1:]:
            declared = re.search(r"envs/(\w+)\.yaml", rule)[1]
            if "plan.drawing(" in rule:
                assert declared == "figures"
                continue
            digested = re.search(r'plan\.code\("([\w/]+\.py)", "(\w+)"\)', rule)
            assert digested[2] == declared, rule.splitlines()[0]
            assert f'"$scripts"/{digested[1]}' in rule, rule.splitlines()[0]
