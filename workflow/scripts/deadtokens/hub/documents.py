"""The documents of a data set on the Hub, from any of them on, read while they come in.

`datasets` knows which files a config and a split are. Parquet, the form of nearly all large texts,
is read by row groups through the Hub's file system, so that neither what is skipped nor what was
fetched before is downloaded; other forms are streamed by `datasets`, which reads what it skips.
"""

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import HfFileSystem

from deadtokens.errors import UserError
from deadtokens.hub import contact
from deadtokens.hub.contact import Place

log = logging.getLogger("fimbulwinter")
datasets.disable_progress_bars()
# Streams would import it, to ask which of its workers they are.
datasets.config.TORCH_AVAILABLE = False

ID = "id"  # of a document, in FineWeb and what is made like it
ROWS_AT_ONCE = 1000  # FineWeb's own row groups
# Columns of a row group lie apart: blocks that were read stay for the next column, 32 MB of them.
OPENED = {"block_size": 4 << 20, "cache_type": "blockcache", "cache_options": {"maxblocks": 8}}


@dataclass(frozen=True)
class Rows:
    """Consecutive documents; `first` counts from 0 at the beginning of the split."""

    first: int
    texts: Sequence[str | None]
    ids: Sequence[str | None] | None  # None where the data set has no column of this name


def rows(part: Mapping, place: Place, commit: str, start: int) -> Iterator[Rows]:
    """The documents of a split from number `start` on, in batches.

    part: `config`, `split` and `column` of an entry of the configuration. Raises UserError if one
    of them does not exist, or if a file is no readable parquet; else what the clients raise.
    """
    builder = _builder(part, place, commit)
    files = _files(builder, part, place)
    if all(file.endswith(".parquet") for file in files):
        yield from _of_parquet(files, part, place, start)
    else:
        yield from _streamed(builder, part, place, start)


def _builder(part: Mapping, place: Place, commit: str) -> datasets.DatasetBuilder:
    try:
        return _asked_for(place.repository, part["config"], commit)
    except datasets.exceptions.DatasetNotFoundError:
        # It is there, for its commit is known; the clients' own error does not come along.
        raise UserError(contact.gated(place)) from None
    except (ValueError, FileNotFoundError) as error:
        if contact.why(error, place):
            raise
        raise UserError(
            f"{place.key}.config is {part['config']!r}, with which {place.words} cannot be read at "
            f"this revision ({_first_line(error)}). Give the name of one of its configs."
        ) from None


@functools.cache  # a data set may have many thousand files, and a broken connection changes none
def _asked_for(repository: str, config: str | None, commit: str) -> datasets.DatasetBuilder:
    log.info("asking which files %s has in config %s at commit %s", repository, config, commit)
    # By its address, for a folder of the same name here is another data set.
    name = f"hf://datasets/{repository}"
    return datasets.load_dataset_builder(name, name=config, revision=commit)


def _files(builder: datasets.DatasetBuilder, part: Mapping, place: Place) -> list[str]:
    splits = builder.config.data_files or {}
    if part["split"] not in splits:
        raise UserError(
            f"{place.key}.split is {part['split']!r}, which {place.words} has not in this config; "
            f"it has {', '.join(map(str, splits)) or 'none'}. Give one of these."
        )
    return [str(file) for file in splits[part["split"]]]


def _of_parquet(files: list[str], part: Mapping, place: Place, start: int) -> Iterator[Rows]:
    system, first = HfFileSystem(), 0
    for file in files:
        with system.open(file, "rb", **OPENED) as opened:
            try:
                # Pages as they come: a row group may be larger than memory.
                parquet = pq.ParquetFile(opened, pre_buffer=False, buffer_size=1 << 20)
                columns = _columns(parquet.schema_arrow, part, place)
                for group in range(parquet.num_row_groups):
                    n_rows = parquet.metadata.row_group(group).num_rows
                    if first + n_rows > start:
                        yield from _of_group(parquet, group, columns, first, start)
                    first += n_rows
            except (pa.ArrowException, OSError) as error:
                if contact.why(error, place) or getattr(error, "errno", None):
                    raise  # of the way to it, or of this machine
                raise UserError(
                    f"{place.key}: {_within(file)} of {place.words} is no readable parquet file "
                    f"({_first_line(error)}): cut short or damaged at the source. Pin another "
                    "revision, or take other documents (skip)."
                ) from None


def _of_group(
    parquet: pq.ParquetFile, group: int, columns: list[str], first: int, start: int
) -> Iterator[Rows]:
    batches = parquet.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=columns)
    for batch in batches:
        skipped = min(max(start - first, 0), len(batch))
        if skipped < len(batch):
            rest = batch.slice(skipped)
            texts = rest.column(columns[0]).to_pylist()
            ids = rest.column(ID).to_pylist() if ID in columns else None
            yield Rows(first + skipped, texts, ids)
        first += len(batch)


def _columns(schema: pa.Schema, part: Mapping, place: Place) -> list[str]:
    """The column of texts, and that of ids if there is one."""
    name = part["column"]
    _check_column(name, schema.names, place)
    kind = schema.field(name).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise UserError(
            f"{place.key}.column is {name!r}, which holds {kind} in {place.words}; expected text. "
            f"Its columns: {', '.join(schema.names)}."
        )
    has_ids = ID in schema.names and pa.types.is_string(schema.field(ID).type)
    return [name, ID] if has_ids and name != ID else [name]


def _check_column(name: str, names: Sequence[str], place: Place) -> None:
    if name not in names:
        raise UserError(
            f"{place.key}.column is {name!r}, but {place.words} has the columns "
            f"{', '.join(names)}. Give the one that holds the text."
        )


def _streamed(
    builder: datasets.DatasetBuilder, part: Mapping, place: Place, start: int
) -> Iterator[Rows]:
    """Of whatever form `datasets` reads."""
    stream = builder.as_streaming_dataset(split=part["split"]).skip(start)
    for batch in stream.iter(batch_size=ROWS_AT_ONCE):
        _check_column(part["column"], [*batch], place)
        texts = batch[part["column"]]
        wrong = next((t for t in texts if not isinstance(t, str | None)), None)
        if wrong is not None:
            raise UserError(
                f"{place.key}.column is {part['column']!r}, which holds a {type(wrong).__name__} "
                f"in {place.words}; expected text. Its columns: {', '.join(batch)}."
            )
        ids = [None if of is None else str(of) for of in batch[ID]] if ID in batch else None
        yield Rows(start, texts, ids)
        start += len(texts)


def _within(file: str) -> str:
    """The path within the repository, of the clients' hf://datasets/OWNER/NAME@COMMIT/PATH."""
    return file.split("@", 1)[-1].split("/", 1)[-1]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
