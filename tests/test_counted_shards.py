"""A number of shards of inputs that cannot be divided: all rows in order, as many in each."""

from __future__ import annotations

import gzip
import io
import json
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast as library
from conftest import corpus_of
from many import BAD, alone, plant, tree
from pyarrow import parquet
from raftfast import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def packed(folder: Path) -> dict[str, Any]:
    """Put the same records into inputs of which none can be divided."""
    lines = corpus_of(1, 200)
    plant(folder, "lines.jsonl", data=lines)
    plant(folder, "a.jsonl.gz", data=gzip.compress(lines))
    records = lines.splitlines()
    plant(folder, "array.json", data=b"[" + b",\n".join(records) + b"]")
    table = pa.Table.from_pylist(list(map(json.loads, records)))
    parquet.write_table(table, folder / "a.parquet", row_group_size=70)
    with pa.ipc.new_file(folder / "a.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=60)
    return {
        **{name: name for name in ("a.jsonl.gz", "array.json", "a.parquet", "a.arrow")},
        "a table": table,
    }


# They were refused: one input that cannot be divided made one shard.
@pytest.mark.parametrize("kind", ["a.jsonl.gz", "array.json", "a.parquet", "a.arrow", "a table"])
@pytest.mark.parametrize("threads", [1, 3])
def test_an_input_that_cannot_be_divided_gives_shards_of_as_many_rows(
    kind: str, threads: int, folder: Path
) -> None:
    source = packed(folder)[kind]
    ledger = library.convert(source, "out.jsonl", shards=7, threads=threads)
    rows = [name.read_bytes() for name in sorted(folder.glob("out-*-of-00007.jsonl"))]
    assert [part.count(b"\n") for part in rows] == [28, 29, 28, 29, 28, 29, 29]
    assert b"".join(rows) == alone("lines.jsonl")
    assert (ledger.read, ledger.written, ledger.rows) == (200, 200, [28, 29, 28, 29, 28, 29, 29])


@pytest.mark.parametrize("ending", ["jsonl.gz", "jsonl.zst", "parquet", "arrow", "arrows"])
@pytest.mark.parametrize("kind", ["a.jsonl.gz", "a.parquet"])
def test_shards_of_what_cannot_be_divided_are_of_any_form(
    kind: str, ending: str, folder: Path
) -> None:
    source = packed(folder)[kind]
    library.convert(source, f"out.{ending}", to="completion", shards=4)
    names = sorted(folder.glob(f"out-*-of-00004.{ending}"))
    parts = [library.read(name, to="hf").to_pyarrow().read_all() for name in names]
    library.convert(source, "whole.arrow", to="completion")
    whole = library.read("whole.arrow", to="hf").to_pyarrow().read_all()
    assert pa.concat_tables(parts).to_pylist() == whole.to_pylist()
    assert len(parts) == 4
    assert all(25 <= part.num_rows <= 75 for part in parts)


def test_there_are_as_many_shards_as_were_asked_for_even_without_rows(folder: Path) -> None:
    plant(folder, "a.gz", data=gzip.compress(corpus_of(1, 2)))
    for ending in ("jsonl.gz", "parquet", "arrow"):
        library.convert("a.gz", f"out.{ending}", shards=5)
    lines = [gzip.decompress(name.read_bytes()) for name in sorted(folder.glob("out-*.jsonl.gz"))]
    assert [rows.count(b"\n") for rows in lines] == [0, 0, 1, 0, 1]
    tables = [parquet.read_table(name) for name in sorted(folder.glob("out-*.parquet"))]
    assert [table.num_rows for table in tables] == [0, 0, 1, 0, 1]
    files = [pa.ipc.open_file(name).read_all() for name in sorted(folder.glob("out-*.arrow"))]
    assert [table.num_rows for table in files] == [0, 0, 1, 0, 1]
    assert {table.schema for table in tables} == {tables[4].schema}


def test_rejected_lines_of_counted_shards_are_told_once(folder: Path) -> None:
    lines = b"".join(line + BAD for line in corpus_of(1, 9).splitlines(keepends=True))
    plant(folder, "a.gz", data=gzip.compress(lines))
    ledger = library.convert("a.gz", "out.jsonl", shards=2, on_error="skip", rejects="bad.jsonl")
    assert (ledger.read, ledger.written, ledger.rejected) == (18, 9, {"wrong-type": 9})
    assert (folder / "bad.jsonl").read_bytes().count(b"\n") == 9


def test_what_is_read_once_and_cannot_be_divided_gives_shards_of_a_size_only(folder: Path) -> None:
    plant(folder, "out-00000-of-00001.jsonl", data=b"earlier")
    with pytest.raises(UsageError, match=r"^<BytesIO> can be read only once, and not be divided"):
        library.convert(io.BytesIO(corpus_of(1, 9)), "out.jsonl", shards=2)
    with pytest.raises(UsageError, match=r"^<stdin> can be read only once, and not be divided"):
        library.convert("-", "out.jsonl", shards=2)
    os.mkfifo("pipe")
    with pytest.raises(UsageError, match=r"^pipe can be read only once, and not be divided"):
        library.convert("pipe", "out.jsonl", shards=2)
    assert tree(folder) == {"out-00000-of-00001.jsonl": b"earlier"}


def test_progress_of_shards_of_as_many_rows_goes_on_to_the_end(folder: Path) -> None:
    plant(folder, "a.jsonl", data=corpus_of(1, 5000))
    library.convert("a.jsonl", "a.parquet", "hf")
    told: list[tuple[int, int | None]] = []
    library.convert("a.parquet", "out.jsonl", shards=3, progress=lambda *so: told.append(so))
    done = [done for done, _ in told]
    assert done == sorted(done)
    assert done[-1] > 0


def test_what_cannot_be_written_is_told_before_the_first_reading(folder: Path) -> None:
    plant(folder, "a.gz", data=gzip.compress(BAD))
    with pytest.raises(FileNotFoundError):
        library.convert("a.gz", "no/out.jsonl", shards=2)
    with pytest.raises(UsageError, match="has the name of a shard"):
        library.convert("a.gz", "out.jsonl", shards=2, report="out-00001-of-00002.jsonl")
