"""The figures by which runs are compared, against the notebook's own lines."""

import numpy as np
import pytest

from deadtokens.analysis import comparison, summary


def in_chunks(values: np.ndarray, size: int):
    return ((start, values[start : start + size]) for start in range(0, len(values), size))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("first_row", [0, 1, 2])
def test_ranges_are_those_of_the_whole_array(size, first_row):
    values = np.random.default_rng(1).normal(size=(7, 5, 3)).astype(np.float32)
    values[0] = 0  # as moments are before the first step
    norms = np.sqrt((values[first_row:].astype(float) ** 2).sum(axis=2))
    means = values[first_row:].astype(float).sum(axis=2) / 3
    found = summary.norm_range(in_chunks(values, size), first_row)
    assert found == pytest.approx([norms.min(), norms.max()], rel=1e-6)
    found = summary.mean_range(in_chunks(values, size), first_row)
    assert found == pytest.approx([means.min(), means.max()], rel=1e-5, abs=1e-7)


def test_unigram_entropy_of_even_counts_is_the_log_of_their_number():
    counts = np.array([3, 0, 3, 3, 0, 3])
    assert summary.unigram_entropy(counts) == pytest.approx(np.log(4))
    assert summary.unigram_entropy(np.array([7, 0])) == 0


def test_unigram_entropy_is_the_loss_of_the_frequencies_themselves():
    tokens = np.array([0, 0, 0, 1, 1, 2])
    counts = np.bincount(tokens)
    loss = -np.mean([np.log(counts[token] / len(tokens)) for token in tokens])
    assert summary.unigram_entropy(counts) == pytest.approx(loss)


def test_figures_take_the_hottest_phase_and_the_coldest():
    phase = {"vanished": {"first": None}, "majority": {"first": None}}
    phases = {
        "steps": 2,
        "scales": {
            "element": {
                "phases": {
                    "cold": phase | {"majority": {"first": 4}},
                    "warm": phase,
                    "hot": phase | {"vanished": {"first": 3}},
                }
            }
        },
        "motion": {"tokens_moving_at_last_step": 5},
    }
    corpus = {"tokens": 9, "live": 2, "dead": 1}
    metadata = {"experiment": "E", "final_loss": 1.5}
    figures = summary.figures(metadata, corpus, phases, np.array([7.0, 0.5]))
    assert figures["hottest_phase_vanished"] == 3
    assert figures["half_still"] == 4
    assert figures["mean_displacement_at_first_step"] == 7.0
    assert figures["mean_displacement_at_last_step"] == 0.5


def test_table_has_a_column_for_the_published_figures_of_these_experiments_alone():
    published = {"E": {"steps": 500, "gradient_norm": [1e-5, 1e-3]}, "F": {"steps": 1}}
    table = comparison.markdown(published, {"mine": {"experiment": "E", "half_still": None}})
    lines = table.splitlines()
    assert lines[0] == "|  | E, published | `mine` |"
    assert "| steps | 500 | not given |" in lines
    assert "| range of &#124;g&#124;₂ | 1.00e-05 to 1.00e-03 | not given |" in lines
    assert "| first step with half of the tokens still | not given | never |" in lines
    assert len({line.count(" | ") for line in lines}) == 1
