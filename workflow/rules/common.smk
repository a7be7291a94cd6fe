"""What all rules share: the resolved configuration, its runs and corpora, and the digest of code.

`code`, a parameter of every rule, is a digest of its script, of all library modules that this
imports, and of the declared environment.
"""

import json
import os
import re
import shlex
import sys
from collections import defaultdict, namedtuple
from pathlib import Path

from snakemake.exceptions import WorkflowError

from planning import analyses, checkpoint_artifacts, codedigest, configuration, onsets
from planning.corpora import check_files
from planning.givenfiles import literal
from planning.mistakes import ConfigurationError, nearest
from planning.runs import check_same_training
from planning.schema import load as load_schema

SCRIPTS = os.path.relpath(f"{workflow.basedir}/workflow/scripts")
DIGESTS = codedigest.Remembered(
    memory=Path(".snakemake/step_digests.json"),
    scripts=Path(SCRIPTS),
    environments=Path(workflow.basedir, "workflow/envs"),
)

try:
    rules_of_configuration = load_schema(
        Path(workflow.basedir, "workflow/schemas/config.schema.yaml")
    )
    update_config(config, TYPED_CONFIG)
    CONFIG = configuration.resolve(config, rules_of_configuration)
except ConfigurationError as error:
    raise WorkflowError(f"Wrong configuration.\n{error}") from None

# Every job knows where the scripts are, wherever results are kept, and runs them with the Python that
# runs Snakemake, whatever PATH a node has; with `--sdm`, with that of the declared environment. What
# changes no byte of a result is no parameter either. With PYTHONSAFEPATH a script would not find the
# modules beside it.
prefix = f"unset PYTHONSAFEPATH; scripts={shlex.quote(SCRIPTS)}; "
if not workflow.deployment_settings.deployment_method:
    prefix += f"PATH={shlex.quote(os.path.dirname(sys.executable))}:$PATH; "
if workflow.storage_settings.default_storage_provider:
    prefix += "export FIMBULWINTER_PROVENANCE=none; "
elif not CONFIG["verify_files"]:
    prefix += "export FIMBULWINTER_PROVENANCE=unverified; "
shell.prefix(prefix)

# Captions of the report read the configuration; this way they find every key, defaults too.
config.update(CONFIG)
RUNS = CONFIG["runs"]
CORPORA = CONFIG["corpora"]


# Whose motion a file is about, by what stands after the first word of its name.
WHICH = {"": "dead", "_live": "live", "_all": "all"}


wildcard_constraints:
    run="(?!corpora/)[^/]+",
    sweep="(?!corpora/)[^/]+",
    artifact="(?!corpora/)[^/]+",
    onset="(?!corpora/)[^/]+",
    corpus="[^/]+",
    which="|".join(WHICH),


def code_of(script, environment):
    """The `code` parameter of a rule that runs this script in this environment."""
    return DIGESTS.step_digest(script, environment)


def canonical(settings):
    """One text for equal settings, whatever the order of their keys.

    The report takes it up in a script, which a `</script>` in it would end.
    """
    return json.dumps(settings, sort_keys=True).replace("<", "\\u003c")


def run_named(name):
    """A run of the configuration; a wrong name in a requested path suggests the right one."""
    if name not in RUNS:
        raise WorkflowError(f"{name!r} is no run. {nearest(name, RUNS)}")
    return RUNS[name]


def corpus_named(name):
    """A corpus of the configuration; a wrong name in a requested path suggests the right one."""
    if name not in CORPORA:
        raise WorkflowError(f"{name!r} is no corpus. {nearest(name, CORPORA)}")
    return CORPORA[name]


# Which corpora a rule is for.


def is_synthetic(corpus):
    return corpus["source"] == "synthetic"


def is_imported(corpus):
    return corpus["source"] == "files"


def has_tokenizer_file(corpus):
    return corpus["tokenizer_file"] is not None


def has_vocab_file(corpus):
    return corpus["vocab_file"] is not None


def trains_its_tokenizer(corpus):
    return not has_tokenizer_file(corpus) and not has_vocab_file(corpus)


def corpora_where(condition):
    """A wildcard constraint: the corpora for which the condition holds, none if there are none."""
    return "|".join(name for name, corpus in CORPORA.items() if condition(corpus)) or "(?!)"


# Resources of the steps, for clusters.

CLUSTER = CONFIG["cluster"]


def growing(amount):
    """A resource, a number or a function of wildcards, that grows with every attempt of a job."""

    def of_attempt(wildcards, attempt):
        return attempt * (amount(wildcards) if callable(amount) else amount)

    return of_attempt


def gpu_resources(run):
    """What a run on a GPU asks for beside the rest."""
    if run["device"] != "cuda":
        return {}
    asked = {
        "gpu": 1,
        "gpu_model": CLUSTER["gpu_model"],
        "slurm_partition": CLUSTER["gpu_partition"],
    }
    return {name: value for name, value in asked.items() if value is not None}
