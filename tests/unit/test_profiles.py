"""The Slurm profile knows every rule: a run is two jobs, a corpus is one."""

import re
from pathlib import Path

import yaml

from planning.figures import FIGURES

ROOT = Path(__file__).parents[2]
GROUPS = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text("utf-8"))["groups"]
# They set runs beside one another, so that a group with them would be one job of all runs.
ACROSS_RUNS = {
    *("compare_runs", "compare_with_published", "compare_sweep", "check_continuation"),
    *("compute_kick", "draw_kick", "compute_onset", "draw_onset"),
    *("compute_forecast", "draw_forecast"),
    # Of any matrix, of whatever size, with or without a run.
    *("compute_census", "draw_census", "write_census_page"),
    *("compute_black_holes", "draw_black_holes"),
    "judge_questions",
    *("write_verdicts_page", "write_runs_page", "write_provenance_page", "write_findings"),
    "list_machines",
}
# They need a network, which the nodes of many clusters lack.
LOCAL = {"fetch_model_corpus", "fetch_tokenizer_corpus", "fetch_tokenizer"}


def rules(folder: Path) -> set[str]:
    """Those that are written out, and those of the declared figures."""
    files = folder.glob("*.smk")
    written = {n for f in files for n in re.findall(r"^rule (\w+):", f.read_text("utf-8"), re.M)}
    return written - {"refuse_old_name"} | {figure.job for figure in FIGURES}


def test_every_small_step_is_grouped_and_no_group_names_a_rule_that_is_gone():
    assert rules(ROOT / "workflow/rules") == GROUPS.keys() | ACROSS_RUNS | LOCAL
    assert not GROUPS.keys() & (ACROSS_RUNS | LOCAL)


def test_what_fetches_runs_where_jobs_are_submitted():
    text = (ROOT / "workflow/rules/corpus.smk").read_text("utf-8")
    listed = re.search(r"^localrules:\n((?:    \w+,\n)+)", text, re.M)[1]
    assert {*re.findall(r"\w+", listed)} == LOCAL


def test_resources_grow_with_every_attempt():
    """A constant would fail a third time as it failed the first two."""
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        constant = re.findall(
            r"^ +(?:mem_mb|runtime)=(?!growing\().*", path.read_text("utf-8"), re.M
        )
        assert constant == [], path.name
