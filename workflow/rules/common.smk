"""Helpers for the rules: the resolved configuration, and the two parameters that every rule has.

`settings` is the step's own slice of the configuration as one canonical JSON text, so that a
change of any value in it, and of nothing else, runs the step again. `code` is a digest of the
script, of all library modules that it imports, and of its declared environment.
"""

import json
import os
import re
import shlex
import sys
from collections import defaultdict, namedtuple
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, f"{workflow.basedir}/workflow")

from planning import checkpoint_artifacts, codedigest, configuration, onsets

SCRIPTS = os.path.relpath(f"{workflow.basedir}/workflow/scripts")
# Every job knows where the scripts are, wherever results are kept, and runs them with the Python that
# runs Snakemake, whatever PATH a node has; with `--sdm`, with that of the declared environment.
shell.prefix(f"scripts={shlex.quote(SCRIPTS)}; ")
if not workflow.deployment_settings.deployment_method:
    own_python = shlex.quote(os.path.dirname(sys.executable))
    shell.prefix(f"scripts={shlex.quote(SCRIPTS)}; PATH={own_python}:$PATH; ")
DIGESTS = codedigest.Remembered(
    memory=Path(".snakemake/step_digests.json"),
    scripts=Path(SCRIPTS),
    environments=Path(workflow.basedir, "workflow/envs"),
)

try:
    schema = Path(workflow.basedir, "workflow/schemas/config.schema.yaml")
    CONFIG = configuration.resolve(config, configuration.load_schema(schema))
except configuration.ConfigurationError as error:
    raise WorkflowError(f"Wrong configuration.\n{error}") from None

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


# Input functions.


def given_file(key):
    """The user's file under this key of the corpus, nothing if there is none."""

    def file(wildcards):
        corpus = corpus_named(wildcards.corpus)
        try:
            configuration.check_files(f"corpora.{wildcards.corpus}", corpus)
        except configuration.ConfigurationError as error:
            raise WorkflowError(f"Wrong configuration.\n{error}") from None
        # Where the user said, also when results are on S3.
        return local(corpus[key]) if corpus[key] else []

    return file


def tokenizer_corpus(wildcards):
    """The text that the tokenizer was trained on, nothing if a ready tokenizer came without."""
    corpus = corpus_named(wildcards.corpus)
    has_text = is_synthetic(corpus) or corpus["tokenizer_corpus_file"]
    return f"results/corpora/{wildcards.corpus}/tokenizer_corpus.txt" if has_text else []


def of_its_corpus(name):
    """A file of the corpus that the run is trained on."""
    return lambda wildcards: f"results/corpora/{run_named(wildcards.run)['corpus']}/{name}"


def checkpoint_to_begin_from(wildcards):
    """What another run left for this one, nothing if this one begins anew."""
    run = run_named(wildcards.run)
    if run["resume_run"] is None:
        return []
    return f"results/{run['resume_run']}/checkpoint_{run['resume_step']}.safetensors"


def dead_rows(wildcards):
    """The trajectory of a run whose dead rows can be analysed."""
    run = run_named(wildcards.run)
    if run["rows"] != "dead" or run["naming"] != "crucible" or "W" not in run["record"]:
        raise WorkflowError(
            f"{wildcards.run} has rows: {run['rows']}, naming: {run['naming']}, record: "
            f"{run['record']}. This analysis is of runs with rows: dead, naming: crucible and W "
            "among record."
        )
    return trajectory_path(wildcards.run, run)


def all_rows_with_hidden_mean(wildcards):
    """The trajectory of a run that records all rows of W and the mean hidden state."""
    run = run_named(wildcards.run)
    if (
        run["rows"] != "all"
        or run["naming"] != "crucible"
        or not {"W", "h_mean"} <= {*run["record"]}
    ):
        raise WorkflowError(
            f"{wildcards.run} has rows: {run['rows']}, naming: {run['naming']}, record: "
            f"{run['record']}. Drift is of runs with rows: all, naming: crucible and both W and "
            "h_mean among record."
        )
    return trajectory_path(wildcards.run, run)


