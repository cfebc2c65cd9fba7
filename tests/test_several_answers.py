"""A target of one answer gets an error, the last or each; no question gets another's answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import raftfast
from corpora import lines_of
from meant import (
    AGAIN,
    GOLDENS,
    ONE,
    SEVERAL,
    SYSTEM,
    TWO,
    USER,
    chat,
    converted,
    fault,
    line_of,
    plain_chat,
    says,
    talk,
)
from pyarrow import parquet
from raftfast import Converter
from raftfast.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

EACH_SEVERAL = pytest.mark.parametrize("line", SEVERAL.values(), ids=SEVERAL)


@EACH_SEVERAL
def test_several_answers_are_an_error_where_one_is_taken(line: bytes) -> None:
    error = fault(Converter("completion"), GOLDENS["gorilla"][0], line)
    assert (error.kind, error.line) == ("many-turns", 2)
    assert "2 answers" in str(error)
    skipped = converted(Converter("completion", on_error="skip"), line)
    assert (skipped.rows, skipped.ledger.rejected) == ([], {"many-turns": 1})


@EACH_SEVERAL
def test_the_last_question_and_its_answer_are_taken_if_asked(line: bytes) -> None:
    rows = converted(Converter("completion", turns="last"), line).rows
    assert rows == [{"prompt": "second?", "completion": "two<STOP>"}]


@EACH_SEVERAL
@pytest.mark.parametrize("turns", ["error", "last"])
def test_chat_has_every_turn_whatever_becomes_of_several(line: bytes, turns: str) -> None:
    rows = plain_chat(line, turns=turns).rows
    assert rows == [{"messages": [USER, ONE, AGAIN, TWO]}]


UNANSWERED = {
    "a question at the end": talk(USER, ONE, AGAIN),
    "an answer without text": talk(USER, ONE, AGAIN, says("assistant", None)),
    "an empty answer": talk(USER, ONE, AGAIN, says("assistant", "")),
}


@pytest.mark.parametrize("line", UNANSWERED.values(), ids=UNANSWERED)
def test_no_question_gets_the_answer_of_another(line: bytes) -> None:
    converter = Converter("completion", turns="last", on_error="skip")
    prompts = [row["prompt"] for row in converted(converter, line).rows]
    assert "second?" not in prompts


SYSTEMS = {
    "in messages": talk(says("system", "Be brief."), USER, ONE),
    "in turns from a system": line_of(
        {
            "conversations": [
                {"from": "system", "value": "Be brief."},
                {"from": "human", "value": "first?"},
                {"from": "gpt", "value": "one"},
            ]
        }
    ),
    "beside the turns": line_of(
        {
            "conversations": [
                {"from": "human", "value": "first?"},
                {"from": "gpt", "value": "one"},
            ],
            "system": "Be brief.",
        }
    ),
    "of Alpaca": line_of(
        {"instruction": "first?", "input": "", "output": "one", "system": "Be brief."}
    ),
    "of Gorilla's record": line_of(
        {"instruction": "first?", "cot_answer": "one", "system": "Be brief."}
    ),
    "beside messages, as Bedrock has it": line_of({"system": "Be brief.", "messages": [USER, ONE]}),
}
EACH_SYSTEM = pytest.mark.parametrize("line", SYSTEMS.values(), ids=SYSTEMS)


@EACH_SYSTEM
def test_the_system_message_of_a_record_comes_before_the_targets_own(line: bytes) -> None:
    assert chat(line).rows == [{"messages": [says("system", "Be brief."), USER, ONE]}]


@EACH_SYSTEM
def test_a_system_message_that_is_given_is_that_of_all_rows(line: bytes) -> None:
    rows = chat(line, system="Given.").rows
    assert rows == [{"messages": [says("system", "Given."), USER, ONE]}]
    assert chat(line, system="").rows == [{"messages": [USER, ONE]}]


@EACH_SYSTEM
def test_no_system_message_is_lost_where_rows_have_no_place_for_it(line: bytes) -> None:
    refused = fault(Converter("completion"), line)
    assert (refused.kind, "(--no-system leaves it out)" in str(refused)) == ("unfit", True)


@EACH_SYSTEM
@pytest.mark.parametrize("to", ["completion", "torchtune-instruct"])
def test_a_system_message_is_left_out_on_demand_also_where_rows_have_no_place_for_it(
    to: str, line: bytes
) -> None:
    rows = converted(Converter(to, system=""), line).rows
    assert rows == converted(Converter(to), line_of({"messages": [USER, ONE]})).rows


def test_of_a_record_that_is_taken_whole_nothing_is_left_out() -> None:
    with pytest.raises(UsageError, match="target hf has no setting 'system'"):
        Converter("hf", system="")


def test_a_system_message_comes_back_from_a_record_made_of_its_conversation() -> None:
    talk_of_three = talk(says("system", "Be brief."), USER, ONE)
    made = Converter("raft").convert_bytes(talk_of_three)
    assert chat(made).rows == chat(talk_of_three).rows


def test_a_column_of_system_messages_is_read_as_those_of_lines(tmp_path: Path) -> None:
    columns = {"instruction": ["Q"] * 2, "cot_answer": ["A"] * 2, "system": ["Be brief.", None]}
    parquet.write_table(pa.table(columns), tmp_path / "in.parquet")
    raftfast.convert(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    rows = lines_of((tmp_path / "out.jsonl").read_bytes())
    said = [json.loads(row)["messages"][0]["content"] for row in rows]
    assert said == ["Be brief.", SYSTEM]


EMPTY = {
    "an empty output": (b'{"instruction":"Q","input":"","output":"","history":[["a","b"]]}', {}),
    "no final answer": (
        b'{"instruction":"Q","input":"","output":"why <ANSWER>: ","history":[["a","b"]]}',
        {"answer": "final"},
    ),
}


# They ended the run, as a question without an answer.
@pytest.mark.parametrize("to", ["alpaca", "completion", "chat"])
@pytest.mark.parametrize(("line", "options"), EMPTY.values(), ids=EMPTY)
def test_a_history_without_an_answer_after_it_is_filtered(
    to: str, line: bytes, options: dict[str, Any]
) -> None:
    ledger = converted(Converter(to, turns="last", **options), line).ledger
    assert ledger.filtered == {"cot_answer empty": 1}


@pytest.mark.parametrize("to", ["completion", "torchtune-instruct"])
def test_an_empty_system_message_is_none_where_there_is_no_place_for_one(to: str) -> None:
    silent, none = talk(says("system", ""), USER, ONE), talk(USER, ONE)
    assert converted(Converter(to), silent).rows == converted(Converter(to), none).rows


def test_an_answer_that_is_not_trained_on_gives_no_row_of_raft() -> None:
    line = talk(USER, {**ONE, "weight": 0}, AGAIN, TWO)
    assert fault(Converter("raft", turns="each"), line).kind == "unfit"


@pytest.mark.parametrize("record", [{"instruction": ""}, {}], ids=["alpaca", "input-output"])
def test_the_history_of_an_input_is_in_its_row(record: dict[str, str]) -> None:
    line = line_of({**record, "input": "i", "output": "o", "history": [["a", "b"]]})
    (row,) = plain_chat(line).rows
    assert [turn["content"] for turn in row["messages"]] == ["a", "b", "i", "o"]
