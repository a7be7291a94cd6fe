"""The tables, summaries and arrays that rules leave in the results folder of a run."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from deadtokens.displacement import fields as displacement_fields
from deadtokens.errors import UserError
from deadtokens.files import documents, provenance, tables
from deadtokens.files.access import Reader
from deadtokens.files.storage import open_reader
from deadtokens.notebook.quantities import Quantity
from deadtokens.recorded.naming import Stored

# By the rules' own names; what else lies in the folder is opened just so. A name without its ending
# stands for the first of these that is there.
KINDS = (".csv", ".json", ".safetensors")
KNOWN = (
    *("metadata.json", "displacement.safetensors", "phases.csv", "phases.json", "metrics.csv"),
    *("phases_density.safetensors", "phase_transitions.csv", "phase_transitions.json"),
    *("phase_transitions_density.safetensors", "lifecycle.safetensors", "lifecycle.json"),
    *("freezing.csv", "freezing.json", "freezing_survival.csv", "stillness.csv"),
    *("stillness.json", "permanence.csv", "permanence.json", "momentum.csv", "momentum.json"),
    *("momentum_distance.safetensors", "momentum_density.safetensors", "gradients.csv"),
    *("gradients.json", "drift.csv", "drift.json", "drift_autocorrelation.csv"),
    *("drift_tokens.csv", "audit.json", "second_moment.csv", "second_moment.json", "course.csv"),
    *("account.csv", "account.json", "rows.json", "summary.json"),
    "untrained_motion.safetensors",
)
# Columns of text, be what stands in them ever so much like numbers.
TEXT = ("token", "script", "by", "cloud")
# What there is of live and of all tokens, too.
OF_POPULATIONS = re.compile(
    "^(displacement|phases|phase_transitions|lifecycle|freezing|stillness|metrics)_(live|all)"
)
# What has a row for each step, the first row that of step 1.
OF_STEPS = {*displacement_fields("steps", "tokens")} - {"token_ids"}


class NotMade(UserError, AttributeError):
    """A file of the results folder that is not there: the message names the command that makes it.

    An AttributeError too, so that `hasattr` and notebooks' own questions get a plain no.
    """


class Arrays(Mapping):
    """The arrays of a safetensors file, by name: `run.displacement.l2[100]`.

    In a displacement file what is of a step is a `Quantity`, by the number of the step; everything
    else is read whole when it is asked for.
    """

    def __init__(self, path: Path, reader: Callable[[], Reader]):
        self._path, self._reader = path, reader

    def __getitem__(self, name: str) -> np.ndarray | Quantity:
        reader = self._reader()
        if name not in reader.fields:
            raise KeyError(name)
        if name in OF_STEPS and self._path.name.startswith("displacement"):
            stored = Stored(name, reader.fields[name][0], 1)
            return Quantity(name, self._reader, stored, first_step=1)
        return reader.read(name)

    def __getattr__(self, name: str) -> np.ndarray | Quantity:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{self._path}: no {name}; it has {', '.join(self)}.") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._reader().fields)

    def __len__(self) -> int:
        return len(self._reader().fields)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        lines = [f"  {n}: {dtype} {shape}" for n, (dtype, shape) in self._reader().fields.items()]
        return "\n".join([str(self._path), *lines])


class Results:
    """The files of a results folder, opened when they are asked for; None stands for no folder."""

    def __init__(self, folder: Path | None):
        self.folder = folder
        self._readers: dict[str, Reader] = {}

    @property
    def names(self) -> list[str]:
        """Those that are there, but for trajectories and checkpoints."""
        if self.folder is None:
            return []
        return sorted(
            path.name
            for path in self.folder.iterdir()
            if path.suffix in KINDS
            and not path.name.startswith((".", "trajectory.", "checkpoint_"))
        )

    def __contains__(self, name: str) -> bool:
        return self.folder is not None and (self.folder / name).is_file()

    def open(self, name: str):
        """A DataFrame of a .csv, a dictionary of a .json, `Arrays` of a .safetensors.

        UserError if it is not there, or is not what was recorded when it was made.
        """
        if name not in self:
            raise self._not_made(name)
        path = self.folder / name
        if path.suffix == ".csv":
            provenance.check(path)
            return _table(path)
        if path.suffix == ".json":
            return self.document(name)
        if path.suffix == ".safetensors":
            self.reader(name)
            return Arrays(path, lambda: self.reader(name))
        raise UserError(f"{path}: expected a name that ends in {', '.join(KINDS)}.")

    def document(self, name: str, shape: object = dict) -> dict:
        """What a .json file holds, {} if it is not there; UserError unless it is of this shape."""
        if name not in self:
            return {}
        provenance.check(self.folder / name)
        return documents.read(self.folder / name, shape)

    def named(self, stem: str):
        """The same by the name without its ending; `NotMade` if there is none."""
        found = next((stem + kind for kind in KINDS if stem + kind in self), None)
        return self.open(found or self._likely(stem))

    def knows(self, stem: str) -> bool:
        """Whether a file of this name is there, or some rule could make it."""
        return any(stem + kind in self or _is_known(stem + kind) for kind in KINDS)

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def reader(self, name: str) -> Reader:
        """The reader of a safetensors file of the folder, open until `close`."""
        if name not in self._readers:
            self._readers[name] = open_reader(self.folder / name)
        return self._readers[name]

    def _likely(self, stem: str) -> str:
        return next((stem + kind for kind in KINDS if _is_known(stem + kind)), stem)

    def _not_made(self, name: str) -> NotMade:
        if self.folder is None:
            return NotMade(
                f"{name}: this is a trajectory alone, without a results folder. Open the folder "
                "of a run, results/RUN, to have what was computed from it."
            )
        if not _is_known(name):
            there = ", ".join(self.names) or "none"
            return NotMade(f"{self.folder}: no {name}. Files there: {there}.")
        return NotMade(
            f"{self.folder}: no {name} yet. In the folder of the project, make it: "
            f"snakemake --cores 2 results/{self.folder.resolve().name}/{name}"
        )


def _is_known(name: str) -> bool:
    """Whether a rule makes a file of this name, be it of live or of all tokens."""
    return OF_POPULATIONS.sub(r"\1", name) in KNOWN


def _table(path: Path):
    found = tables.read_any(path)
    text = {name for name in found.columns if found[name].dtype.kind not in "iuf"}
    if {*TEXT} & {*found.columns} <= text:
        return found
    return tables.read(path, text={*TEXT, *text})