# What a run may record of each token's row, in the words of its `record`.
ROWS_OF_TOKENS = ("W", "m", "v", "g")


def trajectory_with(*quantities):
    """The trajectory of a run that records one of these, of the tokens that are asked for."""

    def trajectory(wildcards):
        name, run = wildcards.run, run_named(wildcards.run)
        which = which_tokens(wildcards)
        if not {*quantities} & {*run["record"]}:
            raise WorkflowError(
                f"{name} has record: {', '.join(run['record'])}. This analysis is of "
                f"{' or '.join(quantities)}: add it to runs.{name}.record."
            )
        if run["rows"] == "dead" and which != "dead":
            raise WorkflowError(
                f"{name} has rows: dead. What is asked for is of {which} tokens: it takes a run "
                "with rows: all."
            )
        return trajectory_path(name, run)

    return trajectory


def if_recorded(path, *quantities):
    """A file that follows from these, nothing if the run records none of them."""

    def file(wildcards):
        recorded = run_named(wildcards.run)["record"]
        return path.format(run=wildcards.run) if {*quantities} & {*recorded} else []

    return file


def rows_with(*names):
    """The trajectory of a run of any series that records all of these quantities."""

    def file(wildcards):
        run = run_named(wildcards.run)
        record = run["record"]
        missing = [name for name in names if name not in record]
        if missing:
            raise WorkflowError(
                f"{wildcards.run} does not record {', '.join(missing)}; its record is {record}. "
                f"This analysis needs {', '.join(names)}: ask for it for another run, or add them "
                f"to runs.{wildcards.run}.record and train it again."
            )
        return trajectory_path(wildcards.run, run)

    return file


def dead_rows_with(*names):
    """The trajectory of a run whose dead rows were recorded with these quantities."""

    def file(wildcards):
        dead_rows(wildcards)
        return rows_with(*names)(wildcards)

    return file


def is_published_lattice(run):
    """Whether moments are bfloat16 and every update is rounded to the nearest bfloat16 weight."""
    return run["state_precision"] == run["weight_precision"] == "bfloat16"


def dead_rows_of_the_published_lattice(*names):
    """The same, of a run whose weights go from one lattice point to another by Adam alone."""

    def file(wildcards):
        run = run_named(wildcards.run)
        if not is_published_lattice(run):
            raise WorkflowError(
                f"{wildcards.run} has state_precision: {run['state_precision']}, weight_precision: "
                f"{run['weight_precision']}. The critical line is of runs with both in bfloat16, "
                "where an update below half a cell is lost."
            )
        return dead_rows_with(*names)(wildcards)

    return file


def why_no_account(name, run):
    """Why the fall of a run's updates cannot be accounted for; None if it can."""
    account = CONFIG["account"]
    at, window = account["forecast_step"], account["window"]
    if run["clip_norm"] is not None or run["weight_precision"] != "bfloat16":
        return (
            f"{name} has clip_norm: {run['clip_norm']}, weight_precision: "
            f"{run['weight_precision']}. The account is of runs with clip_norm: null, whose "
            "gradients are those that Adam saw, and weight_precision: bfloat16, where an update "
            "below half a cell is lost."
        )
    if not window <= at <= run["total_steps"] - window or account["from_step"] > run["total_steps"]:
        return (
            f"{name} has {run['total_steps']} steps, and account is {account}. from_step must lie "
            "within them, and there must be a window up to forecast_step and another behind it."
        )
    return None


def rows_to_account_for(*names):
    """The trajectory of a run that records these and whose account can be made."""

    def file(wildcards):
        path = rows_with(*names)(wildcards)
        reason = why_no_account(wildcards.run, run_named(wildcards.run))
        if reason is not None:
            raise WorkflowError(reason)
        return path

    return file


