"""Resources of jobs, for clusters: nothing here is a parameter, for it changes no byte."""

from collections.abc import Callable, Mapping

from planning import censuses, entries
from planning.inputs import Wildcards


def growing(amount: int | Callable[[object], int]) -> Callable[[object, int], int]:
    """A resource, a number or a function of wildcards, that grows with every attempt of a job."""

    def of_attempt(wildcards, attempt):
        return attempt * (amount(wildcards) if callable(amount) else amount)

    return of_attempt


def memory_to_read(configuration: Mapping, wildcards: Wildcards) -> int:
    """MB: a compressed trajectory is read by whole chunks of time, of all recorded rows."""
    run = entries.run(configuration, wildcards["run"])
    if run["storage"] != "hdf5" or run["compression"] == "none":
        return 1000
    vocab_size = entries.corpus(configuration, run["corpus"])["vocab_size"]
    rows = min(run["chunk_rows"], run["total_steps"] + 1)
    return 1000 + rows * vocab_size * run["hidden_dim"] * 2 // 10**6


def memory_of_census(configuration: Mapping, wildcards: Wildcards) -> int:
    """MB: the largest matrix of a census, and what is made of it."""
    name = wildcards["census"]
    entry = entries.census(configuration, name)
    if censuses.is_of_run(entry):
        return memory_to_read(configuration, {"run": entry["run"]})
    return max(censuses.memory_mb(f"census.{name}", entry).values())


def memory_to_compare(configuration: Mapping, wildcards: Wildcards) -> int:
    """MB: beside reading, the rows of all compared steps, two in float32 and two in float64."""
    run = entries.run(configuration, wildcards["run"])
    vocab_size = entries.corpus(configuration, run["corpus"])["vocab_size"]
    elements = configuration["cohorts"]["alignment_steps"] * vocab_size * run["hidden_dim"]
    return memory_to_read(configuration, wildcards) + elements * 24 // 10**6
