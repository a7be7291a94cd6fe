"""Which runs an analysis is of: each reason names the run, and is reported before any job."""

import copy
from pathlib import Path

import pytest
import yaml

from deadtokens.causes import requirements as causes
from deadtokens.cohorts import requirements as cohorts
from deadtokens.drift import requirements as drift
from deadtokens.errors import UserError
from deadtokens.kick import requirements as kick
from deadtokens.recorded.requirements import require
from planning import configuration, schema
from planning.mistakes import ConfigurationError

ROOT = Path(__file__).parents[2]
SCHEMA = schema.load(ROOT / "workflow/schemas/config.schema.yaml")
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())
CONFIG = configuration.resolve(DEFAULT, SCHEMA)
RUNS, ACCOUNT = CONFIG["runs"], CONFIG["causes"]["account"]

WHY_NOT = {
    "audit": causes.why_no_audit,
    "state": causes.why_no_state,
    "second_moment": causes.why_no_second_moment,
    "momentum": cohorts.why_no_momentum,
    "gradients": cohorts.why_no_gradients,
    "account": lambda name, run: causes.why_no_account(name, run, ACCOUNT),
    "drift": drift.why_no_drift,
    "untrained_motion": lambda name, run: kick.why_no_untrained_motion(name, RUNS | {name: run}),
}
# Of the published runs.
CAN = {
    "audit": {"crucible2", "thimble7", "wordybird1", "wordybird1b", "wordybird3"},
    "state": {"crucible2", "thimble7", "wordybird1", "wordybird1b", "wordybird3"},
    "second_moment": {"crucible2", "thimble7"},
    "momentum": {"crucible2", "thimble7", "wordybird1", "wordybird1b", "wordybird3"},
    "gradients": {"crucible2", "thimble7", "wordybird1", "wordybird1b", "wordybird3"},
    "account": {"crucible2", "thimble7"},
    "drift": {"crucible3"},
    "untrained_motion": {name for name in RUNS if name.startswith("wordybird")},
}
BREAKS = {
    "audit": [{"record": ["W", "m"]}, {"record": ["g"]}],
    "state": [{"record": ["W", "m"]}, {"weight_precision": "float32"}],
    "second_moment": [{"record": ["W", "v"]}, {"clip_norm": 1.0}],
    "momentum": [
        {"record": ["W", "m"]},
        {"record": ["m", "v"]},
        {"state_precision": "float32"},
        {"weight_precision": "kahan"},
    ],
    "gradients": [{"record": ["W"]}, {"record": ["g"]}],
    "account": [
        {"record": ["W", "m", "v"]},
        {"clip_norm": 0.5},
        {"weight_precision": "float32"},
        {"total_steps": 99},
        {"total_steps": 1},
    ],
    "drift": [
        {"record": ["W"]},
        {"record": ["h_mean"]},
        {"rows": "dead"},
        {"naming": "thimble"},
        {"total_steps": 1},
    ],
    "untrained_motion": [{"record": ["g"]}, {"naming": "crucible"}],
}


@pytest.mark.parametrize("analysis", WHY_NOT)
def test_the_published_runs_that_an_analysis_is_of(analysis):
    can = {name for name, run in RUNS.items() if WHY_NOT[analysis](name, run) is None}
    assert can == CAN[analysis]


@pytest.mark.parametrize(
    ("analysis", "change"),
    [(analysis, change) for analysis, changes in BREAKS.items() for change in changes],
    ids=str,
)
def test_what_an_analysis_cannot_be_of_is_reported(analysis, change):
    name = sorted(CAN[analysis])[0]
    reason = WHY_NOT[analysis](name, RUNS[name] | change)
    assert reason.startswith(name)
    assert "[]" not in reason


@pytest.mark.parametrize("steps", [1, 99, 100, 101, 5000])
def test_an_account_counts_from_and_averages_over_steps_of_the_run(steps):
    run = RUNS["crucible2"] | {"total_steps": steps}
    assert (causes.why_no_account("crucible2", run, ACCOUNT) is None) == (steps >= 100)
    late = ACCOUNT | {"from_step": steps + 1}
    assert "from_step and window must lie within" in causes.why_no_account("crucible2", run, late)


def test_what_cannot_be_is_an_error_with_the_same_reason():
    require(None)
    with pytest.raises(UserError, match=r"^the reason$"):
        require("the reason")


def test_untrained_motion_asks_the_run_that_it_began_with():
    for change in ({"naming": "crucible"}, {"record": ["g"]}, {"corpus": "flannel"}):
        runs = RUNS | {"wordybird1": RUNS["wordybird1"] | change}
        assert "goes back to wordybird1" in kick.why_no_untrained_motion("wordybird3", runs)


def refused(match, **changes):
    with pytest.raises(ConfigurationError, match=match):
        configuration.resolve(copy.deepcopy(DEFAULT | changes), SCHEMA)


def test_a_checkpoint_of_another_vocabulary_is_reported():
    small = {"small": DEFAULT["corpora"]["wordybird"] | {"vocab_size": 1000}}
    runs = DEFAULT["runs"] | {"w": {"like": "wordybird3", "corpus": "small"}}
    refused(
        r"runs\.w\.corpus is small, with vocab_size: 1000, but .* wordybird has 50257",
        corpora=DEFAULT["corpora"] | small,
        runs=runs,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 60000},
        {"batch_size": 65536, "seq_len": 8192},
        {"seq_len": 8192} | {"batch_size": 700},
    ],
)
def test_a_batch_that_no_synthetic_text_fills_is_reported(change):
    runs = DEFAULT["runs"] | {"big": {"like": "crucible2"} | change}
    refused(r"runs\.big\.batch_size", runs=runs)


def test_more_rare_characters_than_entries_are_reported():
    corpora = DEFAULT["corpora"] | {"many": {"vocab_size": 2400}}
    refused(r"corpora\.many\.vocab_size is 2400, and rare_characters is 2400", corpora=corpora)
