"""The same chat rows made with other tools: ``python rivals.py NAME INPUT OUTPUT``.

Each function is a whole program, written as a good user of that tool would write it, and runs in
a process of its own. The file is run by its path and imports nothing of raftfast, so that a rival
pays for its own imports only.
"""

# ruff: noqa: PLC0415 - as above

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEM = (
    "The following is a conversation with an AI assistant. "
    "The assistant is helpful, clever, friendly and gives concise and accurate answers."
)


def chat_row(record: dict[str, Any]) -> dict[str, Any]:
    """Build the row of one record."""
    return {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": record["instruction"]},
            {"role": "assistant", "content": record["cot_answer"]},
        ]
    }


def stdlib_loop(source: str, output: str) -> None:
    """Loop over the lines with the ``json`` of the standard library."""
    with Path(source).open(encoding="utf-8") as lines, Path(output).open("w") as rows:
        for line in lines:
            record = json.loads(line)
            if record["cot_answer"] and record["instruction"]:
                rows.write(json.dumps(chat_row(record), separators=(",", ":")) + "\n")


def orjson_loop(source: str, output: str) -> None:
    """Loop over the lines with orjson and check nothing beyond what it checks."""
    from orjson import OPT_APPEND_NEWLINE, dumps, loads

    with Path(source).open("rb") as lines, Path(output).open("wb", 1 << 19) as rows:
        for line in lines:
            record = loads(line)
            if record["cot_answer"] and record["instruction"]:
                rows.write(dumps(chat_row(record), option=OPT_APPEND_NEWLINE))


def polars(source: str, output: str) -> None:
    """Stream lazily, with a schema that names only the columns that are used.

    An inferred schema, ``low_memory`` and other batch sizes take the same time; reading and writing
    eagerly takes 1.5 times as long.
    """
    import polars as pl

    def message(role: str, content: pl.Expr) -> pl.Expr:
        return pl.struct(role=pl.lit(role), content=content)

    instruction, cot_answer = pl.col("instruction"), pl.col("cot_answer")
    rows = pl.concat_list(
        message("system", pl.lit(SYSTEM)),
        message("user", instruction),
        message("assistant", cot_answer),
    )
    (
        pl.scan_ndjson(source, schema={"instruction": pl.String, "cot_answer": pl.String})
        .filter(cot_answer.str.len_bytes() > 0, instruction.str.len_bytes() > 0)
        .select(messages=rows)
        .sink_ndjson(output)
    )


def duckdb(source: str, output: str, threads: str) -> None:
    """Copy from a reader whose columns are given, in input order.

    Letting it infer the columns, and reading lines as ``JSON`` to extract two fields, are slower.
    """
    import duckdb as db

    # Rows that are JSON already go out through the CSV writer without quotes, which takes 0.85 of
    # the time of FORMAT json; objects of 1 MB at most, not 16, take 0.9 (smaller buffers).
    statement = """
        COPY (
            SELECT to_json({messages: [
                {role: 'system', content: $system},
                {role: 'user', content: instruction},
                {role: 'assistant', content: cot_answer}
            ]})
            FROM read_ndjson(
                $source,
                columns = {instruction: 'VARCHAR', cot_answer: 'VARCHAR'},
                maximum_object_size = 1048576
            )
            WHERE cot_answer <> '' AND instruction <> ''
        ) TO $output (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')
    """
    connection = db.connect(config={"threads": threads})
    connection.execute(statement, {"system": SYSTEM, "source": source, "output": output})


def datasets(source: str, output: str) -> None:
    """Follow the recipe of Gorilla's ``format.py``, step by step, on Hugging Face datasets."""
    from datasets import load_dataset

    rows = load_dataset("json", data_files={"train": source}, split="train")
    rows = rows.filter(lambda record: record["cot_answer"] and record["instruction"])
    rows = rows.map(lambda batch: {"completion": list(batch["cot_answer"])}, batched=True)
    rows = rows.select_columns(["instruction", "completion"])
    rows = rows.rename_columns({"instruction": "prompt"})
    rows = rows.map(
        lambda row: chat_row({"instruction": row["prompt"], "cot_answer": row["completion"]})
    )
    rows.select_columns(["messages"]).to_json(output)


RIVALS: dict[str, Callable[..., None]] = {
    "json": stdlib_loop,
    "orjson": orjson_loop,
    "polars": polars,
    "duckdb": duckdb,
    "datasets": datasets,
}

if __name__ == "__main__":
    RIVALS[sys.argv[1]](*sys.argv[2:])
