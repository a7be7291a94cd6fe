"""What each rule is given of the configuration, and nothing else: a change of it reruns the rule.

Functions of the configuration and of a job's wildcards that return dictionaries; `Plan.settings`
makes one text of them.
"""

from collections.abc import Mapping

from planning import black_holes as holes
from planning import censuses, entries, forecasts, kick, onsets, requirements
from planning.findings import present as sources_of_findings
from planning.inputs import Wildcards, population

WITHOUT_EFFECT_ON_TRAINING = ("phases", "checkpoint_seconds", "keep_trajectory", "trajectory_file")
BINS = ("time", "displacement", "lowest", "highest")


def corpus(configuration: Mapping, wildcards: Wildcards, *keys: str) -> dict:
    """These keys of a corpus."""
    entry = entries.corpus(configuration, wildcards["corpus"])
    return {key: entry[key] for key in keys}


def fetched_text(configuration: Mapping, wildcards: Wildcards, key: str) -> dict:
    """The parts of a text that is fetched."""
    return {"parts": entries.corpus(configuration, wildcards["corpus"])[key]}


def training(configuration: Mapping, wildcards: Wildcards) -> dict:
    """All of a run but for what only analyses read, and the vocabulary of its corpus."""
    run = entries.run(configuration, wildcards["run"])
    trained = {key: value for key, value in run.items() if key not in WITHOUT_EFFECT_ON_TRAINING}
    vocab_size = entries.corpus(configuration, run["corpus"])["vocab_size"]
    return trained | {"run": wildcards["run"], "vocab_size": vocab_size}


def adoption(configuration: Mapping, wildcards: Wildcards) -> dict:
    """What a trajectory that was made elsewhere is held against, and what metadata.json says."""
    trained = training(configuration, wildcards)
    of_this_machine = ("threads", "device", "matmul_backend", "statistics", "save_checkpoint_at")
    of_no_file = ("corpus", "chunk_rows", "compression", "resume_run")
    return {key: v for key, v in trained.items() if key not in (*of_this_machine, *of_no_file)}


def displacement(configuration: Mapping, wildcards: Wildcards) -> dict:
    return _of_run(configuration, wildcards, "naming") | {"population": population(wildcards)}


def phases(configuration: Mapping, wildcards: Wildcards) -> dict:
    scheme = entries.scheme(configuration, wildcards["run"])
    return (
        {key: scheme[key] for key in ("phases", "thresholds", "vanishing_fraction")}
        | {"density_bins": {key: scheme[f"density_{key}"] for key in BINS}}
        | motion(configuration, wildcards)
    )


def phase_transitions(configuration: Mapping, wildcards: Wildcards) -> dict:
    scheme = entries.scheme(configuration, wildcards["run"])
    return (
        {key: scheme[key] for key in ("phases", "thresholds")}
        | {"density_bins": {key: scheme[f"density_{key}"] for key in BINS[:2]}}
        | {"population": population(wildcards)}
    )


def lifecycle(configuration: Mapping, wildcards: Wildcards) -> dict:
    scheme = entries.scheme(configuration, wildcards["run"])
    return (
        {key: scheme[key] for key in ("phases", "thresholds")}
        | {"time_bins": scheme["density_time"]}
        | motion(configuration, wildcards)
    )


def metrics(configuration: Mapping, wildcards: Wildcards) -> dict:
    return _of_run(configuration, wildcards, "naming")


def motion(configuration: Mapping, wildcards: Wildcards) -> dict:
    """What counts as motion, and whose."""
    return _of_run(configuration, wildcards, "motion_threshold") | {
        "population": population(wildcards)
    }


def freezing(configuration: Mapping, wildcards: Wildcards) -> dict:
    of_run = motion(configuration, wildcards) | displacement(configuration, wildcards)
    return of_run | configuration["freezing"]


def stillness(configuration: Mapping, wildcards: Wildcards) -> dict:
    return motion(configuration, wildcards) | _still_for(configuration)


def explorer(configuration: Mapping, wildcards: Wildcards) -> dict:
    """What its page shows and says, and how many values it may hold."""
    name = wildcards["run"]
    scheme = entries.scheme(configuration, name)
    absent = {"distance": requirements.why_not("momentum", name, configuration)}
    return (
        {"run": name}
        | _still_for(configuration)
        | {key: scheme[key] for key in ("phases", "thresholds")}
        | _of_run(configuration, wildcards, "experiment", "naming", "motion_threshold")
        | {"absent": {panel: reason for panel, reason in absent.items() if reason}}
        | configuration["explorer"]
    )


