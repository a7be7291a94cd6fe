"""What an analysis may require of a run: which quantities it records, and of which tokens.

Each `why_no_...` gives the reason why a run has not what is required and what to do, or None. `run`
holds the run's settings, those at least that are asked for; `name` is what messages call it.
"""

from collections.abc import Iterable, Mapping

from deadtokens.errors import UserError

# What a run may record of each token's row, in the words of its `record`.
ROWS_OF_TOKENS = ("W", "m", "v", "g")


def why_no_quantities(name: str, run: Mapping, *quantities: str) -> str | None:
    """All of these must be recorded, of a run of any series."""
    missing = [quantity for quantity in quantities if quantity not in run["record"]]
    if not missing:
        return None
    return (
        f"{name} does not record {', '.join(missing)}; its record is {listed(run['record'])}. "
        f"This analysis needs {', '.join(quantities)}: ask for it for another run, or add them to "
        f"runs.{name}.record and train it again."
    )


def why_no_population(name: str, run: Mapping, population: str, *quantities: str) -> str | None:
    """One of these must be recorded, of this population: dead, live or all tokens."""
    if not {*quantities} & {*run["record"]}:
        return (
            f"{name} has record: {listed(run['record'])}. This analysis is of "
            f"{' or '.join(quantities)}: add it to runs.{name}.record."
        )
    if run["rows"] == "dead" and population != "dead":
        return (
            f"{name} has rows: dead. What is asked for is of {population} tokens: it takes a run "
            "with rows: all."
        )
    return None


def require(reason: str | None) -> None:
    """UserError with the reason if there is one: what programs do with what `why_no_...` gives."""
    if reason is not None:
        raise UserError(reason)


def recorded(name: str, run: Mapping) -> str:
    """The beginning of a message: which rows a run records, and of what."""
    return (
        f"{name} has rows: {run['rows']}, naming: {run['naming']}, record: {listed(run['record'])}"
    )


def listed(record: Iterable[str]) -> str:
    """A record as the configuration writes it."""
    return f"[{', '.join(record)}]"
