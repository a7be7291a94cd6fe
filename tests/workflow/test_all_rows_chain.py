"""Runs of all rows, of every series, in real Snakemake at smoke size."""

import csv
import json

import numpy as np
import pytest
from safetensors.numpy import load_file

FEW_STEPS = """
published: {runs: [crucible2, crucible3, thimble7, wordybird3, moments], separation_step: 10}
comparison: [crucible2, crucible3, thimble7, moments]
runs:
  crucible1: {total_steps: 10}
  crucible2: {total_steps: 10}
  thimble7: {compression: deflate, chunk_rows: 5}
  wordybird1: {compression: none}
  moments: {like: crucible2, record: [m, h_mean], total_steps: 3}
"""
TABLES = ("results/published.md", "results/comparison.md")
FIGURES = (
    "results/crucible3/phases_all.png",
    "results/crucible3/lifecycle_live.png",
    "results/thimble7/phase_transitions.png",
    "results/wordybird3/freezing.png",
)


def table(path):
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.slow
def test_runs_of_all_rows_are_analysed_like_those_of_dead_rows(fresh):
    fresh.run(*TABLES, *FIGURES, changes=FEW_STEPS)
    results = fresh.root / "results"
    assert [name for name in (*TABLES, *FIGURES) if not (fresh.root / name).is_file()] == []

    # Crucible 3 is Crucible 2 with more recorded: its dead tokens move to the bit as those do.
    dead = load_file(results / "crucible2/displacement.safetensors")
    for name, values in load_file(results / "crucible3/displacement.safetensors").items():
        np.testing.assert_array_equal(values, dead[name], err_msg=name)
    everyone = load_file(results / "crucible3/displacement_all.safetensors")
    live = load_file(results / "crucible3/displacement_live.safetensors")
    together = np.sort(np.append(dead["token_ids"], live["token_ids"]))
    assert together.tolist() == everyone["token_ids"].tolist()
    for part in (dead, live):
        of_part = everyone["l2"][:, part["token_ids"]]
        np.testing.assert_array_equal(of_part, part["l2"])
    figures = [results / run / "summary.json" for run in ("crucible2", "crucible3")]
    recorded, more = (json.loads(path.read_text()) for path in figures)
    assert more["net_displacement"] == recorded["net_displacement"]
    assert more["freezing"] == recorded["freezing"]
    assert 0 < more["separation_at_start"] < more["separation_later"]

    masks = load_file(results / "corpora/wordybird/masks.safetensors")
    rows = table(results / "wordybird3/freezing.csv")
    assert [int(row["token_id"]) for row in rows] == masks["untrained_indices"].tolist()

    markdown = (results / "published.md").read_text()
    assert "Crucible 2, published" in markdown
    assert "live rows not recorded" in markdown
    assert "run too short (8 steps)" in markdown
    assert "| `moments` | 3 | " in markdown
    assert "W not recorded" in markdown
    compared = (results / "comparison.md").read_text()
    assert "range of &#124;g&#124;₂" in compared

    assert fresh.planned(*TABLES, *FIGURES, changes=FEW_STEPS) == set()
    shorter = FEW_STEPS.replace("separation_step: 10", "separation_step: 9")
    after = fresh.planned(*TABLES, *FIGURES, changes=shorter)
    assert after == {"measure_rows", "summarize_run", "compare_with_published", "compare_runs"}


def test_what_a_run_does_not_record_is_refused_with_its_reason(fresh):
    output = fresh.failure("results/crucible2/phases_live.png", "--dry-run")
    assert "crucible2 has rows: dead. What is asked for is of live tokens" in output
    changes = "runs: {crucible2: {record: [m, v]}}"
    output = fresh.failure("results/crucible2/stillness.png", "--dry-run", changes=changes)
    assert "This analysis is of W: add it to runs.crucible2.record" in output
