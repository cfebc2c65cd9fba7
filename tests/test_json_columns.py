"""Columns of JSON, which ``datasets`` makes for values of mixed types, are what the JSON says."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast
from pyarrow import ipc, parquet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meant import Json

JSON = pa.json_(pa.string())
TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", JSON)]))


def says(role: str, content: object) -> Json:
    return {"role": role, "content": content}


PARTS = [{"type": "text", "text": "Q\u00e9"}]
TALKS = [
    {"messages": [says("user", "Q\u00e9"), says("assistant", "A <ANSWER>: 1")]},
    {"messages": [says("user", PARTS), says("assistant", "A")]},
]
RECORDS: list[Json] = [
    {
        "question": "Q\n",
        "context": {"title": [["t"]], "sentences": [["D", '\u00e9"']]},
        "instruction": "<DOCUMENT>D</DOCUMENT>\nQ",
        "cot_answer": 'It is "7". <ANSWER>: 7',
    },
    {"question": "R", "context": ["E"], "instruction": "R", "cot_answer": None},
]


def told(records: list[Json], *columns: str) -> pa.Table:
    """Return records as a table in which some columns hold the JSON of their values."""

    def column(name: str) -> pa.Array:
        values = [record[name] for record in records]
        return pa.array(
            [None if one is None else json.dumps(one, indent=1) for one in values], JSON
        )

    return pa.table({name: column(name) for name in columns})


def talks() -> pa.Table:
    """Return conversations whose contents are JSON, inside of lists of objects."""
    turns = [
        [{**turn, "content": json.dumps(turn["content"])} for turn in talk["messages"]]
        for talk in TALKS
    ]
    plain = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    return pa.table({"messages": pa.array(turns, plain).cast(TURNS)})


def as_file(write: Callable[[pa.Table, str], object]) -> Callable[[pa.Table, Path], object]:
    def source(table: pa.Table, folder: Path) -> object:
        write(table, str(folder / "in"))
        return folder / "in"

    return source


def _write_file(table: pa.Table, path: str) -> None:
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def _write_stream(table: pa.Table, path: str) -> None:
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def _dataset(table: pa.Table, _: Path) -> object:
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset(table)


SOURCES: dict[str, Callable[[pa.Table, Path], object]] = {
    "a table": lambda table, _: table,
    "Parquet": as_file(parquet.write_table),
    "an Arrow file": as_file(_write_file),
    "an Arrow stream": as_file(_write_stream),
    "a Dataset": _dataset,
}
FROM_EACH = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def rows(source: Any, to: str) -> list[Json]:  # noqa: ANN401 - whatever is taken
    out = io.BytesIO()
    raftfast.convert(source, out, to)
    return [json.loads(row) for row in out.getvalue().splitlines()]


def lines(records: list[Json]) -> io.BytesIO:
    return io.BytesIO("".join(json.dumps(record) + "\n" for record in records).encode())


# An answer was told with the quotes of its JSON around it, and exit code 0.
@FROM_EACH
@pytest.mark.parametrize("to", ["chat", "completion", "eval", "raft", "context-qa", "hf"])
def test_columns_of_json_give_the_rows_of_the_same_lines(
    to: str, source: Callable[[pa.Table, Path], object], tmp_path: Path
) -> None:
    columns = ("question", "context", "instruction", "cot_answer")
    assert rows(source(told(RECORDS, *columns), tmp_path), to) == rows(lines(RECORDS), to)


@FROM_EACH
@pytest.mark.parametrize("to", ["chat", "sharegpt", "raft", "hf"])
def test_json_inside_of_other_columns_gives_the_rows_of_the_same_lines(
    to: str, source: Callable[[pa.Table, Path], object], tmp_path: Path
) -> None:
    assert rows(source(talks(), tmp_path), to) == rows(lines(TALKS), to)


@FROM_EACH
def test_json_that_is_no_text_where_a_text_should_be_is_an_error(
    source: Callable[[pa.Table, Path], object], tmp_path: Path
) -> None:
    records = [{**RECORDS[0], "cot_answer": 7}]
    table = told(records, "instruction", "cot_answer")
    with pytest.raises(raftfast.Error, match="must be a string"):
        rows(source(table, tmp_path), "chat")


BROKEN = {
    "nothing": "",
    "half of a value": '{"a"',
    "two values": "1 2",
    "half of a pair of surrogates": r'"\ud800"',
    "a line end in a string": '"a\nb"',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_no_json_in_a_column_of_it_is_an_error(text: str) -> None:
    table = pa.table({"instruction": ["I", "I"], "cot_answer": pa.array(['"A"', text], JSON)})
    with pytest.raises(raftfast.Error, match="column 'cot_answer': value 1 of its JSON"):
        rows(table, "chat")


def test_json_of_a_column_stands_in_one_line() -> None:
    table = pa.table({"a": pa.array(['{\n "b": [1,\n\t2.50]\n}', "null"], JSON)})
    out = io.BytesIO()
    raftfast.convert(table, out, "hf")
    assert out.getvalue() == b'{"a":{"b":[1,2.50]}}\n{"a":null}\n'


# It was the line of a block, and of no file.
def test_a_record_that_is_too_deep_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    plain, deep = '{"a":[1]}\n', '{"a":' + "[" * 70 + "]" * 70 + "}\n"
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text(plain * 90_000)
    two.write_text(plain * 80_000 + deep)
    with pytest.raises(raftfast.Error, match=r"two\.jsonl: line 80001: records nested") as caught:
        raftfast.convert([one, two], tmp_path / "rows.parquet", "hf", threads=2)
    assert (caught.value.kind, caught.value.path) == ("too-deep", str(two))
