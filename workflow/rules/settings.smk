"""`settings`, a parameter of every rule: the step's own slice of the configuration.

It is one canonical JSON text, so that a change of any value in it, and of nothing else, runs the
step again.
"""


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
        raise WorkflowError(f"{name!r} is no sweep. {nearest(name, sweeps)}")
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
