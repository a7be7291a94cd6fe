"""Sweeps: an entry of `runs` with lists of values stands for a run for every combination of them.

    seeds: {like: crucible1, sweep: {random_seed: [1, 2, 3]}}

makes the runs seeds_1, seeds_2 and seeds_3. Wherever the configuration lists runs, the name of a
sweep stands for all of its runs.
"""

import itertools
import re
from collections.abc import Iterable, Mapping

from planning.mistakes import ConfigurationError

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
        shared = {key: value for key, value in entry.items() if key != "sweep"}
        sweeps[name] = {}
        for combination in itertools.product(*values.values()):
            chosen = dict(zip(values, combination, strict=True))
            run = "_".join([name, *map(_label, combination)])
            if not re.fullmatch(RUN_NAME, run):
                raise ConfigurationError(
                    f"runs.{name}.sweep gives {run!r} as the name of a run, from the values "
                    f"{list(combination)}; allowed: letters, digits, dots, dashes, underscores."
                )
            if run in runs or run in sweeps[name]:
                raise ConfigurationError(
                    f"runs.{name}.sweep gives the name {run} to two runs. Rename {name}, or list "
                    "each value once."
                )
            sweeps[name][run] = chosen
            plain[run] = shared | chosen
    return plain, sweeps


def runs_in(names: Iterable[str], sweeps: Mapping[str, Mapping]) -> list[str]:
    """The names with every sweep replaced by its runs."""
    return [run for name in names for run in sweeps.get(name, [name])]


def _label(value: object) -> str:
    """A value in the name of its run: 0.001, true, none."""
    return (
        "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )
