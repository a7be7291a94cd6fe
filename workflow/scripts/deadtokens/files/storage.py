"""The door to trajectory files of every format: one function that creates, one that opens."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from deadtokens.errors import UserError
from deadtokens.files import hdf5
from deadtokens.files.access import Reader, Writer
from deadtokens.files.layout import Field
from deadtokens.files.packing import PackingWriter
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter

SUFFIX = {"safetensors": ".safetensors", "hdf5": ".h5"}
COMPRESSIONS = ("none", "deflate")


@dataclass(frozen=True)
class Storage:
    """How a run's trajectory is stored."""

    format: str = "safetensors"  # SUFFIX
    chunk_rows: int = 1600  # steps in a chunk, hdf5 alone; 1600 is Thimble 7's
    compression: str = "none"  # COMPRESSIONS, hdf5 alone

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Storage from a JSON object; UserError on keys or values that cannot be."""
        unknown = set(values) - set(cls.__dataclass_fields__)
        if unknown:
            raise UserError(
                f"storage: unknown key {', '.join(sorted(unknown))}; expected "
                f"{', '.join(cls.__dataclass_fields__)}."
            )
        storage = cls(**values)
        storage.check()
        return storage

    def check(self) -> None:
        """UserError on values that cannot be."""
        for key, names in (("format", SUFFIX), ("compression", COMPRESSIONS)):
            if getattr(self, key) not in tuple(names):
                raise UserError(
                    f"storage: {key}: {getattr(self, key)!r}, expected one of {', '.join(names)}."
                )
        if type(self.chunk_rows) is not int or self.chunk_rows < 1:
            raise UserError(f"storage: chunk_rows: {self.chunk_rows!r}, expected 1 or more.")
        if self.format != "hdf5" and self.compression != "none":
            raise UserError(
                f"storage: compression: {self.compression!r} needs format: hdf5, not {self.format}."
            )


def create(
    path: str | Path,
    fields: Mapping[str, Field],
    storage: Storage | None = None,
    attributes: Mapping[str, int | float | str] | None = None,
    resume: bool = False,
) -> Writer:
    """A writer of a file with these fields; `attributes` are for formats that have them (HDF5)."""
    storage, attributes = storage or Storage(), attributes or {}
    if storage.format == "safetensors":
        return TrajectoryWriter(path, fields, resume)
    if storage.compression == "none":
        laid_out = hdf5.RowLayout(fields, storage.chunk_rows, attributes)
        return TrajectoryWriter(path, fields, resume, laid_out)
    return PackingWriter(path, fields, storage.chunk_rows, attributes, resume)


def open_reader(path: str | Path) -> Reader:
    """A reader of a file of any format, which the file's first bytes name."""
    return (hdf5.Hdf5Reader if hdf5.is_hdf5(Path(path)) else TrajectoryReader)(path)
