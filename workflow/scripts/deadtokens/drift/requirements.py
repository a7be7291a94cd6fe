"""Which runs drift is measured of (`recorded.requirements`)."""

from collections.abc import Mapping

from deadtokens.recorded.requirements import recorded


def why_no_drift(name: str, run: Mapping) -> str | None:
    """All rows of W, and the mean hidden state at two steps at least."""
    if run["total_steps"] < 2:
        return (
            f"{name} has total_steps: {run['total_steps']}. Drift compares one h_mean with the "
            "next: it takes a run of two steps at least."
        )
    if run["rows"] == "all" and run["naming"] == "crucible" and {"W", "h_mean"} <= {*run["record"]}:
        return None
    return (
        f"{recorded(name, run)}. Drift is of runs with rows: all, naming: crucible and both W and "
        "h_mean among record."
    )