def permanence(configuration: Mapping, wildcards: Wildcards) -> dict:
    of_run = _of_run(configuration, wildcards, "motion_threshold", "naming")
    return configuration["permanence"] | of_run


def momentum(configuration: Mapping, wildcards: Wildcards) -> dict:
    cohorts = configuration["cohorts"]
    bins = {"time": "time", "displacement": "distance", "lowest": "lowest", "highest": "highest"}
    return (
        update_law(configuration, wildcards)
        | _of_run(configuration, wildcards, "record", "naming", "motion_threshold")
        | _still_for(configuration)
        | {key: cohorts[key] for key in ("chosen_steps", "plane_bins")}
        | {"density": {name: cohorts[f"density_{key}"] for name, key in bins.items()}}
    )


def gradients(configuration: Mapping, wildcards: Wildcards) -> dict:
    keys = ("cohort_window", "alignment_steps", "permutations", "permutation_seed")
    cohorts = configuration["cohorts"]
    recorded = _of_run(configuration, wildcards, "record", "naming", "motion_threshold")
    given = recorded | _still_for(configuration) | {key: cohorts[key] for key in keys}
    return {"run": wildcards["run"]} | given


def drift(configuration: Mapping, wildcards: Wildcards) -> dict:
    return dict(configuration["drift"])


def vocabulary(configuration: Mapping, wildcards: Wildcards) -> dict:
    corpus = entries.run(configuration, wildcards["run"])["corpus"]
    return {"vocab_size": entries.corpus(configuration, corpus)["vocab_size"]}


def continuation(configuration: Mapping, wildcards: Wildcards) -> dict:
    comparison, runs = entries.kick(configuration, wildcards["kick"]), configuration["runs"]
    corpus = runs[comparison["continuous"]]["corpus"]
    return {
        "seam": runs[comparison["after"]]["resume_step"],
        "vocab_size": configuration["corpora"][corpus]["vocab_size"],
        "runs": kick.resumed_runs(comparison, runs),
    }


def kicks(configuration: Mapping, wildcards: Wildcards) -> dict:
    comparison, runs = entries.kick(configuration, wildcards["kick"]), configuration["runs"]
    compared = [
        {
            "run": name,
            "first": runs[name]["resume_step"] or 0,
            "restored": runs[name]["restore"] if name in comparison["arms"] else None,
            "learning_rate": runs[name]["learning_rate"],
            "schedule": runs[name]["schedule"],
            "schedule_steps": runs[name]["schedule_steps"] or runs[name]["total_steps"],
            "schedule_position": elapsed_steps(runs, name, "schedule"),
        }
        for name in kick.runs_compared(comparison)
    ]
    rules = ("window", "hop_threshold", "band", "resamples", "confidence", "random_seed")
    seam = {"seam": runs[comparison["after"]]["resume_step"]}
    return {key: comparison[key] for key in rules} | seam | {"runs": compared}


def elapsed_steps(runs: Mapping, name: str, part: str) -> int:
    """How many steps a part of a run had taken when the run began."""
    run = runs[name]
    if run["resume_run"] is None or part not in run["restore"]:
        return 0
    return run["resume_step"] + elapsed_steps(runs, run["resume_run"], part)


def update_law(configuration: Mapping, wildcards: Wildcards) -> dict:
    """What decides an update beside the moments: optimizer, and learning rate by step."""
    name, runs = wildcards["run"], configuration["runs"]
    run = entries.run(configuration, name)
    optimizer = {key: run[key] for key in ("beta1", "beta2", "epsilon", "weight_decay")}
    schedule = {
        **{key: run[key] for key in ("learning_rate", "schedule")},
        "schedule_steps": run["schedule_steps"] or run["total_steps"],
        "elapsed_steps": elapsed_steps(runs, name, "schedule"),
    }
    elapsed = {"elapsed_steps": elapsed_steps(runs, name, "moments")}
    precisions = ("state_precision", "second_moment_precision", "weight_precision")
    names = {key: run[key] for key in ("adamw", *precisions)}
    about = {"run": name, "total_steps": run["total_steps"]}
    return about | names | {"optimizer": optimizer | elapsed, "schedule": schedule}


