"""A mistake in the configuration stops before any job, with one message that helps."""

import pytest

MISTAKES = {
    "unknown key": (
        "runs: {crucible2: {learning_rat: 0.1}}",
        ["runs.crucible2.learning_rat", "Did you mean learning_rate?"],
    ),
    "unknown section": ("run: {}", ["run is no known key", "Did you mean runs?"]),
    "wrong type": (
        "runs: {crucible2: {total_steps: many}}",
        ["runs.crucible2.total_steps", "'many'", "integer"],
    ),
    "number as text": (
        "runs: {crucible2: {epsilon: 1e-8}}",
        ["runs.crucible2.epsilon", "'1e-8'", "1.0e-8"],
    ),
    "out of bounds": (
        "runs: {crucible2: {beta2: 1.0}}",
        ["runs.crucible2.beta2", "1.0", "less than 1"],
    ),
    "unknown choice": (
        "runs: {crucible2: {precision: bfloat61}}",
        ["runs.crucible2.precision", "'bfloat61'", "Did you mean bfloat16?"],
    ),
    "unknown corpus": (
        "runs: {crucible2: {corpus: flanel}}",
        ["runs.crucible2.corpus", "'flanel'", "Did you mean flannel?"],
    ),
    "unknown phase scheme": (
        "runs: {crucible2: {phases: publish}}",
        ["runs.crucible2.phases", "'publish'", "Did you mean published?"],
    ),
    "unknown run": (
        "runs: {hotter: {like: crucible3}}",
        ["runs.hotter.like", "'crucible3'", "Did you mean crucible2?"],
    ),
    "circle": (
        "runs: {a: {like: b}, b: {like: a}}",
        ["closes a circle", "a -> b -> a"],
    ),
    "thresholds and names": (
        "phase_schemes: {published: {thresholds: [1, 2]}}",
        ["phase_schemes.published.thresholds", "2 values for 4 phases"],
    ),
    "heads": ("runs: {crucible2: {num_heads: 3}}", ["runs.crucible2.num_heads", "does not divide"]),
    "missing file": (
        "corpora: {flannel: {source: files, model_corpus_file: no.txt, tokenizer_file: no.json}}",
        ["corpora.flannel.model_corpus_file", "'no.txt'", "no such file"],
    ),
    "file beside synthetic": (
        "corpora: {flannel: {model_corpus_file: text.txt}}",
        ["corpora.flannel.model_corpus_file", "source"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named(fresh, name):
    mistake, expected = MISTAKES[name]
    output = fresh.failure(changes=mistake)
    missing = [text for text in expected if text not in output]
    assert not missing, output
    assert not (fresh.root / "results").exists()


def test_unknown_run_in_a_requested_path(fresh):
    output = fresh.failure("results/crucbile2/phases.png")
    assert "'crucbile2' is no run" in output
    assert "Did you mean crucible2?" in output
