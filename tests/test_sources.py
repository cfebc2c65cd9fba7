"""Lines, arrays and tables of the same records give the same rows."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast
from corpora import values_of
from meant import DETAILS, EACH, GOLDENS, NAMES, ONE, Outcome, chat, details, plain_chat, says, talk
from pyarrow import parquet
from raftfast.errors import Error

if TYPE_CHECKING:
    from pathlib import Path


def rows_of(source: object, to: object, **options: Any) -> Outcome:  # noqa: ANN401
    output = io.BytesIO()
    ledger = raftfast.convert(source, output, to, **options)  # type: ignore[arg-type]
    return Outcome(values_of(output.getvalue()), ledger)


# Rows for evaluation have no answer with reasons; files in which no record has one are an error.
EACH_ANSWERED = pytest.mark.parametrize("name", [name for name in NAMES if name != "eval-rows"])


def told_in_table(name: str) -> str:
    """Name the dialect of a table, whose columns do not tell how its documents are nested."""
    return "gorilla" if name == "raft-local" else name


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
    assert ledger.dialects == {told_in_table(name): 3}
    assert ledger.repaired == expected.ledger.repaired


@EACH
def test_a_table_of_one_record_gives_its_row(name: str, line: bytes, target: Path) -> None:
    if name == "eval-rows":
        with pytest.raises(Error, match="no record has the field 'cot_answer'"):
            rows_of(table_of(line), target)
        return
    rows, ledger = rows_of(table_of(line), target)
    assert rows == details(line).rows
    assert ledger.dialects == {told_in_table(name): 1}


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
    assert ledger.dialects == {told_in_table(name): 3}


def test_parts_that_are_texts_are_one_text() -> None:
    parts = [{"type": "text", "text": 'a "part", '}, {"text": "and \u00fc", "type": "text"}]
    rows = plain_chat(talk(says("user", parts), ONE)).rows
    assert rows[0]["messages"][0] == says("user", 'a "part", and \u00fc')