def hidden_mean(wildcards):
    """The trajectory that holds the h_mean of a run which does not record it, nothing if none."""
    name, run = wildcards.run, run_named(wildcards.run)
    source = CONFIG["freezing_causes"]["hidden_means"].get(name)
    if source is None or "h_mean" in run["record"]:
        return []
    try:
        key = f"freezing_causes.hidden_means.{name}"
        configuration.check_same_training(key, name, source, RUNS)
    except configuration.ConfigurationError as error:
        raise WorkflowError(f"Wrong configuration.\n{error}") from None
    return trajectory_path(source, RUNS[source])


def which_tokens(wildcards):
    """dead, live or all, by the name of the file that is asked for."""
    return WHICH[wildcards.get("which", "")]


def memory_to_read(wildcards):
    """MB: a compressed trajectory is read by whole chunks of time, of all recorded rows."""
    run = run_named(wildcards.run)
    if run["storage"] != "hdf5" or run["compression"] == "none":
        return 1000
    vocab_size = corpus_named(run["corpus"])["vocab_size"]
    rows = min(run["chunk_rows"], run["total_steps"] + 1)
    return 1000 + rows * vocab_size * run["hidden_dim"] * 2 // 10**6


def untrained_rows(wildcards):
    """The trajectory of a run whose untrained rows can be analysed, in Wordybird's names."""
    run = run_named(wildcards.run)
    if run["naming"] != "wordybird" or "W" not in run["record"]:
        raise WorkflowError(
            f"{wildcards.run} has naming: {run['naming']}, record: {run['record']}. This analysis "
            "is of runs with naming: wordybird and W among record."
        )
    return trajectory_path(wildcards.run, run)


def first_trajectory(wildcards):
    """The trajectory that it all began with: the run's own, unless it was resumed from another."""
    name = wildcards.run
    while run_named(name)["resume_run"] is not None:
        name = RUNS[name]["resume_run"]
    return trajectory_path(name, RUNS[name])


def artifact_named(name):
    """A checkpoint artifact of the configuration; a wrong name suggests the right one."""
    artifacts = CONFIG["checkpoint_artifacts"]
    if name not in artifacts:
        raise WorkflowError(
            f"{name!r} is no entry of checkpoint_artifacts. "
            f"{configuration.nearest(name, artifacts)}"
        )
    return artifacts[name]


def runs_compared(artifact):
    """The continuous run, the two of the stitched pair, the arms."""
    roles = ("continuous", "before", "after")
    return [*(artifact[role] for role in roles), *artifact["arms"]]


def of_the_runs_compared(name):
    """A file of each of these runs."""
    return lambda wildcards: [
        f"results/{run}/{name}" for run in runs_compared(artifact_named(wildcards.artifact))
    ]


def resumed_runs(wildcards):
    """The runs that begin at the seam, and whether they must be the whole continuous run again."""
    artifact = artifact_named(wildcards.artifact)
    return [
        {
            "run": name,
            "source": RUNS[name]["resume_run"],
            "whole": name in artifact["arms"]
            and {"parameters", *checkpoint_artifacts.RESTORABLE} <= {*RUNS[name]["restore"]},
        }
        for name in (*artifact["arms"], artifact["after"])
    ]


def resumed_trajectories(key):
    """The trajectories of the runs that begin at the seam, or of those they begin from."""
    return lambda wildcards: [
        trajectory_path(run[key], RUNS[run[key]]) for run in resumed_runs(wildcards)
    ]


def masks_of_artifact(wildcards):
    corpus = RUNS[artifact_named(wildcards.artifact)["continuous"]]["corpus"]
    return f"results/corpora/{corpus}/masks.safetensors"