def audit(configuration: Mapping, wildcards: Wildcards) -> dict:
    keys = ("record", "rows", "naming", "clip_norm", "restore", "model", "random_seed")
    return update_law(configuration, wildcards) | _of_run(configuration, wildcards, *keys)


def second_moment(configuration: Mapping, wildcards: Wildcards) -> dict:
    keys = ("record", "rows", "naming", "clip_norm")
    return update_law(configuration, wildcards) | _of_run(configuration, wildcards, *keys)


def account(configuration: Mapping, wildcards: Wildcards) -> dict:
    keys = ("record", "naming", "clip_norm")
    return (
        update_law(configuration, wildcards)
        | _of_run(configuration, wildcards, *keys)
        | configuration["causes"]["account"]
    )


def course(configuration: Mapping, wildcards: Wildcards) -> dict:
    run, runs = entries.run(configuration, wildcards["run"]), configuration["runs"]
    segments = [
        {**segment, "naming": runs[segment["run"]]["naming"]}
        for segment in onsets.segments(wildcards["run"], runs)
    ]
    still_for = configuration["causes"]["still_for"]
    rules = {"motion_threshold": run["motion_threshold"], "still_for": still_for}
    return rules | {"segments": segments}


def onset(configuration: Mapping, wildcards: Wildcards) -> dict:
    comparison, runs = entries.onset(configuration, wildcards["onset"]), configuration["runs"]
    reference = comparison["arms"][comparison["reference"]][0]
    arms = [
        {
            "arm": arm,
            "changes": onsets.changes(names[0], reference, runs),
            "runs": [
                {
                    "run": name,
                    "seed": runs[name]["random_seed"],
                    "second_moment": onsets.shows("second_moment", name, configuration),
                }
                for name in names
            ],
        }
        for arm, names in comparison["arms"].items()
    ]
    names = ("reference", "through_step", "from_step", "bin_steps")
    rules = {name: comparison[name] for name in names}
    return rules | {"still_for": configuration["causes"]["still_for"], "arms": arms}


def forecast(configuration: Mapping, wildcards: Wildcards) -> dict:
    entry, runs = entries.forecast(configuration, wildcards["forecast"]), configuration["runs"]
    pairs = [
        update_law(configuration, {"run": pair["outcome"]})
        | {"record": runs[pair["state"]]["record"], "role": role, **pair}
        | {f"{part}_naming": runs[pair[part]]["naming"] for part in forecasts.RUNS_OF_PAIR}
        | {"random_seed": runs[pair["outcome"]]["random_seed"]}
        for role, pair in forecasts.pairs(entry)
    ]
    rules = {key: value for key, value in entry.items() if key not in forecasts.ROLES}
    threshold = runs[pairs[0]["outcome"]]["motion_threshold"]
    return rules | {"motion_threshold": threshold, "pairs": pairs}


def census(configuration: Mapping, wildcards: Wildcards) -> dict:
    """Which matrix, and the rules; where files lie is no setting, for what is in them counts."""
    name = wildcards["census"]
    entry = entries.census(configuration, name)
    rules = {key: entry[key] for key in censuses.RULES}
    if not censuses.is_of_run(entry):
        return rules | {"census": name, "run": None} | censuses.roles(f"census.{name}", entry)
    run = configuration["runs"][entry["run"]]
    step = run["total_steps"] if entry["step"] is None else entry["step"]
    of_run = {"run": entry["run"], "naming": run["naming"], "step": step}
    return rules | {"census": name, "run": of_run, "matrices": {"W": "W"}, "tied": True}


def census_in_time(configuration: Mapping, wildcards: Wildcards) -> dict:
    given = _of_run(configuration, wildcards, "naming") | {"population": population(wildcards)}
    return given | configuration["census_in_time"]


def null_census_in_time(configuration: Mapping, wildcards: Wildcards) -> dict:
    """The settings by which the initial weights of a run are drawn again, and the rules."""
    return {"training": training(configuration, wildcards)} | configuration["census_in_time"]


def black_holes(configuration: Mapping, wildcards: Wildcards) -> dict:
    entry, runs = (
        entries.black_holes(configuration, wildcards["black_holes"]),
        configuration["runs"],
    )
    first = next(iter(entry["arms"].values()))[0]
    arms = []
    for arm, names in entry["arms"].items():
        changes = onsets.changes(names[0], first, runs)
        of_runs = [{"run": name, "seed": runs[name]["random_seed"]} for name in names]
        along = {*changes} <= {*holes.OF_SPREAD}
        spread = holes.spread(runs[names[0]])
        arms.append(
            {"arm": arm, "spread": spread, "along_spread": along, "changes": changes}
            | {"runs": of_runs}
        )
    rules = {key: value for key, value in entry.items() if key != "arms"}
    return rules | {"ranks": configuration["census_in_time"]["ranks"], "arms": arms}


