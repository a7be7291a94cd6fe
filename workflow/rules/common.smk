"""Helpers for the rules: the resolved configuration, and the two parameters that every rule has.

`settings` is the step's own slice of the configuration as one canonical JSON text, so that a
change of any value in it, and of nothing else, runs the step again. `code` is a digest of the
script, of all library modules that it imports, and of its declared environment.
"""

import json
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, f"{workflow.basedir}/workflow")

from planning import codedigest, configuration

SCRIPTS = os.path.relpath(f"{workflow.basedir}/workflow/scripts")
# Every job knows where the scripts are, wherever results are kept.
shell.prefix(f"scripts={shlex.quote(SCRIPTS)}; ")
ENVIRONMENTS = f"{workflow.basedir}/workflow/envs"

try:
    schema = Path(workflow.basedir, "workflow/schemas/config.schema.yaml")
    CONFIG = configuration.resolve(config, configuration.load_schema(schema))
except configuration.ConfigurationError as error:
    raise WorkflowError(f"Wrong configuration.\n{error}") from None

RUNS = CONFIG["runs"]
CORPORA = CONFIG["corpora"]


wildcard_constraints:
    run="(?!corpora/)[^/]+",
    corpus="[^/]+",


def code_of(script, environment):
    """The `code` parameter of a rule that runs this script in this environment."""
    return codedigest.step_digest(
        Path(SCRIPTS, f"{script}.py"), Path(ENVIRONMENTS, f"{environment}.yaml")
    )


def canonical(settings):
    """One text for equal settings, whatever the order of their keys."""
    return json.dumps(settings, sort_keys=True)


def run_named(name):
    """A run of the configuration; a wrong name in a requested path suggests the right one."""
    if name not in RUNS:
        raise WorkflowError(f"{name!r} is no run. {configuration.nearest(name, RUNS)}")
    return RUNS[name]


def corpus_named(name):
    """A corpus of the configuration; a wrong name in a requested path suggests the right one."""
    if name not in CORPORA:
        raise WorkflowError(f"{name!r} is no corpus. {configuration.nearest(name, CORPORA)}")
    return CORPORA[name]


# Which corpora a rule is for.


def is_synthetic(corpus):
    return corpus["source"] == "synthetic"


def is_imported(corpus):
    return corpus["source"] == "files"


def has_ready_tokenizer(corpus):
    return corpus["tokenizer_file"] is not None


def trains_its_tokenizer(corpus):
    return not has_ready_tokenizer(corpus)


def corpora_where(condition):
    """A wildcard constraint: the corpora for which the condition holds, none if there are none."""
    return "|".join(name for name, corpus in CORPORA.items() if condition(corpus)) or "(?!)"


# Input functions.


def given_file(key):
    """The user's file under this key of the corpus, nothing if there is none."""
    return lambda wildcards: corpus_named(wildcards.corpus)[key] or []


def tokenizer_corpus(wildcards):
    """The text that the tokenizer was trained on, nothing if a ready tokenizer came without."""
    corpus = corpus_named(wildcards.corpus)
    has_text = is_synthetic(corpus) or corpus["tokenizer_corpus_file"]
    return f"results/corpora/{wildcards.corpus}/tokenizer_corpus.txt" if has_text else []


def of_its_corpus(name):
    """A file of the corpus that the run is trained on."""
    return lambda wildcards: f"results/corpora/{run_named(wildcards.run)['corpus']}/{name}"


# `settings` of the rules.


def corpus_settings(*keys):
    return lambda wildcards: canonical({key: corpus_named(wildcards.corpus)[key] for key in keys})


def training_settings(wildcards):
    """All of a run but for what only analyses read, and the vocabulary of its corpus."""
    run = run_named(wildcards.run)
    trained = {key: value for key, value in run.items() if key != "phases"}
    vocab_size = corpus_named(run["corpus"])["vocab_size"]
    return canonical(trained | {"run": wildcards.run, "vocab_size": vocab_size})


def phase_settings(wildcards):
    run = run_named(wildcards.run)
    scheme = CONFIG["phase_schemes"][run["phases"]]
    bins = ("time", "displacement", "lowest", "highest")
    return canonical(
        {key: scheme[key] for key in ("phases", "thresholds", "vanishing_fraction")}
        | {"density_bins": {key: scheme[f"density_{key}"] for key in bins}}
        | {"motion_threshold": run["motion_threshold"]}
    )


def figure_settings(wildcards):
    return canonical(CONFIG["figures"] | {"title": run_named(wildcards.run)["experiment"]})
