"""Which runs an analysis is of: why not of this one, told before any job.

Each `why_no_...` gives the reason and what to do, or None; the programs ask the same again, of what
they are given by hand.
"""

from collections.abc import Mapping

# What a run may record of each token's row, in the words of its `record`.
ROWS_OF_TOKENS = ("W", "m", "v", "g")


def why_no_quantities(name: str, run: Mapping, *quantities: str) -> str | None:
    """All of these must be recorded, of a run of any series."""
    missing = [quantity for quantity in quantities if quantity not in run["record"]]
    if not missing:
        return None
    return (
        f"{name} does not record {', '.join(missing)}; its record is {_listed(run['record'])}. "
        f"This analysis needs {', '.join(quantities)}: ask for it for another run, or add them to "
        f"runs.{name}.record and train it again."
    )


def why_no_tokens(name: str, run: Mapping, which: str, *quantities: str) -> str | None:
    """One of these must be recorded, of these tokens: dead, live or all."""
    if not {*quantities} & {*run["record"]}:
        return (
            f"{name} has record: {_listed(run['record'])}. This analysis is of "
            f"{' or '.join(quantities)}: add it to runs.{name}.record."
        )
    if run["rows"] == "dead" and which != "dead":
        return (
            f"{name} has rows: dead. What is asked for is of {which} tokens: it takes a run with "
            "rows: all."
        )
    return None


def why_no_dead_rows(name: str, run: Mapping, *quantities: str) -> str | None:
    """Dead rows of W in Crucible's names, with these quantities."""
    if run["rows"] != "dead" or run["naming"] != "crucible" or "W" not in run["record"]:
        return (
            f"{_recorded(name, run)}. This analysis is of runs with rows: dead, naming: crucible "
            "and W among record."
        )
    return why_no_quantities(name, run, *quantities)


def why_no_momentum(name: str, run: Mapping) -> str | None:
    """Moments in bfloat16, and every update rounded to the nearest bfloat16 weight."""
    if not run["state_precision"] == run["weight_precision"] == "bfloat16":
        return (
            f"{name} has state_precision: {run['state_precision']}, weight_precision: "
            f"{run['weight_precision']}. The critical line is of runs with both in bfloat16, where "
            "an update below half a cell is lost."
        )
    return why_no_dead_rows(name, run, "W", "m", "v")


def why_no_gradients(name: str, run: Mapping) -> str | None:
    return why_no_dead_rows(name, run, "g")


def why_no_audit(name: str, run: Mapping) -> str | None:
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


def why_no_account(name: str, run: Mapping, account: Mapping) -> str | None:
    """What an update came from, and steps enough for the forecast and its outcome."""
    if run["clip_norm"] is not None or run["weight_precision"] != "bfloat16":
        return (
            f"{name} has clip_norm: {run['clip_norm']}, weight_precision: "
            f"{run['weight_precision']}. The account is of runs with clip_norm: null, whose "
            "gradients are those that Adam saw, and weight_precision: bfloat16, where an update "
            "below half a cell is lost."
        )
    at, window, steps = account["forecast_step"], account["window"], run["total_steps"]
    if not window <= at <= steps - window or account["from_step"] > steps:
        return (
            f"{name} has {steps} steps, and account is {dict(account)}. from_step must lie within "
            "them, and there must be a window up to forecast_step and another behind it."
        )
    return why_no_quantities(name, run, "W", "m", "v", "g")


def why_no_drift(name: str, run: Mapping) -> str | None:
    """All rows of W, and the mean hidden state at two steps at least."""
    if run["total_steps"] < 2:
        return (
            f"{name} has total_steps: {run['total_steps']}. Drift compares one h_mean with the "
            "next: it takes a run of two steps at least."
        )
    recorded = {"W", "h_mean"} <= {*run["record"]}
    if run["rows"] == "all" and run["naming"] == "crucible" and recorded:
        return None
    return (
        f"{_recorded(name, run)}. Drift is of runs with rows: all, naming: crucible and both W and "
        "h_mean among record."
    )


def why_no_untrained_motion(name: str, runs: Mapping[str, Mapping]) -> str | None:
    """Rows in Wordybird's names, of the run and of the one that it all began with."""
    run, first = runs[name], first_of(name, runs)
    if not _is_wordybird(run):
        return (
            f"{_recorded(name, run)}. This analysis is of runs with naming: wordybird and W among "
            "record."
        )
    if not _is_wordybird(runs[first]) or runs[first]["corpus"] != run["corpus"]:
        return (
            f"{name} goes back to {first}, and {_recorded(first, runs[first])}, corpus: "
            f"{runs[first]['corpus']}. How far tokens are from where they began takes naming: "
            f"wordybird, W among record and corpus: {run['corpus']} there, too."
        )
    return None


def first_of(name: str, runs: Mapping[str, Mapping]) -> str:
    """The run that it all began with: the run itself, unless it was resumed from another."""
    while runs[name]["resume_run"] is not None:
        name = runs[name]["resume_run"]
    return name


def _is_wordybird(run: Mapping) -> bool:
    return run["naming"] == "wordybird" and "W" in run["record"]


def _recorded(name: str, run: Mapping) -> str:
    return (
        f"{name} has rows: {run['rows']}, naming: {run['naming']}, record: {_listed(run['record'])}"
    )


def _listed(record: list[str]) -> str:
    return f"[{', '.join(record)}]"
