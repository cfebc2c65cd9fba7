"""Chat rows in and from other forms with other tools: ``road_rivals.py NAME INPUT OUTPUT THREADS``.

As in rivals.py, each function is a whole program, written as a good user of that tool would write
it. The endings of the names say what the files are. What is compressed is so as by raftfast, zstd
at level 3 and gzip at level 6, where the tool can be told to.
"""

# ruff: noqa: PLC0415 - a rival pays for its own imports only

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import polars as pl
    import pyarrow as pa

SYSTEM = (
    "The following is a conversation with an AI assistant. "
    "The assistant is helpful, clever, friendly and gives concise and accurate answers."
)
USED = ["instruction", "cot_answer"]
TABLES = (".arrow", ".parquet")


def form_of(name: str) -> str:
    """Return the last ending of a name."""
    return Path(name).suffix


# Polars -------------------------------------------------------------------------------------------


def polars(source: str, output: str, _threads: str) -> None:
    """Scan lazily, build the list of structs with expressions, and sink: all of it streams."""
    import polars as pl

    scans: dict[str, Callable[[str], pl.LazyFrame]]
    scans = {".arrow": pl.scan_ipc, ".parquet": pl.scan_parquet}
    if scan := scans.get(form_of(source)):
        records = scan(source)
    else:
        records = pl.scan_ndjson(source, schema=dict.fromkeys(USED, pl.String))
    instruction, cot_answer = map(pl.col, USED)
    rows = pl.concat_list(
        pl.struct(role=pl.lit("system"), content=pl.lit(SYSTEM)),
        pl.struct(role=pl.lit("user"), content=instruction),
        pl.struct(role=pl.lit("assistant"), content=cot_answer),
    )
    kept = records.filter(cot_answer.str.len_bytes() > 0, instruction.str.len_bytes() > 0)
    polars_sink(kept.select(messages=rows), output)


def polars_sink(rows: pl.LazyFrame, output: str) -> None:
    """Write the rows in the form of the output."""
    match form_of(output):
        case ".parquet":
            rows.sink_parquet(output, compression="zstd", compression_level=3)
        case ".arrow":
            rows.sink_ipc(output)
        case ".zst":
            rows.sink_ndjson(output, compression="zstd", compression_level=3)
        case ".gz":
            rows.sink_ndjson(output, compression="gzip", compression_level=6)
        case _:
            rows.sink_ndjson(output)


# DuckDB -------------------------------------------------------------------------------------------

DUCKDB_SOURCES = {".arrow": "arrow_file", ".parquet": "read_parquet($source)"}
DUCKDB_JSONL = """
    read_ndjson(
        $source, columns = {instruction: 'VARCHAR', cot_answer: 'VARCHAR'},
        maximum_object_size = 1048576
    )
"""
DUCKDB_ROWS = """
    SELECT [
        {role: 'system', content: $system},
        {role: 'user', content: instruction},
        {role: 'assistant', content: cot_answer}
    ] AS messages
    FROM %s
    WHERE cot_answer <> '' AND instruction <> ''
"""
DUCKDB_LINES = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01'"
"""How rows that are JSON already go out, faster than by ``FORMAT json``."""
DUCKDB_SINKS = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3",
    ".gz": f"{DUCKDB_LINES}, COMPRESSION gzip",
    ".zst": f"{DUCKDB_LINES}, COMPRESSION zstd",
    ".jsonl": DUCKDB_LINES,
}


def duckdb(source: str, output: str, threads: str) -> None:
    """Copy in SQL; Arrow files go through pyarrow, for DuckDB reads and writes none by itself."""
    import duckdb as db

    connection = db.connect(config={"threads": threads})
    named = {"system": SYSTEM}
    if form_of(source) == ".arrow":
        from pyarrow import dataset

        connection.register("arrow_file", dataset.dataset(source, format="ipc"))
    else:
        named["source"] = source
    rows = DUCKDB_ROWS % DUCKDB_SOURCES.get(form_of(source), DUCKDB_JSONL)
    if form_of(output) == ".arrow":
        batches: Any = connection.execute(rows, named).to_arrow_reader(8192)
        pyarrow_table(iter(batches), output)
        return
    if form_of(output) != ".parquet":
        rows = f"SELECT to_json({{messages: messages}}) FROM ({rows})"  # noqa: S608
    sink = DUCKDB_SINKS[form_of(output)]
    connection.execute(f"COPY ({rows}) TO $output ({sink})", {**named, "output": output})


# pyarrow and Python -------------------------------------------------------------------------------


def pyarrow(source: str, output: str, _threads: str) -> None:
    """Make columns with pyarrow's readers, kernels and writers, and lines with an orjson loop."""
    if form_of(output) in TABLES:
        pyarrow_table(map(pyarrow_rows, pyarrow_batches(source)), output)
    elif form_of(source) in TABLES:
        pairs = (
            pair
            for batch in pyarrow_batches(source)
            for pair in zip(*(batch[name].to_pylist() for name in USED), strict=True)
        )
        pyarrow_lines(pairs, output)
    else:
        pyarrow_lines(pyarrow_pairs(source), output)


