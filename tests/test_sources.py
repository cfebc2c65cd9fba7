"""Lines, arrays and tables of the same records give the same rows."""

from __future__ import annotations

import errno
import io
import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast
from corpora import values_of
from meant import DETAILS, EACH, GOLDENS, NAMES, ONE, Outcome, chat, details, plain_chat, says, talk
from pyarrow import parquet
from raftfast.errors import Error, UsageError
from raftfast.sources import raise_failure

if TYPE_CHECKING:
    from pathlib import Path


def rows_of(source: object, to: object, **options: Any) -> Outcome:  # noqa: ANN401
    output = io.BytesIO()
    ledger = raftfast.convert(source, output, to, **options)  # type: ignore[arg-type]
    return Outcome(values_of(output.getvalue()), ledger)


# Rows for evaluation have no answer with reasons; files in which no record has one are an error.
EACH_ANSWERED = pytest.mark.parametrize("name", [name for name in NAMES if name != "eval-rows"])


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "details.toml"
    path.write_text(DETAILS)
    return path


@EACH_ANSWERED
def test_lines_and_one_array_give_the_same_rows(name: str, target: Path, tmp_path: Path) -> None:
    array, lines = tmp_path / "array.json", tmp_path / "lines.jsonl"
    lines.write_bytes(b"\n".join(GOLDENS[name]))
    array.write_bytes(b"[\n" + b",\n".join(GOLDENS[name]) + b"\n]")
    expected = details(*GOLDENS[name])
    for path in (lines, array):
        rows, ledger = rows_of(path, target)
        assert rows == expected.rows
        assert ledger.dialects == {name: 3}


def table_of(*lines: bytes) -> pa.Table:
    """Make a table, which has every column in every row."""
    records = [json.loads(line) for line in lines]
    columns = dict.fromkeys(key for record in records for key in record)
    return pa.Table.from_pylist([dict.fromkeys(columns) | record for record in records])


@EACH_ANSWERED
def test_tables_give_the_rows_of_their_lines(name: str, target: Path) -> None:
    expected = details(*GOLDENS[name])
    rows, ledger = rows_of(table_of(*GOLDENS[name]), target)
    assert rows == expected.rows
    assert ledger.dialects == {name: 3}
    assert ledger.repaired == expected.ledger.repaired


@EACH
def test_a_table_of_one_record_gives_its_row(name: str, line: bytes, target: Path) -> None:
    if name == "eval-rows":
        with pytest.raises(Error, match="no record has the field 'cot_answer'"):
            rows_of(table_of(line), target)
        return
    rows, ledger = rows_of(table_of(line), target)
    assert rows == details(line).rows
    assert ledger.dialects == {name: 1}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "eval-rows"])
def test_chat_of_a_table_is_chat_of_its_lines(name: str) -> None:
    expected = chat(*GOLDENS[name]).rows
    assert expected
    assert rows_of(table_of(*GOLDENS[name]), "chat").rows == expected


