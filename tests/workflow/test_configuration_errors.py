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
    "name that is a number": ("runs: {1: {}}", ["runs"]),
    "no number": ("runs: {crucible2: {learning_rate: .nan}}", ["runs.crucible2.learning_rate"]),
    "phases alike": (
        "phases: {published: {phases: [A-B, A B, C, D]}}",
        ["phases.published.phases"],
    ),
    "statistics without motion": (
        "runs: {crucible2: {last_motion: false}}",
        ["runs.crucible2.statistics", "global_last_motion"],
    ),
    "checkpoint of another model": (
        "runs: {wordybird3: {hidden_dim: 32}}",
        ["runs.wordybird3.hidden_dim", "wordybird1"],
    ),
    "run of an h_mean": (
        "cohorts: {hidden_means: {crucible2: crucible33}}",
        ["cohorts.hidden_means.crucible2", "'crucible33'", "Did you mean crucible3?"],
    ),
    "run without h_mean": (
        "cohorts: {hidden_means: {crucible2: crucible1}}",
        ["cohorts.hidden_means.crucible2 is crucible1", "with h_mean among it"],
    ),
    "resume arm without its checkpoint": (
        "runs: {wordybird3: {resume_step: 7}}",
        ["runs.wordybird3.resume_step is 7", "wordybird1 keeps no checkpoint", "[8]"],
    ),
    "run to begin from": (
        "runs: {wordybird3: {resume_run: wordybird11}}",
        ["runs.wordybird3.resume_run", "'wordybird11'", "Did you mean wordybird1"],
    ),
    "resume in a circle": (
        "runs: {wordybird1: {resume_run: wordybird1b, resume_step: 8, restore: [parameters]}, "
        "wordybird1b: {resume_run: wordybird1}}",
        ["resume_run closes a circle"],
    ),
    "parts without a run to begin from": (
        "runs: {crucible2: {restore: [parameters]}}",
        ["runs.crucible2 has resume_run: null", "all three, or none"],
    ),
    "unknown device": (
        "runs: {crucible2: {device: gpu}}",
        ["runs.crucible2.device", "'gpu'", "Allowed: auto, cpu, cuda, mps."],
    ),
    "run like itself": ("runs: {a: {like: a}}", ["runs.a.like closes a circle", "a -> a"]),
    "rule of a question": (
        "verdicts: {questions: {all_moved: {supported_iff: {equals: 0}}}}",
        ["verdicts.questions.all_moved.supported_iff", "Did you mean supported_if?"],
    ),
    "bound of a rule": (
        "verdicts: {questions: {all_moved: {supported_if: {at_last: 1}}}}",
        ["verdicts.questions.all_moved.supported_if.at_last", "Did you mean at_least?"],
    ),
    "two lower bounds": (
        "verdicts: {questions: {longest_silence: {supported_if: {above: 20}}}}",
        ["verdicts.questions.longest_silence.supported_if", "at_least and above"],
    ),
    "rule of an open question": (
        "verdicts: {questions: {all_moved: {undecided_because: nobody knows}}}",
        ["verdicts.questions.all_moved", "undecided_because and file"],
    ),
    "question without a statistic": (
        "verdicts: {questions: {mine: {chapter: kick, notebook: me, question: 'Why?'}}}",
        ["verdicts.questions.mine.statistic is missing", "undecided_because"],
    ),
    "chapter of a question": (
        "verdicts: {questions: {all_moved: {chapter: freezes}}}",
        ["verdicts.questions.all_moved.chapter", "'freezes'", "Did you mean freezing?"],
    ),
    "run of a question": (
        "verdicts: {questions: {all_moved: {run: crucible11}}}",
        ["verdicts.questions.all_moved.run", "'crucible11'", "Did you mean crucible1?"],
    ),
    "run in place of another": (
        "verdicts: {runs: {crucible1: crucible22}}",
        ["verdicts.runs", "'crucible22'", "Did you mean crucible2?"],
    ),
    "run of an onset": (
        "causes: {onsets: {o: {reference: a, arms: {a: [crucible1], b: [crucible11]}}}}",
        ["onsets.o.arms.b", "'crucible11'", "Did you mean crucible1?"],
    ),
    "lengths of an onset": (
        "causes: {still_for: 5, onsets: {o: {through_step: 50, reference: a, "
        "arms: {a: [crucible1], b: [crucible2]}}}}",
        ["onsets.o.through_step is 50", "fewer steps: crucible2 (40)", "Allowed: at most 40"],
    ),
    "run of the report": (
        "report: {runs: [crucible22]}",
        ["report.runs", "'crucible22'", "Did you mean crucible2?"],
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
        "runs: {hotter: {like: crucible22}}",
        ["runs.hotter.like", "'crucible22'", "Did you mean crucible2?"],
    ),
    "circle": (
        "runs: {a: {like: b}, b: {like: a}}",
        ["closes a circle", "a -> b -> a"],
    ),
    "thresholds and names": (
        "phases: {published: {thresholds: [1, 2]}}",
        ["phases.published.thresholds", "2 values for 4 phases"],
    ),
    "heads": ("runs: {crucible2: {num_heads: 3}}", ["runs.crucible2.num_heads", "does not divide"]),
    "missing file": (
        "corpora: {flannel: {source: files, model_corpus_file: no.txt, tokenizer_file: no.json}}",
        ["corpora.flannel.model_corpus_file", "'no.txt'", "no such file"],
    ),
    "vocabulary without merges": (
        "corpora: {flannel: {source: files, model_corpus_file: no.txt, vocab_file: no.json}}",
        ["corpora.flannel.vocab_file", "corpora.flannel.merges_file is missing"],
    ),
    "merges without vocabulary": (
        "corpora: {flannel: {source: files, model_corpus_file: no.txt, merges_file: no.txt}}",
        ["corpora.flannel.merges_file", "corpora.flannel.vocab_file is missing"],
    ),
    "two ready tokenizers": (
        "corpora: {flannel: {source: files, model_corpus_file: a, tokenizer_file: no.json, "
        "vocab_file: v.json, merges_file: m.txt}}",
        ["corpora.flannel has two ready tokenizers", "'no.json'", "'v.json'"],
    ),
    "no tokenizer": (
        "corpora: {flannel: {source: files, model_corpus_file: a}}",
        ["corpora.flannel has neither", "vocab_file and merges_file"],
    ),
    "too few entries for all bytes": (
        "corpora: {flannel: {tokenizer: bytes, vocab_size: 256}}",
        ["corpora.flannel.vocab_size is 256", "257"],
    ),
    "unknown kind of tokenizer": (
        "corpora: {flannel: {tokenizer: byte}}",
        ["corpora.flannel.tokenizer", "'byte'", "Did you mean bytes?"],
    ),
    "unknown names of masks": (
        "corpora: {flannel: {mask_names: untrained}}",
        ["corpora.flannel.mask_names", "Allowed: live_dead, trained_untrained."],
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


@pytest.mark.parametrize("name", ["phases.png", "trajectory.safetensors"])
def test_unknown_run_in_a_requested_path(fresh, name):
    output = fresh.failure(f"results/crucbile2/{name}")
    assert "'crucbile2' is no run" in output
    assert "Did you mean crucible2?" in output
