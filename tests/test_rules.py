"""A row that a consumer refuses breaks a rule, which is counted or rejects it, as asked."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import raftfast
from raftfast import Converter, Error

if TYPE_CHECKING:
    from pathlib import Path

    from documented import Row

BREAKING = {
    "a text that no content may hold": ("bedrock-nova", ["user", "assistant"], "forbidden"),
    "a last turn of a user": ("mistral", ["user", "assistant", "user"], "last"),
    "a first turn of an assistant": ("bedrock-claude", ["assistant", "user", "assistant"], "first"),
    "two turns of one role": ("together", ["user", "user", "assistant"], "alternate"),
    "a user after a tool": ("fireworks", ["user", "tool", "user", "assistant"], "after"),
    "two tools after one another": ("sharegpt", ["user", "tool", "tool", "assistant"], "after"),
    "a late system message": ("mistral", ["user", "assistant", "system", "assistant"], "after"),
}


@pytest.mark.parametrize(("name", "roles", "rule"), BREAKING.values(), ids=BREAKING)
def test_a_row_that_breaks_a_rule_is_counted_or_rejected_as_asked(
    name: str, roles: list[str], rule: str
) -> None:
    text = "User: x" if rule == "forbidden" else "x"
    record = {"messages": [{"role": role, "content": text} for role in roles]}
    line = json.dumps(record).encode() + b"\n"
    own = rule_name(name, rule)
    counts = {}
    for check in ("off", "warn", "strict"):
        to = Converter(name, check=check, on_error="skip")
        to.convert_bytes(line * 2)
        counts[check] = (to.ledger.written, to.ledger.warned, to.ledger.rejected)
        assert to.ledger.rejected_rules == ({own: 2} if check == "strict" else {})
    assert counts["off"] == (2, {}, {})
    assert counts["warn"] == (2, {own: 2}, {})
    assert counts["strict"] == (0, {}, {"rule": 2})


def rule_name(target: str, rule: str) -> str:
    """Return what the consumer calls a broken rule."""
    _, _, names = Converter.target_file(target).partition("[rules.names]")
    found = re.search(rf'^{rule} = "(.*)"$', names, re.MULTILINE)
    return found[1] if found else rule


MESSAGES = """
name = "own"
row = '''{"messages": [{"$each": "messages", "do": {
    "role": "{role}", "content": "{content}",
    "tool_calls": {"$if": "tool_calls", "then": "{tool_calls}"},
    "tool_call_id": {"$if": "tool_call_id", "then": "{tool_call_id}"},
    "weight": {"$if": "weight", "then": "{weight}"}
}}]}'''

[settings]
system = ""