def pyarrow_batches(source: str) -> Iterator[pa.RecordBatch]:
    """Read the columns that are used; JSON is parsed on all cores, a megabyte at a time."""
    import pyarrow as pa
    from pyarrow import dataset, json

    if form_of(source) in TABLES:
        form = {".arrow": "ipc", ".parquet": "parquet"}[form_of(source)]
        return iter(dataset.dataset(source, format=form).to_batches(columns=USED, batch_size=8192))
    schema = pa.schema([(name, pa.string()) for name in USED])
    parse = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    return iter(json.open_json(source, parse_options=parse))


def pyarrow_rows(records: pa.RecordBatch) -> pa.RecordBatch:
    """Build the column of messages with kernels, which takes half the time of a Python loop."""
    import pyarrow as pa
    from pyarrow import compute

    long = [compute.greater(compute.binary_length(records[name]), 0) for name in USED]
    kept = records.filter(compute.and_(*long))
    count = kept.num_rows
    texts = pa.concat_arrays([pa.array([SYSTEM]), *(kept[name] for name in USED)])
    order = [place for user in range(1, count + 1) for place in (0, user, user + count)]
    contents = texts.take(pa.array(order, pa.int64()))
    roles = pa.array(["system", "user", "assistant"] * count, pa.string())
    messages = pa.StructArray.from_arrays([roles, contents], ["role", "content"])
    starts = pa.array(range(0, 3 * count + 1, 3), pa.int32())
    return pa.record_batch([pa.ListArray.from_arrays(starts, messages)], names=["messages"])


def pyarrow_table(batches: Iterator[pa.RecordBatch], output: str) -> None:
    """Write batches as they come."""
    from pyarrow import ipc, parquet

    first = next(batches)
    if form_of(output) == ".arrow":
        writer = ipc.new_file(output, first.schema)
    else:
        writer = parquet.ParquetWriter(
            output, first.schema, compression="zstd", compression_level=3
        )
    with writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)


def pyarrow_pairs(source: str) -> Iterator[tuple[str | None, str | None]]:
    """Read lines, which pyarrow decompresses, and parse them with orjson."""
    import io

    import pyarrow as pa
    from orjson import loads

    with pa.input_stream(source) as raw, io.BufferedReader(raw, 1 << 20) as lines:
        for line in lines:
            record = loads(line)
            yield record["instruction"], record["cot_answer"]


def pyarrow_lines(pairs: Iterable[tuple[str | None, str | None]], output: str) -> None:
    """Write lines with orjson; gzip as Python has it, zstd as pyarrow has it, at level 1."""
    import gzip

    import pyarrow as pa
    from orjson import OPT_APPEND_NEWLINE, dumps

    with ExitStack() as held:
        if form_of(output) == ".gz":
            rows: Any = held.enter_context(gzip.open(output, "wb", 6))
        else:
            rows = held.enter_context(pa.output_stream(output, buffer_size=1 << 19))
        for instruction, cot_answer in pairs:
            if instruction and cot_answer:
                row = chat_row(instruction, cot_answer)
                rows.write(dumps(row, option=OPT_APPEND_NEWLINE))


def chat_row(instruction: str, cot_answer: str) -> dict[str, Any]:
    """Build the row of one record."""
    return {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": instruction},
            {"role": "assistant", "content": cot_answer},
        ]
    }


# datasets -----------------------------------------------------------------------------------------


def datasets(source: str, output: str, _threads: str) -> None:
    """Load, filter and map in batches, and save; Arrow is what ``save_to_disk`` writes."""
    from datasets import load_dataset

    reader = {".arrow": "arrow", ".parquet": "parquet"}.get(form_of(source), "json")
    records = load_dataset(reader, data_files={"train": source}, split="train")
    rows = records.select_columns(USED).map(datasets_rows, batched=True, remove_columns=list(USED))
    match form_of(output):
        case ".arrow":
            rows.save_to_disk(output)
        case ".parquet":
            rows.to_parquet(output)
        case ".gz":
            rows.to_json(output, compression="gzip")
        case _:
            rows.to_json(output)


def datasets_rows(records: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Build the rows of a batch, without those that are filtered."""
    pairs = zip(*(records[name] for name in USED), strict=True)
    rows = [chat_row(*pair) for pair in pairs if all(pair)]
    return {"messages": [row["messages"] for row in rows]}


# A decoder alone ----------------------------------------------------------------------------------


def decoder(source: str, _output: str, _threads: str) -> None:
    """Decompress to nowhere, with the zlib or zstd that is in pyarrow."""
    import pyarrow as pa

    block = bytearray(1 << 18)
    with pa.input_stream(source) as raw:
        while raw.readinto(block):
            pass


RIVALS: dict[str, Callable[[str, str, str], None]] = {
    "polars": polars,
    "duckdb": duckdb,
    "pyarrow": pyarrow,
    "datasets": datasets,
    "decoder": decoder,
}

if __name__ == "__main__":
    RIVALS[sys.argv[1]](*sys.argv[2:])
