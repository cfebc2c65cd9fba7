"""Parquet files, a batch at a time; refused where pyarrow would give other rows than theirs."""

# To import pyarrow takes 0.1 s.
# ruff: noqa: PLC0415

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from raftfast import pages
from raftfast._raftfast import Parquet, end_of_parts
from raftfast.held import EMPTY_ROWS, chosen_of, held
from raftfast.kinds import PARQUET
from raftfast.schemas import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import NativeFile, RecordBatch
    from pyarrow.parquet import FileMetaData, ParquetFile, RowGroupMetaData

    from raftfast.held import Source, Wanted

BATCH_BYTES = 8 << 20
"""What a batch holds, at most about. Larger ones are read no faster: with 25 MB the peak of the
process was 80 MB higher."""
BATCH_ROWS = 1024
"""The most rows in a batch. The metadata does not say how large rows become whose values are kept
once, in a dictionary, as documents are that come again and again."""
BUFFER_BYTES = 1 << 20
"""How much of a column is read at a time: otherwise it is a whole row group's."""


def columns(path: str, wanted: Wanted) -> Parquet | None:
    """Open a file that the core can read by itself, without pyarrow.

    Args:
        path: A regular file.
        wanted: Tells which columns to read.

    Returns:
        ``None`` for all others, for files in which something is wrong, and where the memory of the
        process is limited: who decodes there ends the process when it runs out, and pyarrow raises.

    Raises:
        OSError: The file cannot be opened or read.

    """
    return None if pages.is_limited() else Parquet.open(path, wanted)


@contextmanager
def opened_parquet(source: object, wanted: Wanted | None) -> Iterator[Source]:
    """Open Parquet, with the checks that pyarrow leaves out.

    Args:
        source: A path, or an object that is read like a file.
        wanted: Tells which columns to read; ``None`` for all.

    """
    from pyarrow import schema
    from pyarrow.parquet import ParquetFile

    with held(source) as file:
        # pre_buffer would hold whole row groups.
        parquet = ParquetFile(
            file, buffer_size=BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
        )
        _check_room(parquet.metadata, file.size())
        _insist_on_one(file, file.size())
        whole = parquet.schema_arrow
        chosen = [whole.field(number) for number in chosen_of(whole, wanted)]
        yield (
            schema_of(schema(chosen), whole),
            _row_groups(parquet, [field.name for field in chosen]),
        )


def _check_room(metadata: FileMetaData, size: int) -> None:
    """Refuse very many rows without a bit in the file each, as runs of nulls have them.

    Not by the metadata of columns: what is wrong there pyarrow throws where nobody catches it.
    """
    if metadata.num_rows > max(EMPTY_ROWS, 8 * size):
        raise ValueError(f"it announces {metadata.num_rows:,} rows in {size:,} bytes")


def _insist_on_one(file: NativeFile, size: int) -> None:
    """Refuse several files, one after the other.

    Only the last one's footer is read, which tells of places in itself: where the files are of one
    layout, these hold rows of the first. What stands before the last file is no longer than what is
    left between the last part that its footer tells of and that footer, and the first file ends in
    it. Of one file that is nothing, or filters whose length its writer did not tell.
    """
    last = size - len(PARQUET) - 4
    if last < 0:
        raise ValueError("it is too short")
    file.seek(last)
    footer = last - int.from_bytes(file.read(4), "little")
    file.seek(footer)
    end = end_of_parts(file.read(last - footer))
    if end is not None and _has_seam(file, footer - end):
        raise ValueError("a file ends before its last one: is it several files?")


def _has_seam(file: NativeFile, length: int) -> bool:
    """Tell whether a file ends in the first so many bytes, and another begins there."""
    seam, window, place = 2 * PARQUET, b"", 0
    file.seek(0)
    rest = length + len(PARQUET) if length > 0 else 0
    while rest > 0 and (piece := file.read(min(BUFFER_BYTES, rest))):
        place += len(piece)
        rest -= len(piece)
        window = window[-len(seam) - 3 :] + piece
        at = window.find(seam)
        while at >= 0:
            # Before that stands how long its footer is; a text may look the same.
            footer = int.from_bytes(window[max(at - 4, 0) : at], "little")
            if 0 < footer <= place - len(window) + at - 4:
                return True
            at = window.find(seam, at + 1)
    return False


def _row_groups(parquet: ParquetFile, names: list[str]) -> Iterator[RecordBatch]:
    """Read group by group, and insist on as many rows as the file says that it has."""
    missing = parquet.metadata.num_rows
    for number in range(parquet.num_row_groups):
        size = _batch_rows(parquet.metadata.row_group(number))
        for batch in parquet.iter_batches(size, row_groups=[number], columns=names):
            missing -= batch.num_rows
            if missing < 0:
                break
            yield batch.select(names)  # a name also selects those that begin with it and a dot
    if missing:
        raise ValueError(f"it has not the {parquet.metadata.num_rows} rows that it announces")


def _batch_rows(group: RowGroupMetaData) -> int:
    fitting: int = BATCH_BYTES * group.num_rows // max(1, group.total_byte_size)
    return max(1, min(BATCH_ROWS, fitting))