def onset_named(name):
    """An onset of the configuration; a wrong name suggests the right one."""
    known = CONFIG["onsets"]
    if name not in known:
        raise WorkflowError(f"{name!r} is no entry of onsets. {configuration.nearest(name, known)}")
    return known[name]


def runs_of_onset(wildcards):
    """The runs of all arms, in their order."""
    arms = onset_named(wildcards.onset)["arms"]
    return [name for names in arms.values() for name in names]


def displacements_of_onset(wildcards):
    return [f"results/{run}/displacement.safetensors" for run in runs_of_onset(wildcards)]


def tells_second_moment(run):
    """Whether a run records v and the gradients as Adam saw them."""
    return {"v", "g"} <= {*run["record"]} and run["clip_norm"] is None


def second_moments_of_onset(wildcards):
    """Of those runs that tell it."""
    told = [run for run in runs_of_onset(wildcards) if tells_second_moment(RUNS[run])]
    return [f"results/{run}/second_moment.csv" for run in told]


# What training leaves.

SUFFIX = {"safetensors": "safetensors", "hdf5": "h5"}
# Runs of one kind leave the same files and ask for the same device: they share a training rule.
Kind = namedtuple("Kind", "storage kept on_gpu checkpoints")
PLAIN = Kind("safetensors", kept=True, on_gpu=False, checkpoints=())
TrainingFiles = namedtuple("TrainingFiles", "name runs trajectory kept checkpoints gpu")


def trajectory_path(name, run):
    return f"results/{name}/trajectory.{SUFFIX[run['storage']]}"


def kind_of(run):
    steps = tuple(run["save_checkpoint_at"])
    return Kind(run["storage"], run["keep_trajectory"], run["device"] == "cuda", steps)


def _all_but(kinds, names):
    """A wildcard constraint for all runs of no other kind: unknown ones are told by their rule."""
    others = (name for kind in kinds.values() for name in kind if kind is not names)
    return f"(?!(?:corpora|{'|'.join(map(re.escape, others))})/)[^/]+"


def training_files():
    """The runs of each kind, and what they leave."""
    kinds = defaultdict(list)
    for name, run in RUNS.items():
        kinds[kind_of(run)].append(name)
    for kind, names in kinds.items():
        words = {"hdf5": kind.storage == "hdf5", "temporary": not kind.kept, "cuda": kind.on_gpu}
        of_kind = [word for word, holds in words.items() if holds]
        yield TrainingFiles(
            name="_".join(["train_run", *of_kind, *map(str, kind.checkpoints)]),
            runs=_all_but(kinds, names) if kind == PLAIN else "|".join(map(re.escape, names)),
            trajectory=trajectory_path("{run}", {"storage": kind.storage}),
            kept=kind.kept,
            checkpoints=[
                f"results/{{run}}/checkpoint_{step}.safetensors" for step in kind.checkpoints
            ],
            gpu=gpu_resources(RUNS[names[0]]),
        )


# `settings` of the rules.


def corpus_settings(*keys):
    return lambda wildcards: canonical({key: corpus_named(wildcards.corpus)[key] for key in keys})


WITHOUT_EFFECT_ON_TRAINING = ("phases", "checkpoint_seconds", "keep_trajectory")


def training_settings(wildcards):
    """All of a run but for what only analyses read, and the vocabulary of its corpus."""
    run = run_named(wildcards.run)
    trained = {key: value for key, value in run.items() if key not in WITHOUT_EFFECT_ON_TRAINING}
    vocab_size = corpus_named(run["corpus"])["vocab_size"]
    return canonical(trained | {"run": wildcards.run, "vocab_size": vocab_size})


def phase_settings(wildcards):
    run = run_named(wildcards.run)
    scheme = CONFIG["phase_schemes"][run["phases"]]
    bins = ("time", "displacement", "lowest", "highest")
    return canonical(
        {key: scheme[key] for key in ("phases", "thresholds", "vanishing_fraction")}
        | {"density_bins": {key: scheme[f"density_{key}"] for key in bins}}
        | {"motion_threshold": run["motion_threshold"], "tokens": which_tokens(wildcards)}
    )


