"""Sweeps: an entry of `runs` with lists of values stands for a run for every combination of them.

    seeds: {like: crucible1, sweep: {random_seed: [1, 2, 3]}}

makes the runs seeds_1, seeds_2 and seeds_3. Wherever the configuration lists runs, the name of a
sweep stands for all of its runs.
"""

import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping

from planning.mistakes import ConfigurationError, found
from planning.names import LONGEST, ROOM, check_listed

MOST = 2000  # runs, more than a command can be given
RUN_NAME = r"(?!corpora$)[A-Za-z0-9][A-Za-z0-9._-]*"


def expanded(runs: Mapping[str, Mapping]) -> tuple[dict[str, dict], dict[str, dict[str, dict]]]:
    """Runs without `sweep`, and of each sweep its runs with the values that they were given.

    Raises `ConfigurationError` if two runs would have the same name.
    """
    plain, sweeps = {}, {}
    for name, entry in runs.items():
        if "sweep" not in entry:
            plain[name] = dict(entry)
            continue
        values = entry["sweep"]
        _check_values(f"runs.{name}.sweep", values)
        shared = {key: value for key, value in entry.items() if key != "sweep"}
        sweeps[name] = {}
        for combination in itertools.product(*values.values()):
            chosen = dict(zip(values, combination, strict=True))
            run = "_".join([name, *map(_label, combination)])
            if not re.fullmatch(RUN_NAME, run):
                raise ConfigurationError(
                    f"runs.{name}.sweep gives {run!r} as the name of a run, from the values "
                    f"{found(list(combination))}; allowed: letters, digits, dots, dashes, "
                    "underscores. List numbers and words alone."
                )
            if len(run) > LONGEST:
                raise ConfigurationError(
                    f"runs.{name}.sweep gives {run!r} as the name of a run; allowed: "
                    f"{LONGEST} characters. Use a shorter name or fewer keys."
                )
            if run in runs or run in sweeps[name]:
                raise ConfigurationError(
                    f"runs.{name}.sweep gives the name {run} to two runs. Rename {name}, or list "
                    "each value once."
                )
            sweeps[name][run] = chosen
            plain[run] = shared | chosen
        size = sum(len(run) + len(json.dumps(chosen)) + 10 for run, chosen in sweeps[name].items())
        if size > ROOM:
            raise ConfigurationError(_too_many(f"runs.{name}.sweep", len(sweeps[name])))
        check_listed(f"runs.{name}.sweep", sweeps[name])
    return plain, sweeps


def runs_in(names: Iterable[str], sweeps: Mapping[str, Mapping]) -> list[str]:
    """The names with every sweep replaced by its runs."""
    return [run for name in names for run in sweeps.get(name, [name])]


def _check_values(key: str, values: Mapping[str, list]) -> None:
    if "sweep" in values:
        raise ConfigurationError(f"{key} has the key sweep; allowed: any other key of a run.")
    number = math.prod(map(len, values.values()))
    if number > MOST:
        raise ConfigurationError(_too_many(key, number))


def _too_many(key: str, number: int) -> str:
    return (
        f"{key} stands for {number:,} runs; allowed: no more than one command can be given, some "
        "hundreds. Split it."
    )


def _label(value: object) -> str:
    """A value in the name of its run: 0.001, true, none."""
    return (
        "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )
