"""Hostile Arrow and Parquet files as data: columns of wrong types, of no rows, of no texts."""

from __future__ import annotations

import io
import struct
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from cases import BOTH, ONE, Case, Refused, Rows
from pyarrow import ipc, parquet

if TYPE_CHECKING:
    from collections.abc import Callable

QUESTIONS, ANSWERS = ["q1", "q2"], ["a1", "a2"]
NAMES = ["instruction", "cot_answer"]
MANY = 1 << 24
HOSTILE_NAME = "\x1b[31m\n\u202ename"


def table(**columns: Any) -> pa.Table:  # noqa: ANN401
    """Build the two records, with other columns in place of theirs or beside them."""
    return pa.table({"instruction": QUESTIONS, "cot_answer": ANSWERS, **columns})


def texts(type_: pa.DataType) -> pa.Table:
    """Build the two records with texts of a type."""
    questions, answers = (pa.array(values).cast(type_) for values in (QUESTIONS, ANSWERS))
    return pa.table({"instruction": questions, "cot_answer": answers})


def several(*tables: pa.Table) -> pa.Table:
    """Put tables under one another, each a batch of its own."""
    return pa.concat_tables(tables)


def nested(levels: int) -> pa.Array:
    """Put lists into lists."""
    values = pa.array(["x", "y"])
    for _ in range(levels):
        values = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), values)
    return values


def found(type_: str) -> Refused:
    """Expect a type to be named that is no text."""
    return Refused(f"column 'instruction' must hold a string, found {type_}")


MISSING = Refused("no record has the field 'cot_answer'")
NO_ROWS = Refused("holds no rows")
DOUBLED = Refused("several columns are called 'instruction'")
DICTIONARY = pa.dictionary(pa.int8(), pa.string())

TABLES: dict[str, tuple[Callable[[], pa.Table], Rows | Refused]] = {
    "texts": (table, BOTH),
    "large texts": (lambda: texts(pa.large_string()), BOTH),
    "views": (lambda: texts(pa.string_view()), BOTH),
    "dictionaries": (lambda: texts(DICTIONARY), BOTH),
    "a null": (lambda: table(instruction=["q1", None]), ONE._replace(filtered=1)),
    "only nulls": (lambda: table(cot_answer=pa.nulls(2, pa.string())), Rows((), 2)),
    "nulls without a type": (lambda: table(cot_answer=pa.nulls(2)), Rows((), 2)),
    "integers": (lambda: table(instruction=[1, 2]), found("Int64")),
    "floats": (lambda: table(instruction=[0.5, float("nan")]), found("Float64")),
    "booleans": (lambda: table(instruction=[True, False]), found("Boolean")),
    "bytes": (lambda: table(instruction=[b"q1", b"\xff"]), found("Binary")),
    "lists": (lambda: table(instruction=[["q1"], []]), found("List")),
    "structs": (lambda: table(instruction=[{"a": "q1"}, {"a": None}]), found("Struct")),
    "days": (lambda: table(instruction=pa.array([0, 1], pa.date32())), found("Date32")),
    "no such column": (lambda: table().select(["instruction"]), MISSING),
    "a column twice": (lambda: pa.table([QUESTIONS, QUESTIONS, ANSWERS], [NAMES[0], *NAMES]), DOUBLED),
    "an unused column twice": (lambda: pa.table([ANSWERS, ANSWERS, QUESTIONS, ANSWERS], ["x", "x", *NAMES]), BOTH),
    "no rows": (lambda: table().slice(0, 0), NO_ROWS),
    "a slice": (lambda: several(table(), table(), table()).combine_chunks().slice(2, 2), BOTH),
    "batches without rows": (lambda: several(table().slice(0, 0), table(), table().slice(2)), BOTH),
    "unused columns of any type": (
        lambda: table(a=[b"\xff", b""], b=pa.array([1, 2], pa.decimal128(38, 9)), c=[0.5, None], d=nested(40), e=[{"f": {"g": 1}}, None]),
        BOTH,
    ),
    "1,000 unused columns": (lambda: table(**{f"c{number}": [number, None] for number in range(1000)}), BOTH),
    "names of columns that a terminal obeys": (lambda: table(**{HOSTILE_NAME: [1, 2]}), BOTH),
    "metadata of 1 MB": (lambda: table().replace_schema_metadata({"k": "v" * 1_000_000}), BOTH),
}  # fmt: skip

# Parquet has no such types.
ARROW_TABLES: dict[str, tuple[Callable[[], pa.Table], Rows | Refused]] = {
    "16 million nulls in 300 bytes": (
        lambda: pa.table({name: pa.nulls(MANY) for name in NAMES}),
        Rows((), MANY),
    ),
    "two billion nulls": (
        lambda: pa.table({name: pa.Array.from_buffers(pa.null(), (1 << 31) - 1, [None]) for name in NAMES}),
        Refused("more than 67,108,864 of its rows hold nothing"),
    ),
    "runs": (
        lambda: table(instruction=pa.RunEndEncodedArray.from_arrays([1, 2], QUESTIONS)),
        found("RunEndEncoded"),
    ),
    "unused runs": (lambda: table(x=pa.RunEndEncodedArray.from_arrays([2], ["x"])), BOTH),
    "a union": (
        lambda: table(instruction=pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array(QUESTIONS)])),
        found("Union"),
    ),
}  # fmt: skip


def arrow(records: pa.Table) -> bytes:
    """Write an Arrow file."""
    sink = io.BytesIO()
    with ipc.new_file(sink, records.schema) as file:
        file.write_table(records)
    return sink.getvalue()


def arrows(records: pa.Table) -> bytes:
    """Write an Arrow stream."""
    sink = io.BytesIO()
    with ipc.new_stream(sink, records.schema) as file:
        file.write_table(records)
    return sink.getvalue()


def in_parquet(records: pa.Table) -> bytes:
    """Write Parquet."""
    sink = io.BytesIO()
    parquet.write_table(records, sink)
    return sink.getvalue()


WRITERS = {".arrow": arrow, ".arrows": arrows, ".parquet": in_parquet}

# Arrow files that name a batch again and again ---------------------------------------------------

TIMES = 5000
WIDE = {f"c{number}": QUESTIONS for number in range(1000)}
"""Columns, whose places in the file are 72 bytes each and would be held for each batch."""


def named_again() -> bytes:
    """Write a file with one batch, to which all blocks of a longer footer point."""
    file = arrow(table(**WIDE))
    end = len(file) - 10
    start = end - number_at(file, end)
    first_batch = 16 + number_at(file, 12)
    footer = file[start:end]
    blocks = footer.index(struct.pack("<Iq", 1, first_batch))
    block = footer[blocks + 4 : blocks + 28]
    field = next(at for at in range(0, blocks, 4) if at + number_at(footer, at) == blocks)
    footer += bytes(-len(footer) % 8 + 4)  # blocks are aligned, behind their count
    footer = footer[:field] + struct.pack("<I", len(footer) - field) + footer[field + 4 :]
    footer += struct.pack("<I", TIMES) + block * TIMES
    return file[:start] + footer + struct.pack("<I", len(footer)) + file[-6:]


def number_at(file: bytes, at: int) -> int:
    """Read four bytes."""
    return int.from_bytes(file[at : at + 4], "little")


# Parquet that announces more than it holds --------------------------------------------------------

COUNT, ANNOUNCED = 1_234_567, 134_000_000
"""Numbers that take four bytes each."""


def announcing(records: pa.Table) -> bytes:
    """Write one page a column without compression, with the one number in place of the other.

    Numbers are twice themselves in headers, where they have a sign, and in runs, where they have a flag.
    """
    sink = io.BytesIO()
    whole = dict.fromkeys(("data_page_size", "max_rows_per_page", "write_batch_size"), 1 << 30)
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    parquet.write_table(records, sink, row_group_size=COUNT, **whole, **plain)
    file = sink.getvalue()
    return file.replace(varint(2 * COUNT), varint(2 * ANNOUNCED))


ROWS = 20_000
"""Rows of two groups. Twice their number takes three bytes, and so does twice each other number."""


def miscounting(rows: int) -> bytes:
    """Write two groups, and in the footer another number of all rows: its third field, before a list."""
    sink = io.BytesIO()
    texts = pa.array(["x"] * ROWS)
    parquet.write_table(pa.table([texts, texts], NAMES), sink, row_group_size=ROWS // 2)
    before, whole, after = sink.getvalue().partition(b"\x16" + varint(2 * ROWS) + b"\x19")
    assert whole, "the footer has the number of rows"
    return before + b"\x16" + varint(2 * rows) + b"\x19" + after


def varint(number: int) -> bytes:
    """Write seven bits a byte, the lowest first."""
    last = (number.bit_length() - 1) // 7 * 7
    more = [number >> shift & 127 | 128 for shift in range(0, last, 7)]
    return bytes([*more, number >> last])


# All ----------------------------------------------------------------------------------------------

MEGABYTES = 120
"""Memory of pyarrow, which reads what is more than plain texts."""


def table_cases() -> list[Case]:
    """Write each table in each form that has its types."""
    return [
        *(
            Case(f"{name}, {ending[1:]}", writing(make, write), verdict, ending, MEGABYTES)
            for ending, write in WRITERS.items()
            for name, (make, verdict) in (
                TABLES | (ARROW_TABLES if "arrow" in ending else {})
            ).items()
        ),
        Case(
            "134 million rows in 600 bytes, parquet",
            lambda: announcing(pa.table([pa.nulls(COUNT, pa.string())] * 2, NAMES)),
            Refused("it announces 134,000,000 rows in "),
            ".parquet",
            MEGABYTES,
        ),
        *(
            Case(
                f"{rows} of {ROWS} rows announced, parquet",
                partial(miscounting, rows),
                Refused(f"it has not the {rows} rows that it announces"),
                ".parquet",
                MEGABYTES,
            )
            for rows in (10_000, 15_000, 30_000)
        ),
        Case(
            "a batch that is named 5,000 times, arrow",
            named_again,
            Rows(BOTH.pairs * TIMES),
            ".arrow",
            MEGABYTES,
        ),
    ]


def writing(
    make: Callable[[], pa.Table], write: Callable[[pa.Table], bytes]
) -> Callable[[], bytes]:
    """Give a file when it is asked for."""
    return lambda: write(make())


FILES = table_cases()