def rows(configuration: Mapping, wildcards: Wildcards) -> dict:
    step = {"separation_step": configuration["published"]["separation_step"]}
    return _of_run(configuration, wildcards, "naming", "rows") | step


def summary(configuration: Mapping, wildcards: Wildcards) -> dict:
    step = {"separation_step": configuration["published"]["separation_step"]}
    return _of_run(configuration, wildcards, "record", "rows") | step


def comparison(configuration: Mapping, wildcards: Wildcards) -> list:
    return configuration["comparison"]


def published(configuration: Mapping, wildcards: Wildcards) -> list:
    return configuration["published"]["runs"]


def sweep(configuration: Mapping, wildcards: Wildcards) -> dict:
    return {"runs": entries.sweep(configuration, wildcards["sweep"])}


def figure(configuration: Mapping, wildcards: Wildcards) -> dict:
    """How pictures look, and a title: the experiment of a run, or the series of several."""
    runs = configuration["runs"]
    if "run" in wildcards:
        title = entries.run(configuration, wildcards["run"])["experiment"]
    elif "kick" in wildcards:
        title = runs[entries.kick(configuration, wildcards["kick"])["continuous"]]["series"]
    elif "census" in wildcards:
        entries.census(configuration, wildcards["census"])
        title = wildcards["census"]
    elif "black_holes" in wildcards:
        of = entries.black_holes(configuration, wildcards["black_holes"])
        title = runs[holes.runs_of(of)[0]]["series"]
    elif "forecast" in wildcards:
        _, pair = next(forecasts.pairs(entries.forecast(configuration, wildcards["forecast"])))
        title = runs[pair["outcome"]]["experiment"]
    else:
        of = entries.onset(configuration, wildcards["onset"])
        title = runs[of["arms"][of["reference"]][0]]["series"]
    return configuration["figures"] | {"title": title}


def verdicts(configuration: Mapping, wildcards: Wildcards) -> dict:
    runs, section = configuration["runs"], configuration["verdicts"]
    steps = {name: run["total_steps"] for name, run in runs.items()}
    steps |= {name: steps[entry["continuous"]] for name, entry in configuration["kick"].items()}
    steps |= {
        name: entry["through_step"] for name, entry in configuration["causes"]["onsets"].items()
    }
    forecasts_ = configuration["causes"]["forecasts"].items()
    steps |= {name: entry["through_step"] for name, entry in forecasts_}
    asked = {question["run"] for question in section["questions"].values()}
    seeds = {run: others for run, others in section["seeds"].items() if run in asked}
    return (
        {key: section[key] for key in ("chapters", "questions")}
        | {"steps": {name: steps[name] for name in sorted(asked & steps.keys())}, "seeds": seeds}
        # The order of the story, which JSON objects with sorted keys do not keep.
        | {"order": {key: [*section[key]] for key in ("chapters", "questions")}}
    )


def findings(configuration: Mapping, wildcards: Wildcards) -> dict:
    """Where the findings take their numbers from, and what is left out."""
    section = configuration["findings"]
    absent = {name: section["sources"][name] for name in sorted(section["absent"])}
    return {"sources": sources_of_findings(section), "absent": absent}


def provenance(configuration: Mapping, wildcards: Wildcards) -> dict:
    """The configuration, of runs and corpora only those of the report."""
    runs = {name: entries.run(configuration, name) for name in configuration["report"]["runs"]}
    corpora = {run["corpus"]: configuration["corpora"][run["corpus"]] for run in runs.values()}
    rest = {key: value for key, value in configuration.items() if key != "verdicts"}
    return {"configuration": rest | {"runs": runs, "corpora": corpora}}


def _still_for(configuration: Mapping) -> dict:
    """When a token counts as stopped."""
    return {"still_for": configuration["freezing"]["still_for"]}


def _of_run(configuration: Mapping, wildcards: Wildcards, *keys: str) -> dict:
    run = entries.run(configuration, wildcards["run"])
    return {key: run[key] for key in keys}
