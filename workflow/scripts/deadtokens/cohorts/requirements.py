"""Which runs the analyses of cohorts are of (`recorded.requirements`)."""

from collections.abc import Mapping

from deadtokens.recorded.requirements import why_no_quantities


def why_no_momentum(name: str, run: Mapping) -> str | None:
    """Moments in bfloat16, and every update rounded to the nearest bfloat16 weight."""
    keys = ("state_precision", "second_moment_precision", "weight_precision")
    if any(run[key] not in (None, "bfloat16") for key in keys):
        found = ", ".join(f"{key}: {run[key]}" for key in keys if run[key])
        return (
            f"{name} has {found}. The critical line is of runs with all in bfloat16, where an "
            "update below half a cell is lost."
        )
    return why_no_quantities(name, run, "W", "m", "v")


def why_no_gradients(name: str, run: Mapping) -> str | None:
    """The gradients of dead rows, and their weights, which show when tokens froze."""
    return why_no_quantities(name, run, "W", "g")
