"""The layout of a safetensors file: which bytes hold which row of which field."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from deadtokens.files import documents

Field = tuple[str, tuple[int, ...]]  # a safetensors dtype name, and a shape
# What a field should be: one dtype of several, perhaps; a size or a name that stands for one.
Pattern = tuple[str | Sequence[str], Sequence[int | str]]

# numpy has no bfloat16: its values travel as their bit patterns.
NUMPY_DTYPE = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "BF16": np.dtype("<u2"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F16": np.dtype("<f2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
}
# Of an element, in bits; these dtypes numpy has not, but files may hold them beside what is wanted.
FOREIGN = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "C64": 64} | dict.fromkeys(
    ("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8
)
BITS = FOREIGN | {name: 8 * dtype.itemsize for name, dtype in NUMPY_DTYPE.items()}
ENTRY = {"dtype": str, "shape": [int], "data_offsets": [int]}
MOST_AXES = 32
LARGEST_BITS = 1 << 62
LENGTH_BYTES = 8  # of the header's own length, little-endian, at the beginning of the file
HEADER_ALIGNMENT = 8
LONGEST_HEADER = 100_000_000  # the limit of the safetensors library


@dataclass(frozen=True)
class Layout:
    """Fields, where the first byte of each lies, the bytes of the header, the size of the file."""

    fields: dict[str, Field]
    starts: dict[str, int]
    header: bytes
    size: int
    foreign: Mapping[str, str] = field(default_factory=dict)  # dtypes that numpy has not, by name

    def row_start(self, name: str, row: int) -> int:
        """Where row `row` of axis 0 starts."""
        return self.starts[name] + row * row_bytes(self.fields[name])

    def column_start(self, name: str, row: int, column: int) -> int:
        """Where an entry of axis 1 starts within a row."""
        dtype, shape = self.fields[name]
        return self.row_start(name, row) + column * row_bytes((dtype, shape[1:]))

    def stretches(self, name: str, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield (offset, first row, end row) of each stretch of rows that lie side by side."""
        yield self.row_start(name, start), start, stop

    @property
    def frame(self) -> dict[int, bytes]:
        """Every byte that is no row, by the offset where it lies."""
        return {0: self.header}

    @property
    def reserved(self) -> list[tuple[int, int]]:
        """(offset, bytes) of all that must have room on the disk before the first row."""
        return [(0, self.size)]

    @property
    def needed(self) -> int:
        """How many bytes of the disk the file takes."""
        return sum(size for _, size in self.reserved)


def field_bytes(field: Field) -> int:
    """The size of a field in bytes."""
    dtype, shape = field
    return NUMPY_DTYPE[dtype].itemsize * math.prod(shape)


def row_bytes(field: Field) -> int:
    """The size of a row of axis 0 in bytes; of a scalar, its own."""
    dtype, shape = field
    return field_bytes((dtype, shape[1:]))


def mismatch(fields: Mapping[str, Field], patterns: Mapping[str, Pattern]) -> str | None:
    """What of these fields is not as its pattern wants it, in words; None if all are.

    A name among the sizes stands for the same number in all patterns.
    """
    sizes: dict[str, int] = {}
    for name, (dtypes, axes) in patterns.items():
        dtype, shape = fields[name]
        fits = len(shape) == len(axes) and all(
            size == (sizes.setdefault(axis, size) if isinstance(axis, str) else axis)
            for axis, size in zip(axes, shape, strict=True)
        )
        if not fits or dtype not in ([dtypes] if isinstance(dtypes, str) else dtypes):
            known = ", ".join(f"{axis} = {size}" for axis, size in sizes.items())
            kinds = dtypes if isinstance(dtypes, str) else " or ".join(dtypes)
            wanted = f"{kinds} ({', '.join(map(str, axes))})" + (f" with {known}" if known else "")
            return f"{name} is {dtype} {shape}, expected {wanted}"
    return None


def lay_out(fields: dict[str, Field]) -> Layout:
    """The layout of a file with these fields."""
    # Widest elements first, as the safetensors library does it, keeps every field aligned.
    names = sorted(fields, key=lambda name: -NUMPY_DTYPE[fields[name][0]].itemsize)
    entries, end = {}, 0
    for name in names:
        dtype, shape = fields[name]
        begin, end = end, end + field_bytes(fields[name])
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % HEADER_ALIGNMENT)
    return parse(len(text).to_bytes(LENGTH_BYTES, "little") + text)


def parse(header: bytes) -> Layout:
    """The layout that a header states; ValueError if it is damaged.

    As strict as the safetensors library: the fields fill the file, one after the other, without a
    gap or an overlap. Those of a dtype that numpy has not are `foreign`: there, but not to be read.
    """
    entries = _entries(header[LENGTH_BYTES:])
    end = 0
    for name in sorted(entries, key=lambda name: entries[name]["data_offsets"]):
        begin, stop = entries[name]["data_offsets"]
        if begin != end or stop < begin:
            raise ValueError(f"the header puts {name!r} over others, or leaves a gap before it")
        if 8 * (stop - begin) != _bits(entries[name]["dtype"], entries[name]["shape"]):
            raise ValueError(f"the header gives {name!r} another size than dtype and shape")
        end = stop
    return Layout(
        {n: (e["dtype"], tuple(e["shape"])) for n, e in entries.items() if _is_known(e)},
        {n: len(header) + e["data_offsets"][0] for n, e in entries.items() if _is_known(e)},
        header,
        len(header) + end,
        {n: e["dtype"] for n, e in entries.items() if not _is_known(e)},
    )


def _entries(header: bytes) -> dict[str, dict]:
    """The entries of a header by name, each of which is in itself what it should be."""
    if header[:1] != b"{":
        raise ValueError("the header is no table of fields")
    entries = documents.parse(header.decode("utf-8"))
    documents.check(entries.pop("__metadata__", {}), {str: str}, "__metadata__")
    documents.check(entries, {str: ENTRY})
    for name, entry in entries.items():
        numbers = [*entry["shape"], *entry["data_offsets"]]
        if len(entry["data_offsets"]) != 2 or len(entry["shape"]) > MOST_AXES or min(numbers) < 0:
            raise ValueError(f"the header gives {name!r} a shape or place that cannot be")
        if entry["dtype"] not in BITS:
            raise ValueError(f"the header gives {name!r} the unknown dtype {entry['dtype']!r}")
        # Axes without elements hide how long the others are from the size of the file.
        if _bits(entry["dtype"], [max(1, size) for size in entry["shape"]]) >= LARGEST_BITS:
            raise ValueError(f"the header gives {name!r} more elements than there can be")
    return entries


def _is_known(entry: dict) -> bool:
    return entry["dtype"] in NUMPY_DTYPE


def _bits(dtype: str, shape: Sequence[int]) -> int:
    return BITS[dtype] * math.prod(shape)
