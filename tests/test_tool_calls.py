"""Calls of tools go from messages to rows that tell them as text, and back."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import raftfast
from raftfast import Converter, Error

if TYPE_CHECKING:
    from pathlib import Path

Json = Any

QUESTION = {"role": "user", "content": "q"}
ANSWER = {"role": "assistant", "content": "a"}
RESULT = {"role": "tool", "content": "r"}
ASKED, ANSWERED = {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}
OBSERVED = {"from": "observation", "value": "r"}


def call(name: str, arguments: Json, number: int = 1) -> Json:
    function = {"name": name, "arguments": arguments}
    return {"id": f"call{number:05}", "type": "function", "function": function}


def calling(*calls: Json, content: str | None = None) -> Json:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def converted(record: Json, to: str) -> Json:
    line = json.dumps(record).encode()
    return json.loads(Converter(to).convert_bytes(line))


class Told(NamedTuple):
    """Calls of a message, and the text that tells them."""

    calls: list[Json]
    text: str


TOLD = {
    "one call": Told([call("f", '{"x":1}')], '{"name":"f","arguments":{"x":1}}'),
    "no arguments": Told([call("f", "{}")], '{"name":"f","arguments":{}}'),
    "two calls": Told(
        [call("f", "{}"), call("g", '{"y":[]}', 2)],
        '[{"name":"f","arguments":{}},{"name":"g","arguments":{"y":[]}}]',
    ),
    "quotes, escapes, other letters": Told(
        [call('"\\\u00fc', '{"\\n\u20ac": "\\"\\u00fc", "n": 1E400}')],
        '{"name":"\\"\\\\\\u00fc","arguments":{"\\n\u20ac": "\\"\\u00fc", "n": 1E400}}',
    ),
}


@pytest.mark.parametrize(("calls", "text"), TOLD.values(), ids=TOLD)
def test_calls_become_a_text_of_names_and_arguments_and_calls_again(
    calls: list[Json], text: str
) -> None:
    messages = [QUESTION, calling(*calls), {**RESULT, "tool_call_id": "call00001"}, ANSWER]
    row = converted({"messages": messages}, "sharegpt")
    told = {"from": "function_call", "value": text}
    assert row["conversations"] == [ASKED, told, OBSERVED, ANSWERED]
    assert converted(row, "openai") == {"messages": messages}
    assert converted(row, "sharegpt") == row


def test_arguments_that_are_an_object_already_are_told_as_they_are() -> None:
    row = converted({"messages": [QUESTION, calling(call("f", {"x": 1})), ANSWER]}, "sharegpt")
    assert json.loads(row["conversations"][1]["value"]) == {"name": "f", "arguments": {"x": 1}}


def test_each_result_answers_the_next_call_that_has_none() -> None:
    talk = [
        ASKED,
        {"from": "function_call", "value": json.dumps([{"name": "f", "arguments": {}}] * 2)},
        *[OBSERVED] * 3,
        {"from": "function_call", "value": '{"name": "f", "arguments": "{}"}'},
        OBSERVED,
        ANSWERED,
    ]
    messages = converted({"conversations": talk}, "openai")["messages"]
    results = [turn.get("tool_call_id") for turn in messages if turn["role"] == "tool"]
    ids = [one["id"] for turn in messages for one in turn.get("tool_calls", ())]
    assert ids == ["call00001", "call00002", "call00003"]
    assert results == ["call00001", "call00002", None, "call00003"]


UNFIT = {
    "a text beside them": calling(call("f", "{}"), content="I will look."),
    "arguments that are no object": calling(call("f", "[1]")),
    "arguments that are no JSON": calling(call("f", "{x}")),
    "arguments that are two objects": calling(call("f", "{}{}")),
    "arguments that are a number": calling(call("f", 1)),
    "no arguments": calling({"type": "function", "function": {"name": "f"}}),
    "a name that is a number": calling({"function": {"name": 1, "arguments": "{}"}}),
    "no function": calling({"type": "code"}),
    "one that is no object": calling("f"),
    "an object and not a list": {"role": "assistant", "content": None, "tool_calls": {"a": 1}},
}


@pytest.mark.parametrize("turn", UNFIT.values(), ids=UNFIT)
def test_calls_are_not_lost_in_silence_if_there_is(turn: Json) -> None:
    with pytest.raises(Error, match="the target has no place for") as caught:
        converted({"messages": [QUESTION, turn, ANSWER]}, "sharegpt")
    assert (caught.value.kind, caught.value.line) == ("unfit", 1)


NO_CALLS = [
    r'{"name": "\ud800", "arguments": {}}',
    "f()",
    "",
    "7",
    "[7]",
    "null",
    '{"name": "f"}',
    '{"name": "f", "arguments": {}',
    "[{}]",
]


@pytest.mark.parametrize("value", [*NO_CALLS, 7, None])
def test_a_turn_of_calls_that_says_none_is_an_error_that_names_the_turn(value: Json) -> None:
    talk = [ASKED, {"from": "function_call", "value": value}, ANSWERED]
    with pytest.raises(Error, match="turn 2") as caught:
        converted({"conversations": talk}, "openai")
    assert caught.value.kind == "bad-turn"


def test_the_role_of_calls_is_a_word_of_dialects_and_not_of_records() -> None:
    with pytest.raises(Error, match="turn 2 has an unknown role"):
        converted({"messages": [QUESTION, {"role": "calls", "content": "{}"}, ANSWER]}, "openai")


TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"x": '\u00fc"'}}}]


@pytest.mark.parametrize(
    ("tools", "told"),
    [
        (TOOLS, json.dumps(TOOLS)),
        ([], "[]"),
        ({}, "{}"),
        (json.dumps(TOOLS), json.dumps(TOOLS)),
        ("", ""),
        (None, ""),
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "arrow", "parquet"])
def test_the_tools_of_a_record_are_told_as_text(
    tmp_path: Path, tools: Json, told: str, ending: str
) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / f"out.{ending}"
    source.write_text(json.dumps({"messages": [QUESTION, ANSWER], "tools": tools}) + "\n")
    raftfast.convert(source, output, to="sharegpt")
    (row,) = raftfast.to_dataset(output, to="hf")
    assert row["tools"] == told


WITH_TOOLS = ["chat", "openai", "azure", "fireworks", "mistral", "axolotl", "mlx"]


@pytest.mark.parametrize(
    ("tools", "written"),
    [
        (TOOLS, {"tools": TOOLS}),
        (json.dumps(TOOLS), {"tools": TOOLS}),
        (json.dumps(TOOLS, indent=1, ensure_ascii=False), {"tools": TOOLS}),
        (json.dumps([TOOLS[0]["function"]], indent=1), {"tools": TOOLS}),
        (json.dumps([*TOOLS, TOOLS[0]["function"]]), {"tools": [*TOOLS, *TOOLS]}),
        ([TOOLS[0]["function"]], {"tools": [TOOLS[0]["function"]]}),
        (json.dumps({"name": "f"}), {"tools": {"name": "f"}}),
        ("not JSON", {"tools": "not JSON"}),
        ('["\\ud800"]', {"tools": '["\\ud800"]'}),
        ([], {}),
        ("[]", {}),
        ("", {}),
        (None, {}),
    ],
)
@pytest.mark.parametrize("to", WITH_TOOLS)
def test_the_tools_of_a_record_go_with_its_turns(to: str, tools: Json, written: Json) -> None:
    line = json.dumps({"messages": [QUESTION, ANSWER], "tools": tools}).encode()
    (row,) = raftfast.Converter(to, system="").convert_bytes(line).splitlines()
    assert json.loads(row) == {"messages": [QUESTION, ANSWER], **written}


@pytest.mark.parametrize("said", [True, False, None])
def test_whether_tools_may_be_called_at_once_goes_to_those_that_ask(*, said: bool | None) -> None:
    record = {"messages": [QUESTION, ANSWER], "tools": TOOLS}
    line = json.dumps({**record, "parallel_tool_calls": said}).encode()
    expected = record if said is None else {**record, "parallel_tool_calls": said}
    for to in ("openai", "azure"):
        assert json.loads(raftfast.Converter(to, system="").convert_bytes(line)) == expected
    assert json.loads(raftfast.Converter("mistral", system="").convert_bytes(line)) == record


def test_tools_come_back_from_where_they_were_told_as_text() -> None:
    record = {"messages": [QUESTION, ANSWER], "tools": TOOLS}
    told = raftfast.Converter("sharegpt").convert_bytes(json.dumps(record).encode())
    assert json.loads(raftfast.Converter("openai").convert_bytes(told)) == record


BESIDE = {
    "an instruction": {"instruction": "Q", "input": "", "output": "A"},
    "a prompt": {"prompt": "Q", "completion": "A"},
    "a choice": {"prompt": "Q", "chosen": "A", "rejected": "B"},
    "messages": {"messages": [QUESTION, ANSWER]},
}


@pytest.mark.parametrize("record", BESIDE.values(), ids=BESIDE)
def test_tools_beside_what_trainers_take_are_written_or_refused(record: Json) -> None:
    assert converted({**record, "tools": TOOLS}, "openai")["tools"] == TOOLS
    with pytest.raises(Error, match="no place for definitions of tools"):
        converted({**record, "tools": TOOLS}, "alpaca")
    assert converted({**record, "tools": []}, "alpaca") == converted(record, "alpaca")


TEXTS_ALONE = {
    "documents": '{"documents": [{"$each": "documents", "do": "{text}"}]}',
    "quotes": '{"quotes": [{"$each": "quotes", "do": "{text}"}]}',
    "a field that all records have under its name": '{"type": "{type}"}',
}


@pytest.mark.parametrize("row", TEXTS_ALONE.values(), ids=TEXTS_ALONE)
@pytest.mark.parametrize("record", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("beside", [{"tools": TOOLS}, {"images": ["one"]}], ids=["tools", "images"])
def test_what_rows_of_texts_alone_would_lose_is_refused(
    record: Json, row: str, beside: Json, tmp_path: Path
) -> None:
    target = tmp_path / "mine.toml"
    target.write_text(f"name = 'mine'\nrow = '''{row}'''\n")
    assert converted({**record, "type": "t"}, str(target))
    with pytest.raises(Error, match="no place for"):
        converted({**record, "type": "t", **beside}, str(target))


def test_rows_in_columns_have_no_tools_and_a_record_with_some_is_an_error(tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.arrow"
    source.write_text(json.dumps({"messages": [QUESTION, ANSWER], "tools": []}) + "\n")
    raftfast.convert(source, output, to="chat")
    assert raftfast.to_dataset(output, to="hf").column_names == ["messages"]
    source.write_text(json.dumps({"messages": [QUESTION, ANSWER], "tools": TOOLS}) + "\n")
    with pytest.raises(raftfast.UsageError, match=r"'tools' is for, .*: write JSON lines"):
        raftfast.convert(source, output, to="chat")
    said = {"messages": [QUESTION, ANSWER], "parallel_tool_calls": False}
    source.write_text(json.dumps(said) + "\n")
    with pytest.raises(raftfast.UsageError, match=r"'parallel_tool_calls' is for, .*: write JSON"):
        raftfast.convert(source, output, to="openai")


def test_rows_with_calls_are_what_their_target_checks() -> None:
    told = {"from": "function_call", "value": '{"name":"f","arguments":{}}'}
    talks = ([ASKED, told], [ASKED, told, OBSERVED, ANSWERED], [ASKED, told, OBSERVED, told])
    rows = [json.dumps({"conversations": talk, "system": "", "tools": ""}) for talk in talks]
    found = raftfast.validate(io.BytesIO("\n".join(rows).encode()), to="sharegpt")
    assert (found.right, found.wrong) == (3, 0)
    wrong = json.dumps({"conversations": [ASKED, ANSWERED, told], "system": "", "tools": ""})
    found = raftfast.validate(io.BytesIO(wrong.encode()), to="sharegpt")
    assert found.broken == {"Invalid role tag": 1}


@pytest.mark.parametrize(
    "messages",
    [
        [QUESTION, calling(call("f", "{}"))],
        [QUESTION, calling(call("f", "{}")), {**RESULT, "tool_call_id": "call00001"}, ANSWER],
    ],
)
def test_rows_that_call_tools_break_no_rule(messages: list[Json]) -> None:
    line = json.dumps({"messages": messages}).encode()
    for target in ("sharegpt", "mistral"):
        rows = io.BytesIO()
        raftfast.convert(io.BytesIO(line), rows, to=target, check="strict")
        assert b"arguments" in rows.getvalue()


def answering(number: int, text: str = "r") -> Json:
    return {"role": "tool", "content": text, "tool_call_id": f"call{number:05}"}


class Results(NamedTuple):
    """Turns of calls and results, and whether their order tells whose results they are."""

    turns: list[Json]
    told: bool


BOTH = calling(call("f", "{}"), call("g", "{}", 2))
RESULTS = {
    "in order": Results([BOTH, answering(1), answering(2)], told=True),
    "the first only": Results([BOTH, answering(1)], told=True),
    "the second only": Results([BOTH, answering(2)], told=False),
    "the other way round": Results([BOTH, answering(2), answering(1)], told=False),
    "without ids": Results([BOTH, RESULT, RESULT], told=True),
    "the first without an id": Results([BOTH, RESULT, answering(2)], told=True),
    "an id that is null": Results(
        [calling({**call("f", "{}"), "id": None}), answering(1)], told=True
    ),
    "an id that is empty": Results(
        [calling(call("f", "{}")), {**RESULT, "tool_call_id": ""}], told=True
    ),
    "calls of two turns": Results(
        [calling(call("f", "{}")), answering(1), calling(call("g", "{}", 2)), answering(2)],
        told=True,
    ),
    "calls of two turns, answered by the other": Results(
        [calling(call("f", "{}")), answering(2), calling(call("g", "{}", 2)), answering(1)],
        told=False,
    ),
}


@pytest.mark.parametrize("case", RESULTS.values(), ids=RESULTS)
def test_results_change_hands_in_no_row_without_ids(case: Results) -> None:
    record = {"messages": [QUESTION, *case.turns, ANSWER]}
    assert converted(record, "fireworks")["messages"][1:-1]
    if case.told:
        assert converted(record, "sharegpt")
        return
    with pytest.raises(Error, match="results of tools in another order than their calls"):
        converted(record, "sharegpt")


def test_an_id_is_the_same_however_it_is_spelled() -> None:
    record = {"messages": [QUESTION, calling(call("f", "{}")), answering(1), ANSWER]}
    line = json.dumps(record).encode()
    respelled = line.replace(b'"tool_call_id": "call', b'"tool_call_id": "\\u0063all')
    assert respelled != line
    assert Converter("sharegpt").convert_bytes(respelled) == Converter("sharegpt").convert_bytes(
        line
    )
