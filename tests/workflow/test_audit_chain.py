"""The audit of runs of every series, in real Snakemake at smoke size."""

import json

AUDITED = {
    "crucible2": ["W", "m", "v"],
    "thimble7": ["W", "m", "v"],
    "wordybird1": ["W"],  # clipped
    "wordybird3": ["W"],
    "resumed": ["W"],
    "unclipped": ["W", "m", "v"],
}
# With moments and schedule behind it; and with gradients as Adam saw them.
CHANGES = """
runs:
  resumed: {like: wordybird1b_everything, record: [W, g, m, v]}
  unclipped: {like: wordybird1, clip_norm: null, save_checkpoint_at: []}
"""


def test_every_recorded_state_of_every_series_is_predicted(fresh):
    paths = [f"results/{run}/audit.json" for run in AUDITED]
    fresh.run(*paths, changes=CHANGES)
    for path, exact in zip(paths, AUDITED.values(), strict=True):
        audit = json.loads((fresh.root / path).read_text())
        for name in ("W", "m", "v"):
            if name in exact:
                assert audit[name]["predicted"] == audit[name]["elements"] > 0, path
            else:
                assert "clipped" in audit[name]["not_audited"], path
    for name in ("phase_schemes: {published: {thresholds: [1, 2, 3]}}", "figures: {dpi: 77}"):
        assert fresh.planned(*paths, changes=CHANGES + name) == set()


def test_a_run_without_moments_is_refused_with_its_reason(fresh):
    output = fresh.failure("results/crucible1/audit.json", "--dry-run")
    assert "does not record m, v" in output
    assert "runs.crucible1.record" in output