def row_settings(wildcards):
    run = run_named(wildcards.run)
    return canonical({"naming": run["naming"], "tokens": which_tokens(wildcards)})


def motion_settings(wildcards):
    run = run_named(wildcards.run)
    return canonical(
        {"motion_threshold": run["motion_threshold"], "tokens": which_tokens(wildcards)}
    )


def freezing_settings(wildcards):
    return canonical(json.loads(motion_settings(wildcards)) | json.loads(row_settings(wildcards)))


def measured_row_settings(wildcards):
    run = run_named(wildcards.run)
    step = {"separation_step": CONFIG["published"]["separation_step"]}
    return canonical({key: run[key] for key in ("naming", "rows")} | step)


def summary_settings(wildcards):
    run = run_named(wildcards.run)
    step = {"separation_step": CONFIG["published"]["separation_step"]}
    return canonical({key: run[key] for key in ("record", "rows")} | step)


def transition_settings(wildcards):
    scheme = CONFIG["phase_schemes"][run_named(wildcards.run)["phases"]]
    return canonical(
        {key: scheme[key] for key in ("phases", "thresholds")}
        | {"density_bins": {key: scheme[f"density_{key}"] for key in ("time", "displacement")}}
        | {"tokens": which_tokens(wildcards)}
    )


def lifecycle_settings(wildcards):
    run = run_named(wildcards.run)
    scheme = CONFIG["phase_schemes"][run["phases"]]
    return canonical(
        {key: scheme[key] for key in ("phases", "thresholds")}
        | {"time_bins": scheme["density_time"], "motion_threshold": run["motion_threshold"]}
        | {"tokens": which_tokens(wildcards)}
    )


def drift_settings(wildcards):
    return canonical(CONFIG["drift"])


def steps_behind(run, part):
    """How many steps a part of a run had behind it when the run began."""
    if run["resume_run"] is None or part not in run["restore"]:
        return 0
    return run["resume_step"] + steps_behind(run_named(run["resume_run"]), part)


def adam_settings(run):
    """What decides an update beside the moments: optimizer, and learning rate by step."""
    optimizer = {key: run[key] for key in ("beta1", "beta2", "epsilon", "weight_decay")}
    schedule = {
        **{key: run[key] for key in ("learning_rate", "schedule")},
        "schedule_steps": run["schedule_steps"] or run["total_steps"],
        "steps": run["total_steps"],
        "steps_behind": steps_behind(run, "schedule"),
    }
    behind = {"steps_behind": steps_behind(run, "moments")}
    return {"optimizer": optimizer | behind, "schedule": schedule}


def audit_settings(wildcards):
    run = run_named(wildcards.run)
    law = ("adamw", "state_precision", "weight_precision", "model", "random_seed", "clip_norm")
    recorded = ("restore", "naming", "rows")
    return canonical(adam_settings(run) | {key: run[key] for key in (*law, *recorded)})


def second_moment_settings(wildcards):
    run = run_named(wildcards.run)
    law = ("adamw", "beta1", "beta2", "state_precision", "clip_norm")
    return canonical({key: run[key] for key in (*law, "record", "naming", "rows")})


def account_settings(wildcards):
    run = run_named(wildcards.run)
    law = ("adamw", "state_precision", "weight_precision", "clip_norm", "record", "naming")
    return canonical(
        adam_settings(run)
        | {key: run[key] for key in (*law, "motion_threshold")}
        | CONFIG["account"]
    )


def momentum_settings(wildcards):
    run, causes = run_named(wildcards.run), CONFIG["freezing_causes"]
    bins = {"time": "time", "displacement": "distance", "lowest": "lowest", "highest": "highest"}
    return canonical(
        adam_settings(run)
        | {"motion_threshold": run["motion_threshold"]}
        | {key: causes[key] for key in ("chosen_steps", "plane_bins")}
        | {"density": {name: causes[f"density_{key}"] for name, key in bins.items()}}
    )


