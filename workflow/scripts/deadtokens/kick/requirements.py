"""Which runs untrained tokens are followed of (`recorded.requirements`)."""

from collections.abc import Mapping

from deadtokens.recorded.requirements import recorded


def why_no_untrained_motion(name: str, runs: Mapping[str, Mapping]) -> str | None:
    """Rows in Wordybird's names, of the run and of the one that it all began with."""
    run, first = runs[name], first_of(name, runs)
    if not _is_wordybird(run):
        return (
            f"{recorded(name, run)}. This analysis is of runs with naming: wordybird and W among "
            "record."
        )
    if not _is_wordybird(runs[first]) or runs[first]["corpus"] != run["corpus"]:
        return (
            f"{name} goes back to {first}, and {recorded(first, runs[first])}, corpus: "
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