@EACH_ANSWERED
def test_parquet_gives_the_rows_of_its_lines(name: str, target: Path, tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    parquet.write_table(table_of(*GOLDENS[name]), path)
    rows, ledger = rows_of(path, target)
    assert rows == details(*GOLDENS[name]).rows
    assert ledger.dialects == {name: 3}


MEASURED: dict[str, tuple[dict[str, Any], int]] = {
    "texts": ({"instruction": "question", "cot_answer": "answer"}, 14),
    "turns": ({"messages": [{"role": "user", "content": "q" * 90}, ONE]}, 90),
    "documents": ({"question": "Q", "context": ["d" * 90], "cot_answer": "A"}, 90),
}


@pytest.mark.parametrize(("row", "least"), MEASURED.values(), ids=MEASURED)
def test_the_bytes_of_a_table_are_those_of_the_values_in_use(
    row: dict[str, Any], least: int
) -> None:
    columns = pa.Table.from_pylist([{**row, "unused": "u" * 1000}] * 3)
    read = rows_of(columns, "chat").ledger.bytes_in
    assert 3 * least <= read < 3 * 1000


ONCE: dict[str, Any] = {
    "a file": lambda: io.BytesIO(b""),
    "a stream of columns": lambda: pa.table({"x": ["1"]}).to_reader(),
}


@pytest.mark.parametrize("make", ONCE.values(), ids=ONCE)
def test_what_can_be_read_once_is_not_taken_twice(make: Any) -> None:  # noqa: ANN401
    source = make()
    with pytest.raises(UsageError, match="twice"):
        raftfast.convert([source, "in.jsonl", source], io.BytesIO())


def test_a_table_may_come_again() -> None:
    table = pa.table({"instruction": ["Q"], "cot_answer": ["A"]})
    assert rows_of([table, table], "chat").ledger.written == 2


# Names were compared as messages tell them.
@pytest.mark.parametrize("name", ["plain", "a\nb", "\udcff", "a: b"], ids=ascii)
def test_a_stream_ends_with_what_ended_it_whatever_its_name(name: str) -> None:
    stream = SimpleNamespace(failure=OSError(errno.EIO, "boom"))
    told = os.fsencode(name).decode(errors="backslashreplace")
    error = raftfast.Error("broken", "broken-input", told)
    with pytest.raises(OSError, match="boom") as caught:
        raise_failure([("another", SimpleNamespace(failure=None)), (name, stream)], error)
    assert caught.value is stream.failure


def test_parts_that_are_texts_are_one_text() -> None:
    parts = [{"type": "text", "text": 'a "part", '}, {"text": "and \u00fc", "type": "text"}]
    rows = plain_chat(talk(says("user", parts), ONE)).rows
    assert rows[0]["messages"][0] == says("user", 'a "part", and \u00fc')


# Tables have all columns in all rows: what was null made records of other dialects of them.
@pytest.mark.parametrize("name", NAMES)
def test_nulls_in_the_keys_of_others_do_not_make_a_record_one_of_theirs(
    name: str, target: Path, tmp_path: Path
) -> None:
    lines_of_all = [line for lines in GOLDENS.values() for line in lines]
    others = {key: None for line in lines_of_all for key in json.loads(line)}
    if name == "legacy":  # a column of instructions, even of nulls, is one
        del others["instruction"]
    filled = [{**others, **json.loads(line)} for line in GOLDENS[name]]
    lines = tmp_path / "lines.jsonl"
    lines.write_text("".join(json.dumps(record) + "\n" for record in filled))
    expected = details(*GOLDENS[name])
    sources: list[object] = [lines]
    if name not in ("raft-local", "raft-toolkit"):  # of one type
        sources.append(pa.Table.from_pylist(filled))
    for source in sources:
        rows, ledger = rows_of(source, target, on_error="skip")
        assert ledger.dialects == {name: 3}
        assert rows == expected.rows


# Of a table with a context that is a text they were five.
@pytest.mark.parametrize("context", ["c", {"title": [["t"]], "sentences": [["c"]]}])
def test_a_column_that_no_record_has_is_none_of_the_rows(context: object, tmp_path: Path) -> None:
    record = {
        "question": "q",
        "context": context,
        "instruction": "c\nq",
        "cot_answer": "x <ANSWER>: y",
    }
    table = pa.Table.from_pylist([record])
    lines, columns = tmp_path / "in.jsonl", tmp_path / "in.parquet"
    lines.write_text(json.dumps(record))
    parquet.write_table(table, columns)
    for source in (lines, columns, table):
        schema = raftfast.read(source, "eval").schema
        assert pa.schema(schema).names == ["question", "gold_final_answer", "context"]
    names = [pa.schema(raftfast.read(source, "raft").schema).names for source in (lines, columns)]
    assert names[0] == names[1]
    with_answer = table.append_column("answer", [["z"]])
    assert "answer" in pa.schema(raftfast.read(with_answer, "eval").schema).names