[rules]
"""
A_QUESTION = {"role": "user", "content": "Q"}
AN_ANSWER = {"role": "assistant", "content": "A"}
A_SYSTEM = {"role": "system", "content": "S"}
A_RECORD = {"instruction": "Q", "cot_answer": "A"}
A_CALL = {"role": "assistant", "tool_calls": [{"id": "1"}]}
TWO_CALLS = {"role": "assistant", "tool_calls": [{"id": "1"}, {"id": "2"}]}
A_RESULT = {"role": "tool", "content": "T", "tool_call_id": "1"}
A_LAST_CALL: Row = {"role": "assistant", "tool_calls": [{"function": {}}]}


def calling(arguments: object) -> dict[str, Any]:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def called(id_: object) -> list[Row]:
    """Return a conversation in which a call of this id is answered."""
    call = {"role": "assistant", "tool_calls": [{"id": "abc123DEF"}, {"id": id_}]}
    return [A_QUESTION, call, {"role": "tool", "content": "T", "tool_call_id": id_}, AN_ANSWER]


def answered(id_: object) -> list[Row]:
    """Return the same with an id that only the tool has."""
    return [*called("abc123DEF")[:2], {"role": "tool", "content": "T", "tool_call_id": id_}]


# A rule, a record that breaks it, one that does not.
OWN_RULES: dict[str, tuple[str, list[Row] | Row, list[Row] | Row]] = {
    "nobody answers": ('has = ["assistant"]', [A_QUESTION], [A_QUESTION, AN_ANSWER]),
    "two must speak": ('has = ["user", "assistant"]', [AN_ANSWER], [AN_ANSWER, A_QUESTION]),
    "a late system message": (
        "system_first = true",
        [A_QUESTION, A_SYSTEM, AN_ANSWER],
        [A_SYSTEM, A_QUESTION, AN_ANSWER],
    ),
    "a turn that may not follow": (
        'after = { system = ["user"] }',
        [A_QUESTION, A_SYSTEM, AN_ANSWER],
        [A_QUESTION, A_SYSTEM, A_QUESTION],
    ),
    "a text beside calls": (
        "calls_alone = true",
        [A_QUESTION, {**A_CALL, "content": "x"}],
        [A_QUESTION, {**A_CALL, "content": ""}],
    ),
    "a call that is not answered": (
        "calls_answered = true",
        [A_QUESTION, A_CALL, AN_ANSWER],
        [A_QUESTION, A_CALL, A_RESULT, AN_ANSWER],
    ),
    "one of two calls that is not answered": (
        "calls_answered = true",
        [A_QUESTION, TWO_CALLS, A_RESULT, AN_ANSWER],
        [A_QUESTION, TWO_CALLS, A_RESULT, A_RESULT, AN_ANSWER],
    ),
    "a call that is answered too late": (
        "calls_answered = true",
        [A_QUESTION, A_CALL, AN_ANSWER, A_QUESTION, A_RESULT],
        [A_QUESTION, AN_ANSWER, A_QUESTION, A_CALL],
    ),
    "an answer to no call": (
        "calls_answered = true",
        [A_QUESTION, A_RESULT, AN_ANSWER],
        [A_QUESTION, A_CALL, A_RESULT, A_QUESTION, AN_ANSWER],
    ),
    "an answer to no call, at the end": (
        "calls_answered = true",
        [A_QUESTION, A_CALL, A_RESULT, A_RESULT],
        [A_QUESTION, TWO_CALLS, A_RESULT],
    ),
    "a turn that may not follow the first": (
        'after = { system = ["user"] }',
        [A_SYSTEM, A_SYSTEM, A_QUESTION, AN_ANSWER],
        [A_SYSTEM, A_QUESTION, AN_ANSWER],
    ),
    "arguments that are no text": (
        "calls_as_text = true",
        [A_QUESTION, calling({"a": 1})],
        [A_QUESTION, calling('{"a": 1}')],
    ),
    "a short id of a call": ("call_id_chars = 9", called("1"), called("abc123DEF")),
    "a sign in the id of a call": ("call_id_chars = 9", called("call_1234"), called("abc123456")),
    "an id of other letters": ("call_id_chars = 4", called("abc\u00e9"), [A_QUESTION, AN_ANSWER]),
    "an id that is null": ("call_id_chars = 9", called(None), [A_QUESTION, A_LAST_CALL]),
    "a call whose id is none": (
        "call_id_chars = 9",
        [A_QUESTION, {"role": "assistant", "tool_calls": [{"id": None}]}],
        [A_QUESTION, {"role": "assistant", "tool_calls": [{"id": "null"}]}],
    ),
    "a call without an id": (
        "call_id_chars = 9",
        [A_QUESTION, A_LAST_CALL, A_QUESTION],
        [A_QUESTION, AN_ANSWER, A_QUESTION, A_LAST_CALL],
    ),
    "a short id of an answer": ("call_id_chars = 9", answered("1"), answered("abcdefghi")),
    "an answer without an id": (
        "call_id_chars = 9",
        [A_QUESTION, {"role": "tool", "content": "T"}],
        [A_QUESTION, {"role": "assistant", "content": "T"}],
    ),
    "two system messages": (
        "one_system = true",
        [A_SYSTEM, A_SYSTEM, A_QUESTION],
        [A_SYSTEM, A_QUESTION, AN_ANSWER],
    ),
    "a weight of a user": (
        'weight = ["assistant"]',
        [{**A_QUESTION, "weight": 1}, AN_ANSWER],
        [A_QUESTION, {**AN_ANSWER, "weight": 1}],
    ),
    "a weight of a half": (
        'weight = ["assistant"]',
        [A_QUESTION, {**AN_ANSWER, "weight": 0.5}],
        [A_QUESTION, {**AN_ANSWER, "weight": 0}],
    ),
    "an empty content": (
        "content = true",
        [A_QUESTION, {**AN_ANSWER, "content": ""}, AN_ANSWER],
        [A_CALL],
    ),
    "no system messages": (
        'roles = ["user", "assistant"]',
        [A_SYSTEM, A_QUESTION, AN_ANSWER],
        A_RECORD,
    ),
    "a long row": (
        "max_row_chars = 18",
        [A_QUESTION, {**AN_ANSWER, "content": "\u00fc" * 5}],
        A_RECORD,
    ),
    "three turns of plain records": (
        "min_turns = 3",
        A_RECORD,
        [A_QUESTION, AN_ANSWER, A_QUESTION],
    ),
    "a last word that plain records do not have": (
        'last = "user"',
        A_RECORD,
        [AN_ANSWER, A_QUESTION],
    ),
    "a role that plain records do not have": (
        'has = ["tool"]',
        A_RECORD,
        [{**A_QUESTION, "role": "tool"}],
    ),
}


@pytest.mark.parametrize(("rule", "bad", "good"), OWN_RULES.values(), ids=OWN_RULES)
def test_a_rule_of_a_target_file_is_applied_in_both_ways(
    tmp_path: Path, rule: str, bad: list[Row] | Row, good: list[Row] | Row
) -> None:
    lines = [json.dumps(one if isinstance(one, dict) else {"messages": one}) for one in (bad, good)]
    to = Converter.from_toml(MESSAGES + rule, check="warn")
    rows = to.convert_bytes("\n".join(lines).encode())
    name = rule.partition(" = ")[0]
    assert (to.ledger.written, to.ledger.warned) == (2, {name: 1})
    strict = Converter.from_toml(MESSAGES + rule, check="strict", on_error="skip")
    assert strict.convert_bytes("\n".join(lines).encode()) == rows.splitlines(keepends=True)[1]
    target, output = tmp_path / "own.toml", tmp_path / "rows.jsonl"
    target.write_text(MESSAGES + rule)
    output.write_bytes(rows)
    verdict = raftfast.validate(output, to=target)
    assert verdict.broken == {name: 1}
    assert [one.line for one in verdict.problems] == [1]


def test_a_system_message_of_the_target_is_held_against_the_roles() -> None:
    text = MESSAGES.replace('system = ""', 'system = "S"') + 'roles = ["user", "assistant"]'
    to = Converter.from_toml(text)
    to.convert_bytes(json.dumps(A_RECORD).encode())
    assert to.ledger.warned == {"roles": 1}


def test_characters_of_a_row_are_those_of_its_texts() -> None:
    text = MESSAGES + "max_row_chars = 21"
    for answer, warned in (("\u00fc\n" * 4, {}), ("\u00fc\n" * 4 + "x", {"max_row_chars": 1})):
        to = Converter.from_toml(text)
        to.convert_bytes(json.dumps({**A_RECORD, "instruction": "", "cot_answer": "x"}).encode())
        row = {"messages": [{**A_QUESTION, "content": ""}, {**AN_ANSWER, "content": answer}]}
        to.convert_bytes(json.dumps(row).encode())
        assert to.ledger.warned == warned


def test_the_report_says_where_each_rule_is_broken_first(tmp_path: Path) -> None:
    corpus, report = tmp_path / "corpus.jsonl", tmp_path / "report.json"
    late = {"messages": [A_QUESTION, AN_ANSWER, A_QUESTION]}
    corpus.write_text(f"{json.dumps(A_RECORD)}\n\n{json.dumps(late)}\n{json.dumps(late)}\n")
    ledger = raftfast.convert(corpus, tmp_path / "rows", to="mistral", report=report)
    own = rule_name("mistral", "last")
    first = {own: {"input": str(corpus), "line": 3}}
    assert ledger.as_dict()["first_warned"] == first
    assert json.loads(report.read_bytes())["first_warned"] == first
    again = raftfast.Ledger.from_dict(ledger.as_dict())
    assert (again.as_dict(), again.first_warned) == (ledger.as_dict(), {own: (str(corpus), 3)})


def test_the_first_line_of_each_input_is_in_the_account_of_the_input(tmp_path: Path) -> None:
    lines = [json.dumps(A_RECORD), json.dumps({"messages": [A_QUESTION, AN_ANSWER, A_QUESTION]})]
    for name, order in (("a", lines), ("b", lines[::-1])):
        (tmp_path / name).write_text("\n".join(order))
    inputs = [tmp_path / "a", tmp_path / "b"]
    ledger = raftfast.convert(inputs, tmp_path / "rows", to="mistral")
    own = rule_name("mistral", "last")
    assert ledger.first_warned == {own: (str(inputs[0]), 2)}
    assert [one.first_warned[own][1] for _, one in ledger.inputs] == [2, 1]


def test_the_first_line_that_breaks_a_rule_is_told(tmp_path: Path) -> None:
    good = json.dumps({"instruction": "Q", "cot_answer": "A"}).encode() + b"\n"
    bad = json.dumps({"instruction": "Q", "cot_answer": "Bot: A"}).encode() + b"\n"
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_bytes(good * 5000 + bad + good * 10 + bad)
    for threads in (1, 3):
        ledger = raftfast.convert(
            corpus, tmp_path / "rows", to="bedrock-nova", threads=threads, block_bytes=4096
        )
        own = rule_name("bedrock-nova", "forbidden")
        assert ledger.warned == {own: 2}
        assert ledger.first_warned == {own: (str(corpus), 5001)}


USER, ASSISTANT, SYSTEM = (
    {"role": role, "content": role} for role in ("user", "assistant", "system")
)
A_TOOL = {"id": "call00001", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [A_TOOL]}
RESULT = {"role": "tool", "content": "r", "tool_call_id": "call00001"}
SILENT = {"role": "assistant", "content": None}
REFUSED: dict[str, tuple[str, list[Any]]] = {
    "torchtune, a late system message": ("torchtune", [USER, SYSTEM, ASSISTANT]),
    "TRL, a prompt that ends with a system message": (
        "trl-conversational",
        [USER, SYSTEM, ASSISTANT],
    ),
    "TRL, the same for KTO": ("trl-kto", [USER, SYSTEM, ASSISTANT]),
    "TRL, the same for DPO": ("trl-dpo", [USER, SYSTEM, ASSISTANT]),
    "OpenAI, an input that ends with an answer": ("openai-dpo", [USER, ASSISTANT, ASSISTANT]),
    "Mistral, half a weight": ("mistral", [USER, {**ASSISTANT, "weight": 0.5}]),
    "Mistral, a tool after a user": ("mistral", [USER, RESULT, ASSISTANT]),
    "Mistral, a call that no tool answers": ("mistral", [USER, CALLING, ASSISTANT]),
    "Mistral, a system message after a tool": (
        "mistral",
        [USER, CALLING, RESULT, SYSTEM, ASSISTANT],
    ),
    "Mistral, an answer without content": ("mistral", [USER, SILENT, USER, ASSISTANT]),
    "Together, a weight of two": ("together", [USER, {**ASSISTANT, "weight": 2}]),
    "Together, a weight that is no integer": ("together", [USER, {**ASSISTANT, "weight": 1.0}]),
    "Together, two system messages": ("together", [SYSTEM, SYSTEM, USER, ASSISTANT]),
    "Together, the same for DPO": ("together-dpo", [SYSTEM, SYSTEM, USER, ASSISTANT]),
    "LLaMA-Factory, a tool after a user": ("sharegpt", [USER, RESULT, ASSISTANT, USER, ASSISTANT]),
    "LLaMA-Factory, the same for DPO": ("llamafactory-preference", [USER, RESULT, ASSISTANT]),
    "Mistral, arguments that are no text": (
        "mistral",
        [USER, {**CALLING, "tool_calls": [{**A_TOOL, "function": {"name": "f", "arguments": {}}}]}],
    ),
    "torchtune, an answer without content": ("torchtune", [USER, SILENT, USER, ASSISTANT]),
}


@pytest.mark.parametrize(("target", "messages"), REFUSED.values(), ids=REFUSED)
def test_what_the_code_of_a_consumer_refuses_breaks_a_rule(
    target: str, messages: list[Any]
) -> None:
    line = json.dumps({"messages": messages, "rejected": "worse"}).encode()
    with pytest.raises(Error) as caught:
        raftfast.convert(io.BytesIO(line), io.BytesIO(), to=target, check="strict")
    assert caught.value.kind == "rule"


# It was refused, as two system messages are.
def test_together_takes_a_system_message_between_turns() -> None:
    line = json.dumps({"messages": [SYSTEM, USER, SYSTEM, USER, ASSISTANT]}).encode()
    rows = io.BytesIO()
    raftfast.convert(io.BytesIO(line), rows, to="together", check="strict")
    assert json.loads(rows.getvalue())["messages"] == [SYSTEM, USER, SYSTEM, USER, ASSISTANT]


def test_only_tools_have_names_in_rows_for_mistral() -> None:
    line = json.dumps({"messages": [{**USER, "name": "Ann"}, ASSISTANT]}).encode()
    with pytest.raises(raftfast.Error, match="no place for the name of a speaker"):
        raftfast.convert(io.BytesIO(line), io.BytesIO(), to="mistral")


# It was looked for in what records have, and not in what the caller gives.
@pytest.mark.parametrize(
    ("to", "options"),
    [
        ("bedrock-nova", {"system": "SYSTEM: be brief"}),
        ("text", {"template": "llama2", "system": "x [INST]"}),
    ],
)
def test_what_no_content_may_hold_a_given_system_message_may_not_either(
    to: str, options: dict[str, str]
) -> None:
    record = b'{"instruction":"Q","cot_answer":"A"}\n' * 3
    options = {**options}
    strict = Converter(to, check="strict", on_error="skip", **options)  # type: ignore[arg-type]
    assert (strict.convert_bytes(record), strict.ledger.rejected) == (b"", {"rule": 3})
    del options["system"]
    plain = Converter(to, check="strict", **options)  # type: ignore[arg-type]
    assert plain.convert_bytes(record) != b""
