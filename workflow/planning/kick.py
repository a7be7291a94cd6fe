"""The kick at a checkpoint: which runs a comparison names, and whether they can be compared."""

import itertools
from collections.abc import Mapping

from planning.mistakes import ConfigurationError, as_yaml, check_known

# What a resume may restore or lose beside the parameters: the factors of the kick.
RESTORABLE = ("moments", "schedule", "data")
# What must be the same in runs whose motion is compared; the length of the schedule is apart.
DECIDING_MOTION = (
    *("corpus", "model", "hidden_dim", "num_layers", "num_heads", "tied_embeddings", "init"),
    *("init_std", "init_spread", "examples"),
    *("seq_len", "target_offset", "batch_size", "learning_rate", "schedule", "clip_norm", "beta1"),
    *("beta2", "epsilon", "weight_decay", "adamw", "precision", "autocast", "head"),
    *("state_precision", "second_moment_precision", "weight_precision"),
    *("random_seed", "threads", "device", "matmul_backend", "naming"),
)

# What tables call the run without a seam and the stitched pair; arms stand there by their names.
SERIES = ("continuous", "stitched")


def runs_compared(comparison: Mapping) -> list[str]:
    """The continuous run, the two of the stitched pair, the arms."""
    return [*(comparison[role] for role in ("continuous", "before", "after")), *comparison["arms"]]


def resumed_runs(comparison: Mapping, runs: Mapping) -> list[dict[str, object]]:
    """The runs that begin at the seam, and whether they must be the whole continuous run again."""
    return [
        {
            "run": name,
            "source": runs[name]["resume_run"],
            "whole": name in comparison["arms"]
            and {"parameters", *RESTORABLE} <= {*runs[name]["restore"]},
        }
        for name in (*comparison["arms"], comparison["after"])
    ]


def check(key: str, comparison: Mapping, configuration: Mapping) -> None:
    """Runs that can be compared, a pair that meets at the seam, every combination of arms once."""
    runs = configuration["runs"]
    stitched = {role: comparison[role] for role in ("continuous", "before", "after")}
    arms = {f"arms, {name}": name for name in comparison["arms"]}
    for role, name in (stitched | arms).items():
        check_known(f"{key}.{role}", name, "runs", configuration)
    for name in comparison["arms"]:
        if name in SERIES:
            raise ConfigurationError(
                f"{key}.arms has {name}, which tables call another series; allowed: arms that are "
                f"called neither {' nor '.join(SERIES)}. Rename the run."
            )
    _check_combinations(f"{key}.arms", comparison, runs)
    continuous = runs[comparison["continuous"]]
    for role, name in (stitched | arms).items():
        for setting in DECIDING_MOTION:
            if runs[name][setting] != continuous[setting]:
                raise ConfigurationError(
                    f"{key}.{role} is {name}, whose {setting} is {runs[name][setting]!r}; allowed: "
                    f"that of {comparison['continuous']}, {continuous[setting]!r}. Set runs.{name}."
                    f"{setting}."
                )
        if runs[name]["naming"] != "wordybird" or "W" not in runs[name]["record"]:
            raise ConfigurationError(
                f"{key}.{role} is {name}, with naming: {runs[name]['naming']}, record: "
                f"{runs[name]['record']}; allowed: runs with naming: wordybird and W among record."
            )
    _check_seam(key, comparison, runs)


def _check_combinations(key: str, comparison: Mapping, runs: Mapping) -> None:
    wanted = {
        frozenset(("parameters", *others)): others
        for count in range(len(RESTORABLE) + 1)
        for others in itertools.combinations(RESTORABLE, count)
    }
    found = {}
    for name in comparison["arms"]:
        source, restored = runs[name]["resume_run"], frozenset(runs[name]["restore"])
        if source != comparison["continuous"]:
            raise ConfigurationError(
                f"{key} has {name}, which begins from {source or 'nothing'}; allowed: runs with "
                f"resume_run: {comparison['continuous']}."
            )
        if restored not in wanted:
            raise ConfigurationError(
                f"{key} has {name}, whose restore is {runs[name]['restore']}; allowed: parameters, "
                f"with any of {', '.join(RESTORABLE)}."
            )
        if restored in found:
            raise ConfigurationError(
                f"{key} has {found[restored]} and {name}, which restore the same, "
                f"{runs[name]['restore']}; allowed: one run for each combination."
            )
        found[restored] = name
    missing = [others for restored, others in wanted.items() if restored not in found]
    if missing:
        lists = "; ".join(f"[{', '.join(('parameters', *others))}]" for others in missing)
        raise ConfigurationError(
            f"{key} lacks {len(missing)} of {len(wanted)} runs, those with restore: {lists}. Each "
            f"combination needs one run with resume_run: {comparison['continuous']}."
        )


def _check_seam(key: str, comparison: Mapping, runs: Mapping) -> None:
    """All runs are resumed after the same step, and have a window of steps on either side."""
    continuous, before, after = (comparison[role] for role in ("continuous", "before", "after"))
    seam = runs[comparison["arms"][0]]["resume_step"]
    length = runs[continuous]["schedule_steps"] or runs[continuous]["total_steps"]
    expected = [(name, "resume_step", seam) for name in comparison["arms"]]
    expected += [(name, "schedule_steps", length) for name in comparison["arms"]]
    expected += [(continuous, "resume_run", None), (before, "resume_run", None)]
    expected += [(before, "total_steps", seam)]
    expected += [(after, "resume_run", before), (after, "resume_step", seam)]
    for name, setting, value in expected:
        if runs[name][setting] != value:
            raise ConfigurationError(
                f"runs.{name}.{setting} is {as_yaml(runs[name][setting])}; allowed in {key}, whose "
                f"seam is after step {seam}: {as_yaml(value)}."
            )
    resumed = [after, *comparison["arms"]]
    left = runs[continuous]["total_steps"] - seam
    for name in resumed:
        if not comparison["window"] <= runs[name]["total_steps"] <= left:
            raise ConfigurationError(
                f"runs.{name}.total_steps is {runs[name]['total_steps']}; allowed in {key}: from "
                f"window, {comparison['window']}, to what {continuous} has after the seam, {left}."
            )
    if comparison["window"] > seam:
        raise ConfigurationError(
            f"{key}.window is {comparison['window']}; allowed: at most the steps before the seam, "
            f"{seam}."
        )
