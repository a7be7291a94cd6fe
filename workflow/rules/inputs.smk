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
        return local(literal(corpus[key])) if corpus[key] else []

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


def trajectory_unless(why_not):
    """The trajectory of a run, unless `why_not(name, run)` says why this cannot be analysed."""

    def trajectory(wildcards):
        name, run = wildcards.run, run_named(wildcards.run)
        reason = why_not(name, run)
        if reason is not None:
            raise WorkflowError(reason)
        return trajectory_path(name, run)

    return trajectory


def trajectory_with(*quantities):
    """The trajectory of a run that records one of these, of the tokens that are asked for."""

    def trajectory(wildcards):
        asked = which_tokens(wildcards), *quantities
        return trajectory_unless(lambda name, run: analyses.why_no_tokens(name, run, *asked))(
            wildcards
        )

    return trajectory


def why_no_account(name, run):
    """As `analyses.why_no_account`, by the configuration's section."""
    return analyses.why_no_account(name, run, CONFIG["account"])


def why_no_untrained_motion(name, run):
    return analyses.why_no_untrained_motion(name, RUNS)


def if_recorded(path, *quantities):
    """A file that follows from these, nothing if the run records none of them."""

    def file(wildcards):
        recorded = run_named(wildcards.run)["record"]
        return path.format(run=wildcards.run) if {*quantities} & {*recorded} else []

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


def first_trajectory(wildcards):
    """The trajectory that it all began with: the run's own, unless it was resumed from another."""
    run_named(wildcards.run)
    name = analyses.first_of(wildcards.run, RUNS)
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
    return analyses.why_no_second_moment("", run) is None


def second_moments_of_onset(wildcards):
    """Of those runs that tell it."""
    told = [run for run in runs_of_onset(wildcards) if tells_second_moment(RUNS[run])]
    return [f"results/{run}/second_moment.csv" for run in told]
