"""Which runs the analyses of causes are of (`recorded.requirements`)."""

from collections.abc import Mapping

from deadtokens.recorded.requirements import listed, why_no_quantities

# What a resumed run must restore to be one training with the run that it was resumed from.
RESTORED = ("parameters", "moments", "schedule", "data")


def why_no_audit(name: str, run: Mapping) -> str | None:
    """The state before and after every update."""
    return why_no_quantities(name, run, "W", "m", "v")


def why_no_state(name: str, run: Mapping) -> str | None:
    """A state to predict from: weights and both moments, of weights that are rounded."""
    if run["weight_precision"] != "bfloat16":
        return (
            f"{name} has weight_precision: {run['weight_precision']}. A forecast is of runs with "
            "weight_precision: bfloat16, where an update below half a cell is lost: take such a "
            "run for the state."
        )
    return why_no_quantities(name, run, "W", "m", "v")


def why_no_second_moment(name: str, run: Mapping) -> str | None:
    """v, and the gradients as Adam saw them."""
    if run["clip_norm"] is not None:
        return (
            f"{name} has clip_norm: {run['clip_norm']}, so its recorded gradients are not those "
            "that Adam saw. The second moment is followed of runs with clip_norm: null: ask for it "
            f"for another run, or set runs.{name}.clip_norm to null and train it again."
        )
    return why_no_quantities(name, run, "v", "g")


def chain(name: str, runs: Mapping[str, Mapping]) -> list[str]:
    """The run that it all began with, the one that was resumed from it, and so on to this one."""
    names = [name]
    while (source := runs[names[0]]["resume_run"]) is not None:
        names.insert(0, source)
    return names


def why_no_course(name: str, runs: Mapping[str, Mapping]) -> str | None:
    """W of the run and of all that it goes back to, which must be one training."""
    names = chain(name, runs)
    for resumed, source in zip(names[1:], names, strict=False):
        run, other = runs[resumed], runs[source]
        missing = [part for part in RESTORED if part not in run["restore"]]
        if missing:
            return (
                f"{resumed} was resumed from {source} without its {', '.join(missing)}; its "
                f"restore is {listed(run['restore'])}. A course over several runs needs "
                f"{listed(RESTORED)}: add what is missing to runs.{resumed}.restore."
            )
        for setting in ("random_seed", "corpus", "motion_threshold"):
            if run[setting] != other[setting]:
                return (
                    f"{resumed} has {setting}: {run[setting]}, and {source}, which it was resumed "
                    f"from, {other[setting]}. A course is of one: set runs.{resumed}.{setting} to "
                    f"{other[setting]}."
                )
    reasons = (why_no_quantities(one, runs[one], "W") for one in names)
    return next((reason for reason in reasons if reason is not None), None)


def why_no_account(name: str, run: Mapping, account: Mapping) -> str | None:
    """What an update came from, and steps enough to count from and to average over."""
    if run["clip_norm"] is not None or run["weight_precision"] != "bfloat16":
        return (
            f"{name} has clip_norm: {run['clip_norm']}, weight_precision: "
            f"{run['weight_precision']}. The account is of runs with clip_norm: null, whose "
            "gradients are those that Adam saw, and weight_precision: bfloat16, where an update "
            "below half a cell is lost."
        )
    if max(account["from_step"], account["window"]) > run["total_steps"]:
        return (
            f"{name} has {run['total_steps']} steps, and causes.account is {dict(account)}. "
            "from_step and window must lie within them: set them so that they fit into the run."
        )
    return why_no_quantities(name, run, "W", "m", "v", "g")
