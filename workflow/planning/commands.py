"""Commands that no system would take: their length is known from the configuration alone."""

import json
from collections.abc import Mapping

from planning.mistakes import ConfigurationError
from planning.names import ROOM, check_listed


def check(configuration: Mapping) -> None:
    """Raises `ConfigurationError` if a job's settings or files are more than one command holds."""
    lists = {
        "comparison": configuration["comparison"],
        "published.runs": configuration["published"]["runs"],
        "report.runs": configuration["report"]["runs"],
    }
    for name, onset in configuration["causes"]["onsets"].items():
        lists[f"causes.onsets.{name}.arms"] = [run for arm in onset["arms"].values() for run in arm]
    for name, entry in configuration["black_holes"].items():
        lists[f"black_holes.{name}.arms"] = [run for arm in entry["arms"].values() for run in arm]
    for name, others in configuration["verdicts"]["seeds"].items():
        lists[f"verdicts.seeds.{name}"] = others
    for key, names in lists.items():
        check_listed(key, names)
    _check_size("verdicts", configuration["verdicts"])
    # What the page of provenance shows: all of it, of runs and corpora those of the report.
    runs = {name: configuration["runs"][name] for name in configuration["report"]["runs"]}
    rest = {key: value for key, value in configuration.items() if key not in ("verdicts", "runs")}
    _check_size("what the report shows of the configuration", rest | {"runs": runs})


def _check_size(what: str, settings: object) -> None:
    size = len(json.dumps(settings))
    if size > ROOM:
        raise ConfigurationError(
            f"{what} takes {size:,} characters; allowed: {ROOM:,}, what one command can be given. "
            "Shorten it: fewer entries, or shorter texts."
        )
