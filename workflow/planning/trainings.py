"""Training rules: runs that leave the same files and train on the same kind of device share one."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from planning.adopted import is_adopted
from planning.inputs import trajectory_of


class Kind(NamedTuple):
    """What decides the rule of a run."""

    storage: str
    kept: bool
    on_gpu: bool
    checkpoints: tuple[int, ...]


PLAIN = Kind("safetensors", kept=True, on_gpu=False, checkpoints=())


class TrainingRule(NamedTuple):
    """A rule: its name, the constraint of its runs, the files that they leave, their GPU."""

    name: str
    runs: str
    trajectory: str
    kept: bool
    checkpoints: list[str]
    gpu: dict[str, object]


class Adoption(NamedTuple):
    """A rule for trajectories that were made elsewhere: its name, its runs, where the link lies."""

    name: str
    runs: str
    trajectory: str


def kind_of(run: Mapping) -> Kind:
    steps = tuple(run["save_checkpoint_at"])
    return Kind(run["storage"], run["keep_trajectory"], run["device"] == "cuda", steps)


def rules(configuration: Mapping) -> Iterable[TrainingRule]:
    """The rules of all runs of the configuration."""
    kinds = defaultdict(list)
    adopted = {name for name, run in configuration["runs"].items() if is_adopted(run)}
    for name, run in configuration["runs"].items():
        if name not in adopted:
            kinds[kind_of(run)].append(name)
    for kind, names in kinds.items():
        words = {"hdf5": kind.storage == "hdf5", "temporary": not kind.kept, "cuda": kind.on_gpu}
        of_kind = [word for word, holds in words.items() if holds]
        others = _all_but(kinds, names, adopted)
        yield TrainingRule(
            name="_".join(["train_run", *of_kind, *map(str, kind.checkpoints)]),
            runs=others if kind == PLAIN else "|".join(map(re.escape, names)),
            trajectory=trajectory_of("{run}", {"storage": kind.storage}),
            kept=kind.kept,
            checkpoints=[
                f"results/{{run}}/checkpoint_{step}.safetensors" for step in kind.checkpoints
            ],
            gpu=gpu(configuration["cluster"]) if kind.on_gpu else {},
        )


def gpu(cluster: Mapping) -> dict[str, object]:
    """What a run on a GPU asks for beside the rest."""
    asked = {
        "gpu": 1,
        "gpu_model": cluster["gpu_model"],
        "slurm_partition": cluster["gpu_partition"],
    }
    return {name: value for name, value in asked.items() if value is not None}


def adoptions(configuration: Mapping) -> Iterable[Adoption]:
    """The rules of all runs whose trajectory was made elsewhere, one for each format."""
    storages = defaultdict(list)
    for name, run in configuration["runs"].items():
        if is_adopted(run):
            storages[run["storage"]].append(name)
    for storage, names in storages.items():
        yield Adoption(
            name="_".join(["adopt_trajectory", *(["hdf5"] if storage == "hdf5" else [])]),
            runs="|".join(map(re.escape, names)),
            trajectory=trajectory_of("{run}", {"storage": storage}),
        )


def _all_but(kinds: Mapping[Kind, list[str]], names: list[str], adopted: Iterable[str]) -> str:
    """A constraint for all runs of no other kind: unknown ones are refused by their rule."""
    others = [name for kind in kinds.values() for name in kind if kind is not names]
    others += sorted(adopted)
    return f"(?!(?:corpora|{'|'.join(map(re.escape, others))})/)[^/]+"