def gradient_settings(wildcards):
    keys = ("cohort_window", "alignment_steps", "permutations", "permutation_seed")
    return canonical(
        {key: CONFIG["freezing_causes"][key] for key in keys}
        | {"motion_threshold": run_named(wildcards.run)["motion_threshold"]}
    )


def vocabulary_settings(wildcards):
    return canonical({"vocab_size": corpus_named(run_named(wildcards.run)["corpus"])["vocab_size"]})


def continuation_settings(wildcards):
    artifact = artifact_named(wildcards.artifact)
    corpus = RUNS[artifact["continuous"]]["corpus"]
    return canonical(
        {
            "seam": RUNS[artifact["after"]]["resume_step"],
            "vocab_size": CORPORA[corpus]["vocab_size"],
            "runs": resumed_runs(wildcards),
        }
    )


def checkpoint_artifact_settings(wildcards):
    artifact = artifact_named(wildcards.artifact)
    runs = [
        {
            "run": name,
            "first": RUNS[name]["resume_step"] or 0,
            "restored": RUNS[name]["restore"] if name in artifact["arms"] else None,
            "learning_rate": RUNS[name]["learning_rate"],
            "schedule": RUNS[name]["schedule"],
            "schedule_steps": RUNS[name]["schedule_steps"] or RUNS[name]["total_steps"],
            "schedule_position": steps_behind(RUNS[name], "schedule"),
        }
        for name in runs_compared(artifact)
    ]
    rules = ("window", "hop_threshold", "band", "resamples", "confidence", "random_seed")
    seam = {"seam": RUNS[artifact["after"]]["resume_step"]}
    return canonical({key: artifact[key] for key in rules} | seam | {"runs": runs})


def onset_settings(wildcards):
    onset = onset_named(wildcards.onset)
    reference = RUNS[onset["arms"][onset["reference"]][0]]
    arms = [
        {
            "arm": arm,
            "changes": onsets.changes(RUNS[names[0]], reference),
            "runs": [
                {
                    "run": name,
                    "seed": RUNS[name]["random_seed"],
                    "elements": RUNS[name]["hidden_dim"],
                    "second_moment": tells_second_moment(RUNS[name]),
                }
                for name in names
            ],
        }
        for arm, names in onset["arms"].items()
    ]
    rules = {key: onset[key] for key in ("reference", "from_step", "window", "bin_steps")}
    return canonical(rules | {"motion_threshold": reference["motion_threshold"], "arms": arms})


def sweep_named(name):
    """What each run of a sweep was given; a wrong name suggests the right one."""
    sweeps = CONFIG["sweeps"]
    if name not in sweeps:
        raise WorkflowError(f"{name!r} is no sweep. {configuration.nearest(name, sweeps)}")
    return sweeps[name]


def summaries_of_sweep(wildcards):
    return [f"results/{run}/summary.json" for run in sweep_named(wildcards.sweep)]


def sweep_settings(wildcards):
    return canonical({"runs": sweep_named(wildcards.sweep)})


def artifact_figure_settings(wildcards):
    continuous = RUNS[artifact_named(wildcards.artifact)["continuous"]]
    return canonical(CONFIG["figures"] | {"title": continuous["series"]})


def onset_figure_settings(wildcards):
    onset = onset_named(wildcards.onset)
    series = RUNS[onset["arms"][onset["reference"]][0]]["series"]
    return canonical(CONFIG["figures"] | {"title": series})


def figure_settings(wildcards):
    return canonical(CONFIG["figures"] | {"title": run_named(wildcards.run)["experiment"]})


# Verdicts and the report.

VERDICTS = CONFIG["verdicts"]
REPORT = CONFIG["report"]
ARTIFACTS = CONFIG["checkpoint_artifacts"]


