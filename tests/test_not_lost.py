"""What has no place in a row, or would turn into its opposite there, is told and not lost."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

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
PAIR: Json = {"prompt": "Q", "completion": "A"}
ALPACA_ROW: Json = {"instruction": "Q", "input": "", "output": "A"}
RAFT_RECORD: Json = {"instruction": "Q", "cot_answer": "A"}
CHOICE: Json = {"question": "Q", "chosen": "A", "rejected": "B"}
LABELLED = {
    "a prompt and its completion": ("label", PAIR),
    "the same for LLaMA-Factory": ("kto_tag", PAIR),
    "an instruction and its output": ("kto_tag", ALPACA_ROW),
    "the same for TRL": ("label", ALPACA_ROW),
    "a record of Gorilla": ("kto_tag", RAFT_RECORD),
    "a legacy record": ("kto_tag", {"question": "Q", "context": "c", "cot_answer": "A"}),
    "a choice": ("label", CHOICE),
    "messages of TRL": ("label", CHAT_ROW),
    "messages of LLaMA-Factory": ("kto_tag", CHAT_ROW),
    "conversations": ("kto_tag", SHAREGPT_ROW),
    "conversations with a label": ("label", SHAREGPT_ROW),
}
EACH_LABELLED = pytest.mark.parametrize(("key", "row"), LABELLED.values(), ids=LABELLED)


@EACH_LABELLED
def test_an_answer_that_is_labelled_as_bad_is_none_to_train_on(key: str, row: Json) -> None:
    for bad in (False, 0, 0.0, "false", "False", "0"):
        assert Converter("chat", on_error="skip").convert_bytes(line_of({**row, key: bad})) == b""
        error = fault(Converter("trl-kto"), line_of({**row, key: bad}))
        assert (error.kind, "an answer to avoid" in str(error)) == ("unfit", True)
    for good in (True, None, 1, "true", "1"):
        assert len(chat(line_of({**row, key: good})).rows) == 1


# A column of zeros and ones was taken for one of good answers.
@pytest.mark.parametrize(("bad", "good"), [(False, True), (0, 1), (0.0, 1.0), ("false", "true")])
@EACH_LABELLED
def test_an_answer_that_a_column_labels_as_bad_is_none_to_train_on(
    key: str, row: Json, bad: object, good: object, tmp_path: Path
) -> None:
    rows = [{**row, key: bad}, {**row, key: good}]
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


TURN_KEYS = ["refusal", "image", "images", "video", "videos", "audio", "audios"]


@pytest.mark.parametrize("key", TURN_KEYS)
def test_what_a_message_holds_beside_its_text_is_not_left_out(key: str) -> None:
    message = {**ONE, key: ["something"]}
    assert fault(Converter("openai"), line_of({"messages": [USER, message]})).kind == "bad-turn"
    nothing: list[object] = [None, [], ""]
    for value in nothing:
        line = line_of({"messages": [USER, {**ONE, key: value}]})
        assert chat(line).rows == chat(line_of(CHAT_ROW)).rows


# A null after a value was passed over: the answer was not trained on.
@pytest.mark.parametrize("first", ['"weight": 0', '"name": "n"', '"tool_calls": [1]'])
def test_of_two_values_in_a_turn_the_last_one_counts_even_if_it_is_null(first: str) -> None:
    key = first.partition(":")[0]
    line = (
        '{"messages": [{"role": "user", "content": "Q"}, '
        f'{{"role": "assistant", "content": "A", {first}, {key}: null}}]}}\n'
    )
    (row,) = Converter("openai", check="off").convert_bytes(line.encode()).splitlines()
    assert json.loads(row)["messages"][1] == {"role": "assistant", "content": "A"}


SILENT: list[Json] = [{}, {"content": None}]


# Rows had a null where their consumers take texts only, whatever --check said.
@pytest.mark.parametrize("silent", SILENT, ids=["no content", "null"])
@pytest.mark.parametrize("to", ["chat", "gemini", "alpaca", "trl-conversational", "bedrock-nova"])
def test_a_turn_that_says_nothing_is_no_turn_of_a_row(to: str, silent: Json) -> None:
    asked = {**silent, "role": "user"}
    line = line_of({"messages": [asked, ONE, USER, ONE]})
    assert fault(Converter(to), line).kind == "unfit"
    with pytest.raises(raftfast.Error, match="missing_content"):
        Converter("openai", check="strict").convert_bytes(line)
    called = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    told = {"role": "tool", "content": "R", "tool_call_id": "1"}
    rows = Converter("chat").convert_bytes(line_of({"messages": [USER, called, told, ONE]}))
    assert len(rows.splitlines()) == 1


# A turn that rows need is filtered where it is not there, as it is in fields.
@pytest.mark.parametrize("silent", SILENT, ids=["no content", "null"])
@pytest.mark.parametrize("to", ["chat", "sharegpt", "alpaca", "completion", "openai"])
def test_a_last_question_or_answer_that_says_nothing_is_filtered(to: str, silent: Json) -> None:
    converter = Converter(to, check="off")
    for turns in ([USER, {**silent, "role": "assistant"}], [{**silent, "role": "user"}, ONE]):
        assert converter.convert_bytes(line_of({"messages": turns})) == b""
    assert sum(converter.ledger.filtered.values()) == 2


def test_no_calls_are_nothing_that_a_turn_says() -> None:
    silent: Json = {"role": "assistant", "content": None, "tool_calls": []}
    line = line_of({"messages": [USER, silent, USER, ONE]})
    assert fault(Converter("sharegpt"), line).kind == "unfit"


ANSWERED = {"dialog": ["###User: Q", "###Assistant: long reasoning"], "qa_answer": "short"}


# Those that list turns had the whole answer.
@pytest.mark.parametrize("to", ["chat", "sharegpt", "gemini", "completion", "alpaca", "torchtune"])
def test_the_final_answer_that_stands_beside_turns_is_that_of_every_target(to: str) -> None:
    row = Converter(to, answer="final", check="off").convert_bytes(line_of(ANSWERED))
    assert (b"short" in row, b"long" in row) == (True, False)


QUESTIONS = {
    "after the documents of the input": ("Answer.", "<DOCUMENT>d</DOCUMENT>\nQ?", "Q?"),
    "beside an input of documents": ("Q?", "<DOCUMENT>d</DOCUMENT>\n", "Q?"),
    "without an instruction": ("", "<DOCUMENT>d</DOCUMENT>\nQ?", "Q?"),
    "an input without documents": ("Q?", "more", "Q?"),
    "an input alone": ("", "Q?", "Q?"),
    "after the documents of the instruction": ("<DOCUMENT>d</DOCUMENT>\nQ?", "", "Q?"),
}


@pytest.mark.parametrize("answer", ["output", "chosen"])
@pytest.mark.parametrize(("instruction", "more", "asked"), QUESTIONS.values(), ids=QUESTIONS)
def test_the_question_of_an_instruction_and_an_input_is_what_is_asked(
    instruction: str, more: str, asked: str, answer: str
) -> None:
    record = {"instruction": instruction, "input": more, answer: "A", "rejected": "B"}
    (row,) = Converter("raft").convert_bytes(line_of(record)).splitlines()
    assert json.loads(row)["question"] == asked


class Unknown(NamedTuple):
    """A record with something else where a text should be, and what is said about it."""

    to: str
    record: Json
    told: str


DOCUMENTS = "a string, an array of strings, or an object with an array of sentences"
UNKNOWN = {
    "documents that are objects": Unknown(
        "chat",
        {"question": "Q", "context": [{"text": "D"}], "cot_answer": "A"},
        f"field 'context' must be {DOCUMENTS}, found an array",
    ),
    "documents of an object under another key": Unknown(
        "chat",
        {"question": "Q", "context": {"passages": ["D"]}, "cot_answer": "A"},
        f"field 'context' must be {DOCUMENTS}, found an object",
    ),
    "numbers for sentences": Unknown(
        "parts",
        {"question": "Q", "context": {"sentences": [[1]]}, "cot_answer": "A"},
        f"field 'context' must be {DOCUMENTS}, found an object",
    ),
    "a number for documents": Unknown(
        "chat",
        {"question": "Q", "context": 1, "cot_answer": "A"},
        f"field 'context' must be {DOCUMENTS}, found a number",
    ),
    "documents to refuse without": Unknown(
        "context-404",
        {
            "question": "Q",
            "context": [{"text": "D"}],
            "instruction": "Q",
            "oracle_context": "D",
            "cot_answer": "A",
        },
        f"field 'context' must be {DOCUMENTS}, found an array",
    ),
    "questions": Unknown(
        "chat",
        {"question": ["Q"], "context": ["D"], "cot_answer": "A"},
        "field 'question' must be a string, found an array",
    ),
    "a question beside a text of documents": Unknown(
        "chat",
        {"question": 1, "context": "D", "cot_answer": "A"},
        "field 'question' must be a string, found a number",
    ),
    "documents beside a gold answer": Unknown(
        "completion",
        {"question": "Q", "context": ["D"], "gold_final_answer": "A"},
        "field 'context' must be a string, found an array",
    ),
    "an input": Unknown(
        "chat",
        {"instruction": "I", "input": {"x": 1}, "output": "A"},
        "field 'input' must be a string, found an object",
    ),
    "a system message beside messages": Unknown(
        "openai",
        {"system": 1, "messages": [USER, ONE]},
        "field 'system' must be a string, found a number",
    ),
    "a part of a system message": Unknown(
        "chat",
        {"system": [{"text": "S"}, {"image": "I"}], "messages": [USER, ONE]},
        "field 'system' must be a string, found an array",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_no_text_is_not_left_out_of_the_text_that_it_belongs_in(
    case: Unknown, tmp_path: Path
) -> None:
    refused = fault(Converter(case.to, answer="either"), line_of(case.record))
    assert refused.kind == "wrong-type"
    assert case.told in str(refused)
    parquet.write_table(pa.Table.from_pylist([case.record]), tmp_path / "in.parquet")
    field = re.escape(case.told.partition(" must")[0].removeprefix("field "))
    with pytest.raises(raftfast.Error, match=f"{field} must"):
        raftfast.convert(tmp_path / "in.parquet", tmp_path / "out.jsonl", case.to, answer="either")


SEEN = {
    "messages": {"messages": [USER, ONE]},
    "conversations": SHAREGPT_ROW,
    "an instruction": {"instruction": "Q", "input": "", "output": "A"},
    "a prompt": {"prompt": "Q", "completion": "A"},
    "a prompt of messages": {"prompt": [USER], "completion": [ONE]},
}


@pytest.mark.parametrize("row", SEEN.values(), ids=SEEN)
@pytest.mark.parametrize("key", ["image", "images", "video", "videos", "audio", "audios"])
def test_what_a_question_shows_is_refused(row: Json, key: str) -> None:
    assert fault(Converter("chat"), line_of({**row, key: ["one"]})).kind == "unfit"
    nothing: list[object] = [[], None]
    for value in nothing:
        assert len(chat(line_of({**row, key: value})).rows) == 1


PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SHOWN: dict[str, tuple[pa.DataType, list[object], object]] = {
    "pictures": (pa.list_(PICTURE), [[]], [{"bytes": b"\xff"}]),
    "pictures in large lists": (pa.large_list(PICTURE), [[]], [{"bytes": b"\xff"}]),
    "a picture": (PICTURE, [], {"bytes": b"\xff"}),
    "bytes": (pa.binary(), [], b"\xff"),
    "a path": (pa.string(), [""], "one.png"),
    "paths": (pa.list_(pa.string()), [[]], ["one.png"]),
    "paths that are numbered": (pa.dictionary(pa.int8(), pa.string()), [], "one.png"),
    "names and paths": (pa.map_(pa.string(), pa.string()), [], [("one", "one.png")]),
    "pixels": (pa.list_(pa.float32(), 2), [], [0.5, 0.5]),
    "how long": (pa.duration("s"), [], 1),
}


@pytest.mark.parametrize("row", SEEN.values(), ids=SEEN)
@pytest.mark.parametrize(("kind", "nothing", "something"), SHOWN.values(), ids=SHOWN)
def test_what_a_question_shows_is_refused_in_a_column(
    row: Json, kind: pa.DataType, nothing: list[object], something: object, tmp_path: Path
) -> None:
    values = [None, *nothing, something, None]
    table = pa.Table.from_pylist([row] * len(values))
    table = table.append_column("images", pa.array(values, kind))
    parquet.write_table(table, tmp_path / "in.parquet")
    for source in (tmp_path / "in.parquet", table, table.slice(1)):
        ledger = raftfast.convert(source, tmp_path / "out.jsonl", on_error="skip")
        assert ledger.rejected == {"unfit": 1}
        assert ledger.read - ledger.written == 1


def test_definitions_of_functions_are_refused() -> None:
    line = line_of({"messages": [USER, ONE], "functions": [{"name": "f"}]})
    assert fault(Converter("openai"), line).kind == "unfit"
    line = line_of({"messages": [USER, ONE], "functions": "[]"})
    assert len(chat(line).rows) == 1


def test_the_system_prompt_of_mistral_finetune_is_the_system_message() -> None:
    for system in ({"system_prompt": "S"}, {"system_prompt": "other", "system": "S"}):
        row = chat(line_of({"messages": [USER, ONE], **system})).rows[0]
        assert row["messages"][0] == {"role": "system", "content": "S"}
    assert fault(Converter("completion"), line_of({"messages": [USER, ONE], "system_prompt": "S"}))


@pytest.mark.parametrize("nothing", ["", None])
def test_an_input_without_an_instruction_is_the_question(nothing: object) -> None:
    row = chat(line_of({"instruction": nothing, "input": "I", "output": "A"})).rows[0]
    assert row["messages"][1]["content"] == "I"


NOTHING_ASKED = {
    "documents": {"question": None, "context": ["D"], "cot_answer": "A"},
    "a text of documents": {"question": None, "context": "D", "cot_answer": "A"},
    "a gold answer": {"question": None, "context": "D", "gold_final_answer": "A"},
}


@pytest.mark.parametrize("record", NOTHING_ASKED.values(), ids=NOTHING_ASKED)
def test_documents_without_a_question_give_no_row(record: Json) -> None:
    converter = Converter("completion", answer="either")
    assert converter.convert_bytes(line_of(record)) == b""
    assert converter.ledger.filtered == {"instruction empty": 1}


@pytest.mark.parametrize("turns", ["last", "each"])
@pytest.mark.parametrize("to", ["chat", "bedrock-nova", "alpaca"])
def test_a_system_message_of_parts_is_the_text_of_them(
    to: str, turns: Literal["last", "each"]
) -> None:
    said = [USER, ONE, USER, ONE]
    parts, text = [{"text": "one, "}, {"text": "two"}], "one, two"
    rows = [
        Converter(to, turns=turns).convert_bytes(line_of({"system": system, "messages": said}))
        for system in (parts, text)
    ]
    assert rows[0] == rows[1]
    assert text in rows[0].decode()


def test_a_system_message_of_parts_is_refused_where_rows_have_no_place_for_one() -> None:
    line = line_of({"system": [{"text": "S"}], "messages": [USER, ONE]})
    assert fault(Converter("completion"), line).kind == "unfit"


# The titles were taken for documents.
def test_titles_beside_lists_of_sentences_are_no_documents() -> None:
    record = {"question": "Q", "context": [["Title", ["s1", "s2"]]], "cot_answer": "A"}
    told = f"field 'context' must be {DOCUMENTS}, found an array"
    assert told in str(fault(Converter("completion"), line_of(record)))


SYSTEM = {"role": "system", "content": "S\u00e9"}
NAMED = {"a user": ({**USER, "name": "N"}, ONE), "an assistant": (USER, {**ONE, "name": "N"})}


@pytest.mark.parametrize("turns", NAMED.values(), ids=NAMED)
def test_a_name_that_rows_have_for_other_turns_only_is_not_left_out(turns: tuple[Json]) -> None:
    line = line_of({"messages": [*turns]})
    assert fault(Converter("mistral"), line).kind == "unfit"
    assert b'"name":"N"' in Converter("openai").convert_bytes(line)


def test_the_name_of_a_tool_is_in_rows_that_have_it_for_tools() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "R", "tool_call_id": "a", "name": "N"},
        ONE,
    ]
    row = json.loads(Converter("mistral").convert_bytes(line_of({"messages": turns})))
    assert [turn.get("name") for turn in row["messages"]] == [None, None, "N", None]


BOTH: dict[str, Json] = {
    "messages": {"messages": [SYSTEM, USER, ONE]},
    "conversations": {
        "conversations": [{"from": "system", "value": "S\u00e9"}, *SHAREGPT_ROW["conversations"]]
    },
}


@pytest.mark.parametrize("row", BOTH.values(), ids=BOTH)
def test_of_two_system_messages_none_is_left_out(row: Json) -> None:
    for to in ("chat", "openai", "sharegpt", "trl-conversational"):
        for other in ("T", [{"text": "T"}]):
            line = line_of({**row, "system": other})
            assert fault(Converter(to), line).kind == "unfit"
        row_of = Converter(to).convert_bytes
        for same in ("S\u00e9", [{"text": "S"}, {"text": "\u00e9"}], "", None):
            line = line_of({**row, "system": same})
            for spelled in (line, line.replace(b"\\u00e9", "\u00e9".encode(), 1)):
                assert json.loads(row_of(spelled)) == json.loads(row_of(line_of(row)))


NULL_BESIDE: dict[str, tuple[Json, tuple[str, ...]]] = {
    "a prompt": ({"prompt": "P", "completion": "C"}, ("cot_answer", "oracle_document")),
    "a prompt among rows for evaluation": (
        {"prompt": "P", "completion": "C"},
        ("question", "gold_final_answer", "context"),
    ),
    "messages of TRL among them": (
        {
            "prompt": [{"role": "user", "content": "Q"}],
            "completion": [{"role": "assistant", "content": "A"}],
        },
        ("question", "gold_final_answer"),
    ),
    "an instruction": (
        {"instruction": "P", "output": "C"},
        ("cot_answer", "prompt", "completion", "question", "gold_final_answer"),
    ),
    "a choice": (
        {"prompt": "P", "chosen": "C", "rejected": "D"},
        (
            *("cot_answer", "context", "output", "completion", "oracle_document"),
            *("question", "gold_final_answer"),
        ),
    ),
    "documents": (
        {"question": "Q", "context": {"sentences": [["D"]]}, "cot_answer": "C"},
        ("gold_final_answer", "oracle_document"),
    ),
    "a text of documents": (
        {"question": "Q", "context": "D", "cot_answer": "C"},
        ("gold_final_answer", "oracle_document"),
    ),
    "an oracle": (
        {"question": "Q", "instruction": "I", "oracle_context": "O", "cot_answer": "C"},
        ("oracle_document",),
    ),
}


# They were rows of other dialects, and filtered there; of the last one the oracle was lost.
@pytest.mark.parametrize(("row", "keys"), NULL_BESIDE.values(), ids=NULL_BESIDE)
@pytest.mark.parametrize("to", ["chat", "raft"])
def test_a_key_that_is_null_is_none_that_tells_a_dialect(
    row: Json, keys: tuple[str, ...], to: str, tmp_path: Path
) -> None:
    converter = Converter(to)
    alone = converter.convert_bytes(line_of(row))
    assert len(alone.splitlines()) == 1
    nulls = dict.fromkeys(keys)
    assert converter.convert_bytes(line_of({**nulls, **row})) == alone
    assert converter.convert_bytes(line_of({**row, **nulls})) == alone
    parquet.write_table(pa.Table.from_pylist([{**row, **nulls}]), tmp_path / "in.parquet")
    raftfast.convert(tmp_path / "in.parquet", tmp_path / "out.jsonl", to)
    assert json.loads((tmp_path / "out.jsonl").read_bytes()) == json.loads(alone)


# In lines it was an error, in columns it was not.
@pytest.mark.parametrize("system", ["X", ""])
def test_a_system_message_that_is_given_is_that_of_records_with_two(
    system: str, tmp_path: Path
) -> None:
    turns = [{"role": "system", "content": "S2"}, {"role": "user", "content": "Q"}]
    row: Json = {"system": "S1", "messages": [*turns, {"role": "assistant", "content": "A"}]}
    for to in ("chat", "sharegpt", "alpaca"):
        alone = Converter(to, system=system).convert_bytes(line_of({"messages": row["messages"]}))
        assert Converter(to, system=system).convert_bytes(line_of(row)) == alone
        raftfast.convert(pa.Table.from_pylist([row]), tmp_path / "out", to, system=system)
        assert json.loads((tmp_path / "out").read_bytes()) == json.loads(alone)
        assert fault(Converter(to), line_of(row)).kind == "unfit"


def test_a_label_of_a_generator_s_record_may_be_one_of_anything() -> None:
    assert len(chat(line_of({**RAFT_RECORD, "label": 0})).rows) == 1


ASKED = {
    "messages": ("messages", [USER, ONE, USER]),
    "conversations": (
        "conversations",
        [
            {"from": "human", "value": "Q"},
            {"from": "gpt", "value": "A"},
            {"from": "human", "value": "R"},
        ],
    ),
}


# The chosen answer was lost, and the row ended with its question.
@pytest.mark.parametrize(("key", "turns"), ASKED.values(), ids=ASKED)
def test_an_answer_beside_turns_that_end_with_a_question_is_not_lost(
    key: str, turns: list[Json]
) -> None:
    row = {key: turns, "chosen": {"from": "gpt", "value": "C"}}
    assert fault(Converter("chat"), line_of(row)).kind == "unfit"
    assert Converter("hf").convert_bytes(line_of(row)).rstrip() == line_of(row).rstrip()
    assert len(chat(line_of({**row, key: turns[:2]})).rows) == 1
    assert len(chat(line_of({**row, "chosen": None})).rows) == 1


@pytest.mark.parametrize("role", ["developer", "tool"])
def test_a_turn_that_a_row_has_no_place_for_is_told_by_who_speaks(role: str) -> None:
    turns = [{"role": role, "content": "x"}, USER, ONE]
    told = str(fault(Converter("completion"), line_of({"messages": turns})))
    assert f"no place for a turn of {'the' if role == 'developer' else 'a'} {role}" in told


TWICE: dict[str, dict[str, Any]] = {
    "for the answers of others": {"output": "out.jsonl", "to": "trl-dpo", "rejected": "other"},
    "for shards": {"output": "out.jsonl", "shards": 2},
}
# Lines are divided into shards, and read once.
READINGS = [
    pytest.param(options, ending, id=f"{what}, {ending}")
    for what, options in TWICE.items()
    for ending in ("jsonl", "jsonl.gz", "parquet")
    if (what, ending) != ("for shards", "jsonl")
]


# Rows were of one file, and columns or rejected answers of the other.
@pytest.mark.parametrize(("options", "ending"), READINGS)
def test_an_input_that_changes_between_two_readings_is_told(
    options: dict[str, Any], ending: str, folder: Path
) -> None:
    source = folder / f"in.{ending}"
    for name, count in ((source, 9), (folder / f"new.{ending}", 5)):
        lines = b"".join(
            line_of({**RAFT_RECORD, "instruction": f"Q{n}"}) + b"\n" for n in range(count)
        )
        (folder / "lines.jsonl").write_bytes(lines)
        raftfast.convert("lines.jsonl", name, "hf")

    def change(_done: int, _total: int | None) -> None:
        new = folder / f"new.{ending}"
        if new.exists():
            new.replace(source)

    with pytest.raises(raftfast.Error, match=r"changed|other rows") as caught:
        raftfast.convert(source, **options, progress=change)
    assert caught.value.kind == "input-changed"
    assert not list(folder.glob("out*"))
