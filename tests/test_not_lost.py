"""What has no place in a row, or would turn into its opposite there, is told and not lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import raftfast
from meant import ONE, USER, Json, chat, fault, line_of
from pyarrow import parquet
from raftfast import Converter

if TYPE_CHECKING:
    from pathlib import Path

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
BESIDE_TOOLS = line_of({"messages": [USER, ONE], "tools": [TOOL]})


@pytest.mark.parametrize("to", ["alpaca", "trl-conversational", "together", "completion"])
def test_no_definitions_of_tools_are_lost_where_rows_have_no_place_for_them(to: str) -> None:
    assert fault(Converter(to), BESIDE_TOOLS).kind == "unfit"
    huge = BESIDE_TOOLS.replace(b'"parameters": {}', b'"parameters": 1e400')
    assert fault(Converter(to), huge).kind == "unfit"
    nothing: list[object] = [None, [], "[]"]
    for tools in nothing:
        line = line_of({"messages": [USER, ONE], "tools": tools})
        assert len(Converter(to).convert_bytes(line).splitlines()) == 1


CHAT_ROW: Json = {"messages": [USER, ONE]}
SHAREGPT_ROW: Json = {
    "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]
}
LABELLED = {
    "a prompt and its completion": ("label", {"prompt": "Q", "completion": "A"}),
    "an instruction and its output": ("kto_tag", {"instruction": "Q", "input": "", "output": "A"}),
    "messages of TRL": ("label", CHAT_ROW),
    "messages of LLaMA-Factory": ("kto_tag", CHAT_ROW),
    "conversations": ("kto_tag", SHAREGPT_ROW),
}
EACH_LABELLED = pytest.mark.parametrize(("key", "row"), LABELLED.values(), ids=LABELLED)


@EACH_LABELLED
def test_an_answer_that_is_labelled_as_bad_is_none_to_train_on(key: str, row: Json) -> None:
    assert Converter("chat", on_error="skip").convert_bytes(line_of({**row, key: False})) == b""
    for good in (True, None):
        assert len(chat(line_of({**row, key: good})).rows) == 1


@EACH_LABELLED
def test_an_answer_that_a_column_labels_as_bad_is_none_to_train_on(
    key: str, row: Json, tmp_path: Path
) -> None:
    rows = [{**row, key: False}, {**row, key: True}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    ledger = raftfast.convert(tmp_path / "in.parquet", tmp_path / "out.jsonl", on_error="skip")
    assert (ledger.read, ledger.written) == (2, 1)


NULLS = {
    "messages": {"messages": None},
    "conversations": {"conversations": None},
    "dialog": {"dialog": None},
}


@pytest.mark.parametrize("null", NULLS.values(), ids=NULLS)
def test_a_list_of_turns_that_is_null_tells_no_dialect(null: Json) -> None:
    line = line_of({"instruction": "Q", "cot_answer": "A", **null})
    row = b'{"prompt":"Q","completion":"A<STOP>"}\n'
    assert Converter("completion").convert_bytes(line) == row


def test_a_column_of_turns_tells_the_dialect_of_rows_in_which_it_is_not_null(
    tmp_path: Path,
) -> None:
    rows = [
        {"instruction": "Q", "cot_answer": "A", "messages": None},
        {"instruction": None, "cot_answer": None, "messages": [USER, ONE]},
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    ledger = raftfast.convert(tmp_path / "in.parquet", tmp_path / "out.jsonl", to="completion")
    assert (ledger.written, ledger.dialects) == (2, {"gorilla": 1, "messages": 1})


def test_the_final_answer_is_found_in_the_chain_of_thought_where_there_is_no_short_one() -> None:
    records = [
        {"question": "Q", "context": {"sentences": [["D"]]}, "cot_answer": "r <ANSWER>: B"},
        {"dialog": ["###User: Q", "###Assistant: r <ANSWER>: B"]},
    ]
    to = Converter("completion", answer="final")
    rows = to.convert_bytes(b"\n".join(map(line_of, records))).splitlines()
    assert [json.loads(row)["completion"] for row in rows] == ["B<STOP>"] * 2
