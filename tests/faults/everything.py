"""The whole product at the smallest size: a target at least for every rule with a program."""

import json
import re

from smoke import Project

CONFIGURATION = """
corpora:
  own: {source: files, vocab_size: 120, model_corpus_file: model.txt,
        tokenizer_corpus_file: tokenizer.txt}
  ready: {source: files, vocab_size: 120, model_corpus_file: model.txt,
          tokenizer_file: tokenizer.json}
  pair: {source: files, vocab_size: 271, model_corpus_file: model.txt, vocab_file: vocab.json,
         merges_file: merges.txt}
runs:
  crucible3: {total_steps: 40}
  float32: {like: crucible2, state_precision: float32}
  other: {like: crucible2, random_seed: 43}
  seeds: {like: crucible2, total_steps: 12, sweep: {random_seed: [1, 2]}}
causes:
  still_for: 5
  onsets:
    onset:
      through_step: 30
      from_step: 2
      bin_steps: 4
      arms: {published: [crucible2], float32: [float32]}
  forecasts:
    forecast:
      state_step: 20
      window: 10
      through_step: 40
      still_for: 5
      permutations: 100
      simulations: 100
      chosen_on: [{state: crucible2, outcome: crucible2}]
      judged_on: [{state: other, outcome: other}]
census: {frozen: {source: run, run: crucible2}}
published: {runs: [crucible2, crucible3, wordybird1]}
comparison: [crucible2, crucible3]
report: {runs: [crucible2], kick: [], onsets: []}
"""

TARGETS = (
    "results/crucible2/phases.png",
    "results/crucible2/phase_transitions.png",
    "results/crucible2/stillness.png",
    "results/crucible2/freezing.png",
    "results/crucible2/permanence.png",
    "results/crucible2/lifecycle.png",
    "results/crucible2/metrics.csv",
    "results/crucible2/momentum.png",
    "results/crucible2/gradients.png",
    "results/crucible2/account.png",
    "results/crucible2/audit.json",
    "results/crucible2/second_moment.csv",
    "results/crucible2/summary.json",
    "results/crucible3/drift.png",
    "results/thimble7/displacement.safetensors",
    "results/wordybird/kick.png",
    "results/onset/onset.png",
    "results/forecast/forecast.png",
    "results/census/frozen/census.png",
    "results/census/frozen/explorer.html",
    "results/crucible2/explorer.html",
    "results/crucible2/census_in_time.png",
    "results/seeds/sweep.csv",
    "results/comparison.md",
    "results/published.md",
    "results/verdicts.html",
    "results/runs.html",
    "results/provenance.html",
    "results/corpora/own/masks.json",
    "results/corpora/ready/masks.json",
    "results/corpora/pair/masks.json",
)

WORDS = "the cat sat on a mat while seven dogs walked past our old wooden house by night\n"
OTHERS = "zebra quartz jumped oxygen victory kitchen powder yellow rhythm flower change bottle\n"


def give_files(project: Project) -> None:
    """The user's own files that the configuration names."""
    project.write("model.txt", WORDS * 60)
    project.write("tokenizer.txt", WORDS * 20 + OTHERS * 20 + "ก ข ฃ ค ฅ ฆ ง จ ฉ ช ซ ฌ ญ\n")
    words = sorted(set((WORDS + OTHERS).split()))
    entries = ["<unk>", *words, *(f"unused{number}" for number in range(120))]
    project.write("tokenizer.json", _tokenizer_of_words(entries[:120]))
    vocabulary, merges = _pairs_of_bytes()
    project.write("vocab.json", json.dumps(vocabulary))
    project.write("merges.txt", "#version: 0.2\n" + "".join(f"{merge}\n" for merge in merges))


def rules_of(log: str) -> set[str]:
    """The rules whose jobs a call of Snakemake shows."""
    return set(re.findall(r"^(?:local)?rule (\w+):$", log, re.MULTILINE)) - {"all"}


def _tokenizer_of_words(entries: list[str]) -> str:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({e: i for i, e in enumerate(entries)}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer.to_str()


def _pairs_of_bytes() -> tuple[dict[str, int], list[str]]:
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = ["t h", "a t", "o n", "s e", "c a", "d o", "w o", "e n", "n i", "h o", "o l", "p a"]
    pairs += ["m a", "b y"]
    entries = [*letters, *(pair.replace(" ", "") for pair in pairs), "<|endoftext|>"]
    return {entry: place for place, entry in enumerate(entries)}, pairs
