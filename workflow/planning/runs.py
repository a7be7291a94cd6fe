"""The runs of a configuration: what they take over from each other, and what cannot be."""

from collections.abc import Mapping

from planning import corpora
from planning.kick import DECIDING_MOTION
from planning.mistakes import ConfigurationError, as_yaml, check_known, nearest

# Runs alike in these differ in what they record, and in no bit of the training.
DECIDING_TRAINING = (
    *DECIDING_MOTION,
    *("total_steps", "schedule_steps", "resume_run", "resume_step", "restore"),
)

# A file is the trajectory of the run that names it, and of no other that is like it.
OF_ONE_RUN = ("trajectory_file",)


def inherited(runs: Mapping) -> dict:
    """Every run with what it takes over from the run it is `like`, and that one from its own."""
    inherited = {}
    for name in runs:
        entry = {}
        for ancestor in reversed(lineage(name, runs)):
            entry |= runs[ancestor]
        for key in OF_ONE_RUN:
            entry.pop(key, None)
            entry |= {key: runs[name][key]} if key in runs[name] else {}
        entry.pop("like", None)
        inherited[name] = entry
    return inherited


def lineage(name: str, runs: Mapping) -> list[str]:
    """The run, the run that it is like, and so on; raises `ConfigurationError`."""
    found = [name]
    while (parent := runs[found[-1]].get("like")) is not None:
        key = f"runs.{found[-1]}.like"
        if parent not in runs:
            raise ConfigurationError(
                f"{key} is {parent!r}, which is no run. {nearest(parent, runs)}"
            )
        if parent in found:
            circle = " -> ".join([*found, parent])
            raise ConfigurationError(f"{key} closes a circle: {circle}. Remove one `like:`.")
        found.append(parent)
    return found


def check(key: str, run: Mapping, configuration: Mapping) -> None:
    """Raises `ConfigurationError` on settings that exclude each other or name what is not there."""
    for name, table in (("corpus", "corpora"), ("phases", "phases")):
        check_known(f"{key}.{name}", run[name], table, configuration)
    if run["hidden_dim"] % run["num_heads"]:
        raise ConfigurationError(
            f"{key}.num_heads is {run['num_heads']}, which does not divide hidden_dim, "
            f"{run['hidden_dim']}."
        )
    if run["target_offset"] >= run["seq_len"]:
        raise ConfigurationError(
            f"{key}.target_offset is {run['target_offset']}; allowed: less than seq_len, "
            f"{run['seq_len']}."
        )
    _check_precision(key, run)
    if run["compression"] != "none" and run["storage"] != "hdf5":
        raise ConfigurationError(
            f"{key}.compression is {run['compression']!r}; allowed with `storage: "
            f"{run['storage']}`: none. Set {key}.storage to hdf5."
        )
    of_motion = [name for name in run["statistics"] if name != "n_live_tokens"]
    if of_motion and not run["last_motion"]:
        raise ConfigurationError(
            f"{key}.statistics has {of_motion[0]}, which comes from last_motion_step; allowed with "
            "`last_motion: false`: n_live_tokens."
        )
    steps = run["save_checkpoint_at"]
    if steps != sorted(steps):
        raise ConfigurationError(f"{key}.save_checkpoint_at is {steps}; allowed: ascending steps.")
    too_late = [step for step in steps if step > run["total_steps"]]
    if too_late:
        raise ConfigurationError(
            f"{key}.save_checkpoint_at has {too_late[0]}; allowed: at most total_steps, "
            f"{run['total_steps']}."
        )
    corpora.check_batch(key, run, configuration["corpora"][run["corpus"]])
    _check_resume(key, run, configuration)


def check_same_training(key: str, name: str, source: str, runs: Mapping) -> None:
    """Raises `ConfigurationError` unless two runs differ in nothing but in what they record."""
    for setting in DECIDING_TRAINING:
        if runs[name][setting] != runs[source][setting]:
            raise ConfigurationError(
                f"{key} is {source}, whose {setting} is {as_yaml(runs[source][setting])}; allowed: "
                f"a run of the same training as {name}, which has {as_yaml(runs[name][setting])}. "
                f"Set runs.{source}.{setting}, or {key} to null."
            )