def has_motion(run):
    return "W" in run["record"]


def has_own_notebook(run):
    return has_motion(run) and run["naming"] == "thimble"


def has_hidden_mean(run):
    return (
        run["rows"] == "all" and run["naming"] == "crucible" and {"W", "h_mean"} <= {*run["record"]}
    )


def has_dead_rows_with(*names):
    return lambda run: (
        run["rows"] == "dead" and run["naming"] == "crucible" and {"W", *names} <= {*run["record"]}
    )


def has_account(run):
    recorded = {"W", "m", "v", "g"} <= {*run["record"]}
    return recorded and why_no_account("", run) is None


# Figures of a run, and which runs have them.
FIGURES = {
    "phases": has_motion,
    "phase_transitions": has_own_notebook,
    "stillness": has_motion,
    "freezing": has_motion,
    "lifecycle": has_motion,
    "permanence": has_motion,
    "momentum": lambda run: has_dead_rows_with("m", "v")(run) and is_published_lattice(run),
    "gradients": has_dead_rows_with("g"),
    "account": has_account,
    "drift": has_hidden_mean,
}


def report_figures():
    """All figures of the runs in the report."""
    return (
        [
            f"results/{name}/{figure}.{REPORT['format']}"
            for name in REPORT["runs"]
            for figure, has_it in FIGURES.items()
            if has_it(run_named(name))
        ]
        + [
            f"results/{name}/checkpoint_artifact.{REPORT['format']}"
            for name in REPORT["checkpoint_artifacts"]
        ]
        + [f"results/{name}/onset.{REPORT['format']}" for name in REPORT["onsets"]]
    )


def in_report(path, caption, chapter, label, of="{run}"):
    """An output that the report shows: its caption in workflow/report/, its chapter, its label."""
    chapters = VERDICTS["chapters"]
    return report(
        path,
        caption=f"../report/{caption}.rst",
        category=chapters[chapter]["title"] if chapter in chapters else chapter,
        subcategory=of,
        labels={"shows": label},
    )


def evidence():
    """The statistics files that the questions ask for, of what is in the report."""
    there = {*REPORT["runs"], *REPORT["checkpoint_artifacts"], *REPORT["onsets"]}
    questions = VERDICTS["questions"].values()
    asked = [(question["run"], question["file"]) for question in questions if question["file"]]
    return [f"results/{run}/{file}" for run, file in dict.fromkeys(asked) if run in there]


def verdict_settings():
    steps = {name: run["total_steps"] for name, run in RUNS.items()}
    steps |= {name: steps[artifact["continuous"]] for name, artifact in ARTIFACTS.items()}
    steps |= {
        name: RUNS[onset["arms"][onset["reference"]][0]]["total_steps"]
        for name, onset in CONFIG["onsets"].items()
    }
    asked = {question["run"] for question in VERDICTS["questions"].values()}
    return canonical(
        {key: VERDICTS[key] for key in ("chapters", "questions")}
        | {"steps": {name: steps[name] for name in sorted(asked & steps.keys())}}
        # The order of the story, which JSON objects with sorted keys do not keep.
        | {"order": {key: [*VERDICTS[key]] for key in ("chapters", "questions")}}
    )


def permanence_settings(wildcards):
    return canonical(
        {key: VERDICTS[key] for key in ("still_for", "confidence")}
        | {"motion_threshold": run_named(wildcards.run)["motion_threshold"]}
    )


def provenance_settings():
    """The configuration, of runs and corpora only those of the report."""
    runs = {name: run_named(name) for name in REPORT["runs"]}
    corpora = {run["corpus"]: CORPORA[run["corpus"]] for run in runs.values()}
    rest = {key: value for key, value in CONFIG.items() if key != "verdicts"}
    return canonical({"configuration": rest | {"runs": runs, "corpora": corpora}})
