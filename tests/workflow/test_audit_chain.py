"""The audit of runs of every series, in real Snakemake at smoke size."""

import json

import pytest

EXACT, CLIPPED = ["W", "m", "v"], ["W"]
# What of each run can be audited; runs of a group share a corpus.
GROUPS = {
    "crucible": {"crucible2": EXACT, "wide": EXACT, "random": EXACT},
    "thimble": {"thimble7": EXACT},
    "wordybird": {"wordybird1": CLIPPED, "unclipped": EXACT},
    "resumed": {"wordybird3": CLIPPED, "resumed": CLIPPED},
}
# With restored moments and schedule; and with gradients as Adam saw them.
CHANGES = """
runs:
  resumed: {like: wordybird1b_everything, record: [W, g, m, v]}
  unclipped: {like: wordybird1, clip_norm: null, save_checkpoint_at: []}
  wide: {like: crucible2, state_precision: float32, weight_precision: float32, head: float32}
  random: {like: crucible2, weight_precision: stochastic, weight_decay: 0.1}
"""


@pytest.mark.parametrize(
    "group",
    [pytest.param(g, marks=[] if g == "crucible" else [pytest.mark.slow]) for g in GROUPS],
)
def test_every_recorded_state_is_predicted(fresh, group):
    paths = [f"results/{run}/audit.json" for run in GROUPS[group]]
    fresh.run(*paths, changes=CHANGES)
    for path, exact in zip(paths, GROUPS[group].values(), strict=True):
        audit = json.loads((fresh.root / path).read_text())
        for name in ("W", "m", "v"):
            if name in exact:
                assert audit[name]["predicted"] == audit[name]["elements"] > 0, path
            else:
                assert "clipped" in audit[name]["not_audited"], path
    assert fresh.planned(*paths, changes=CHANGES + "figures: {dpi: 77}") == set()


@pytest.mark.slow
def test_the_second_moment_falls_in_float32_alone(fresh):
    for run, falls in (("crucible2", False), ("wide", True)):
        fresh.run(f"results/{run}/second_moment.json", changes=CHANGES)
        moment = json.loads((fresh.root / f"results/{run}/second_moment.json").read_text())
        assert (moment["ratchet"]["fell"] > 0) == falls


def test_a_run_without_moments_is_refused_with_its_reason(fresh):
    output = fresh.failure("results/crucible1/audit.json", "--dry-run")
    assert "does not record m, v" in output
    assert "runs.crucible1.record" in output


def test_analyses_of_another_arithmetic_are_refused_with_their_reason(fresh):
    output = fresh.failure("results/wide/momentum.json", "--dry-run", changes=CHANGES)
    assert "The critical line is of runs with all in bfloat16" in output