def _check_precision(key: str, run: Mapping) -> None:
    of_v = "second_moment_precision" if run["second_moment_precision"] else "state_precision"
    deciding = {"m": "state_precision", "v": of_v}
    wide = [name for name in deciding if run[deciding[name]] == "float32" and name in run["record"]]
    if wide and run["naming"] != "crucible":
        raise ConfigurationError(
            f"{key}.{deciding[wide[0]]} is 'float32', but with `naming: {run['naming']}` files "
            f"hold {' and '.join(wide)} in bfloat16, which would round them. Set {key}.naming to "
            f"crucible, or take {' and '.join(wide)} out of {key}.record."
        )
    if run["init_spread"] and run["init"] != "point":
        raise ConfigurationError(
            f"{key}.init_spread is {run['init_spread']}, but {key}.init is {run['init']!r}, which "
            f"has none. Set {key}.init to point, or leave init_spread out."
        )
    if run["head"] == "float32" and run["autocast"]:
        raise ConfigurationError(
            f"{key}.head is 'float32', but {key}.autocast is true, which rounds before the head "
            "what it is to keep; allowed with `autocast: true`: plain, hf."
        )


def _check_resume(key: str, run: Mapping, configuration: Mapping) -> None:
    """A run begins from a checkpoint that another run keeps, or from none."""
    runs = configuration["runs"]
    source, step = run["resume_run"], run["resume_step"]
    if len({source is None, step is None, not run["restore"]}) > 1:
        raise ConfigurationError(
            f"{key} has resume_run: {as_yaml(source)}, resume_step: {as_yaml(step)}, restore: "
            f"{run['restore']}; "
            "allowed: all three, or none of them."
        )
    if source is None:
        return
    check_known(f"{key}.resume_run", source, "runs", {"runs": runs})
    kept = runs[source]["save_checkpoint_at"]
    if step not in kept:
        remedy = f"Allowed: one of runs.{source}.save_checkpoint_at, {kept}."
        if not kept:
            remedy = f"Set runs.{source}.save_checkpoint_at to [{step}]."
        raise ConfigurationError(
            f"{key}.resume_step is {step}, but {source} keeps no checkpoint of that step. {remedy}"
        )
    same = ["model", "hidden_dim", "num_layers", "num_heads", "seq_len", "precision"]
    same += ["tied_embeddings"]
    same += ["weight_precision"] if "parameters" in run["restore"] else []
    for name in same:
        if run[name] != runs[source][name]:
            raise ConfigurationError(
                f"{key}.{name} is {run[name]!r}, but the run begins from a checkpoint of {source}, "
                f"which has {runs[source][name]!r}. Both need the same model."
            )
    if "moments" in run["restore"]:
        _check_moments(key, run, source, runs)
    _check_vocabulary(key, run, source, configuration)
    chain = [key.removeprefix("runs.")]
    while source is not None:
        if source in chain:
            raise ConfigurationError(
                f"{key}.resume_run closes a circle: {' -> '.join([*chain, source])}."
            )
        chain.append(source)
        source = runs[source]["resume_run"] if source in runs else None


def _check_moments(key: str, run: Mapping, source: str, runs: Mapping) -> None:
    """Moments may widen where they are restored; float32 ones would be rounded in bfloat16."""
    for of in ("m", "v"):
        names = ["second_moment_precision"] if of == "v" else []
        names.append("state_precision")
        here, there = (next(r[n] for n in names if r[n]) for r in (run, runs[source]))
        if (here, there) == ("bfloat16", "float32"):
            raise ConfigurationError(
                f"{key}.state_precision is {here!r} for {of}, but the run begins from a checkpoint "
                f"of {source}, which has {there!r} and would be rounded. Set {key}.state_precision "
                "to float32, or take moments out of restore."
            )


def _check_vocabulary(key: str, run: Mapping, source: str, configuration: Mapping) -> None:
    """What is restored has a row for each entry of the vocabulary."""
    known, other = configuration["corpora"], configuration["runs"][source]["corpus"]
    if other not in known or not {"parameters", "moments"} & {*run["restore"]}:
        return
    size, found = (known[name]["vocab_size"] for name in (run["corpus"], other))
    if size != found:
        raise ConfigurationError(
            f"{key}.corpus is {run['corpus']}, with vocab_size: {size}, but the run begins from a "
            f"checkpoint of {source}, whose corpus {other} has {found}. Both need as many entries."
        )
