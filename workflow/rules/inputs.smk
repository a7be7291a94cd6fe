"""Input functions: the files of other steps that a step needs, or why there are none."""


def given_file(key):
    """The user's file under this key of the corpus, nothing if there is none."""

    def file(wildcards):
        corpus = corpus_named(wildcards.corpus)
        try:
            check_files(f"corpora.{wildcards.corpus}", corpus)
        except ConfigurationError as error:
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
        check_same_training(key, name, source, RUNS)
    except ConfigurationError as error:
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
            f"{name!r} is no entry of checkpoint_artifacts. " f"{nearest(name, artifacts)}"
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
        raise WorkflowError(f"{name!r} is no entry of onsets. {nearest(name, known)}")
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
