"""A corpus in the forms that roads begin with, written as those would who have such files."""

# ruff: noqa: PLC0415 - pyarrow is imported where it is used

from __future__ import annotations

import gzip
import shutil
import subprocess
from itertools import islice
from typing import TYPE_CHECKING

from raftfast.columns import require_pyarrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyarrow import RecordBatch, Schema

BLOCK_BYTES = 8 << 20
"""JSON for one batch: about 1,000 records, as many as ``datasets`` puts into one."""
GROUP_BATCHES = 12
"""Batches for one row group of Parquet: 100 MB, as ``datasets`` makes them."""


def prepare(corpus: Path, ending: str, folder: Path) -> Path:
    """Return the records of a corpus in the form of an ending; JSONL is the corpus itself."""
    write = WRITERS.get(ending)
    if write is None:
        return corpus
    path = folder / f"corpus{ending}"
    write(corpus, path)
    return path


def write_gz(corpus: Path, path: Path) -> None:
    """Compress to one member, at the level of ``gzip``."""
    with corpus.open("rb") as records, gzip.open(path, "wb", 6) as file:
        shutil.copyfileobj(records, file, 1 << 20)


def write_zst(corpus: Path, path: Path) -> None:
    """Compress to one frame, with a checksum where ``zstd`` is installed."""
    if program := shutil.which("zstd"):
        subprocess.run([program, "-q", "-o", path, corpus], check=True)  # noqa: S603
        return
    import pyarrow as pa

    with corpus.open("rb") as records, pa.output_stream(path, compression="zstd") as file:
        shutil.copyfileobj(records, file, 1 << 20)


def write_arrow(corpus: Path, path: Path) -> None:
    """Write an Arrow file."""
    schema, batches = read_records(corpus)
    from pyarrow import ipc

    with ipc.new_file(path, schema) as file:
        for batch in batches:
            file.write_batch(batch)


def write_parquet(corpus: Path, path: Path) -> None:
    """Write Parquet with zstd."""
    schema, batches = read_records(corpus)
    from pyarrow import Table, parquet

    with parquet.ParquetWriter(path, schema, compression="zstd") as file:
        while group := list(islice(batches, GROUP_BATCHES)):
            file.write_table(Table.from_batches(group, schema))


def read_records(corpus: Path) -> tuple[Schema, Iterator[RecordBatch]]:
    """Parse JSONL, with the types of the first block; what is converted is text, also as a date."""
    require_pyarrow()
    import pyarrow as pa
    from pyarrow import json

    texts = pa.schema([("instruction", pa.string()), ("cot_answer", pa.string())])
    reader = json.open_json(
        corpus,
        read_options=json.ReadOptions(block_size=BLOCK_BYTES),
        parse_options=json.ParseOptions(explicit_schema=texts),
    )
    return reader.schema, iter(reader)


WRITERS: dict[str, Callable[[Path, Path], None]] = {
    ".arrow": write_arrow,
    ".parquet": write_parquet,
    ".jsonl.gz": write_gz,
    ".jsonl.zst": write_zst,
}
