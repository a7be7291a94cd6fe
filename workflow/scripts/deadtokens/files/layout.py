"""The layout of a safetensors file: which bytes hold which row of which field."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Field = tuple[str, tuple[int, ...]]  # a safetensors dtype name, and a shape

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

    def row_start(self, name: str, row: int) -> int:
        """Where row `row` of axis 0 starts."""
        return self.starts[name] + row * row_bytes(self.fields[name])

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
    """The layout that a header tells of; ValueError if it is damaged."""
    try:
        entries = json.loads(header[LENGTH_BYTES:])
        entries.pop("__metadata__", None)
        fields = {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in entries.items()}
        spans = {name: entry["data_offsets"] for name, entry in entries.items()}
        starts = {name: len(header) + begin for name, (begin, _) in spans.items()}
        wrong = [n for n, (begin, end) in spans.items() if end - begin != field_bytes(fields[n])]
        end = max((end for _, end in spans.values()), default=0)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("the header is no table of fields") from error
    if wrong:
        raise ValueError(f"the header gives {', '.join(wrong)} another size than dtype and shape")
    return Layout(fields, starts, header, len(header) + end)
