"""Turns of every spelling are read, come back as they were, or are refused by their place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest
from corpora import lines_of, seeded, spell_pairs, values_of
from meant import (
    AGAIN,
    GOLDENS,
    ONE,
    RECORDS,
    SHAREGPT,
    TALK,
    TWO,
    USER,
    Json,
    chat,
    converted,
    fault,
    line_of,
    meant,
    plain_chat,
    says,
    talk,
)
from raftfast import Converter

if TYPE_CHECKING:
    from random import Random


class Bad(NamedTuple):
    """A turn that cannot be read, and its place from 1."""

    line: bytes
    turn: int
    says: str


PARTS = [{"type": "text", "text": "a part"}, {"type": "image_url", "image_url": {"url": "u"}}]
BAD_TURNS = {
    "no role": Bad(talk(USER, {"content": "one"}), 2, "role"),
    "a role of null": Bad(talk(USER, {"role": None, "content": "one"}), 2, "role"),
    "an unknown role": Bad(talk(says("narrator", "a"), USER, ONE), 1, "role"),
    "a role in other letters": Bad(talk(says("User", "a"), ONE), 1, "role"),
    "a role that is a number": Bad(talk(USER, {"role": 1, "content": "one"}), 2, "role"),
    "a content of other parts": Bad(talk(says("user", PARTS), ONE), 1, "text"),
    "a content that is a number": Bad(
        talk(USER, says("assistant", 7)), 2, "has a content that is not a text"
    ),
    "a content that is an object": Bad(
        talk(USER, says("assistant", {"text": "a"})), 2, "has a content that is not a text"
    ),
    "a name that is a number": Bad(talk({**USER, "name": 5}, ONE), 1, "a name that is not a text"),
    "a call's id that is a number": Bad(
        talk(USER, {**ONE, "tool_call_id": 5}), 2, "has a tool_call_id that is not a text"
    ),
    "a call in its old form": Bad(
        talk(USER, {**says("assistant", None), "function_call": {"name": "f"}}), 2, "function_call"
    ),
    "a question that is trained on": Bad(talk({**USER, "train": True}, ONE), 1, "is no answer"),
    "a thought that is none": Bad(talk({**USER, "thinking": "x"}, ONE), 1, "thinking"),
    "a turn that is not trained on": Bad(talk({**USER, "train": False}, ONE), 1, "loss mask"),
    "offsets that are trained on": Bad(
        talk(USER, {**ONE, "train_detail": [{"begin_offset": 0}]}), 2, "loss mask"
    ),
    "a thought beside the answer": Bad(
        talk(USER, {**ONE, "reasoning_content": "hm"}), 2, "reasoning_content"
    ),
    "a thought under another name": Bad(talk(USER, {**ONE, "reasoning": "hm"}), 2, "reasoning"),
    "a turn that is a text": Bad(talk(USER, "one"), 2, "object"),
    "a turn that is null": Bad(talk(USER, None), 2, "object"),
    "a turn of sharegpt that is of nobody": Bad(
        line_of({"conversations": [{"from": "human", "value": "a"}, {"value": "b"}]}), 2, "role"
    ),
    "a turn of raft_llm that is of nobody": Bad(
        line_of({"dialog": ["a", "###Assistant: b"], "qa_answer": "b"}), 1, "who speaks"
    ),
    "a second answer of raft_llm that is of nobody": Bad(
        line_of({"dialog": ["###User: a", "b", "c"], "qa_answer": "c"}), 3, "who speaks"
    ),
    "a turn of raft_llm that is an object": Bad(
        line_of({"dialog": [{"role": "user", "content": "a"}], "qa_answer": "b"}), 1, "text"
    ),
    "a history that holds no pairs": Bad(
        line_of({"instruction": "i", "input": "", "output": "o", "history": ["a", "b"]}),
        1,
        "pair",
    ),
    "a history of halves": Bad(
        line_of({"instruction": "i", "input": "", "output": "o", "history": [["a"]]}),
        2,
        "answer",
    ),
    "a history of more than pairs": Bad(
        line_of({"instruction": "i", "input": "", "output": "o", "history": [["a", "b", "c"]]}),
        3,
        "answer",
    ),
}


@pytest.mark.parametrize("case", BAD_TURNS.values(), ids=BAD_TURNS)
def test_a_turn_that_cannot_be_read_is_named_by_its_place(case: Bad) -> None:
    error = fault(Converter("chat"), TALK, case.line)
    assert (error.kind, error.line) == ("bad-turn", 2)
    assert f"turn {case.turn} " in str(error)
    assert case.says in str(error)


TURNS_THAT_ARE_NONE = {
    "an object": line_of({"messages": {"role": "user", "content": "a"}}),
    "a text": line_of({"messages": "a"}),
    "a number": line_of({"messages": 7}),
    "conversations in a text": line_of({"conversations": "a"}),
    "a dialog in an object": line_of({"dialog": {"user": "a"}}),
    "a history in a text": line_of(
        {"instruction": "i", "input": "", "output": "o", "history": "a"}
    ),
}


@pytest.mark.parametrize("line", TURNS_THAT_ARE_NONE.values(), ids=TURNS_THAT_ARE_NONE)
def test_turns_that_are_no_array_are_an_error(line: bytes) -> None:
    error = fault(Converter("chat"), line)
    assert error.kind == "wrong-type"
    assert "' must be an array, found a" in str(error)
    skipped = chat(TALK, line, TALK, on_error="skip").ledger
    assert (skipped.written, skipped.rejected) == (2, {"wrong-type": 1})


@pytest.mark.parametrize("turns", [[], None], ids=["no turns", "turns of null"])
def test_a_conversation_without_turns_is_filtered(turns: object) -> None:
    rows, ledger = chat(line_of({"messages": turns}))
    assert rows == []
    assert (ledger.read, ledger.rejected) == (1, {})
    assert sum(ledger.filtered.values()) == 1


KEPT = {
    "two turns": [USER, ONE],
    "several": [USER, ONE, AGAIN, TWO],
    "a system message": [says("system", "Be brief."), USER, ONE],
    "a developer": [says("developer", "Be brief."), USER, ONE],
    "two users in a row": [USER, AGAIN, ONE],
    "two answers in a row": [USER, ONE, TWO],
    "a tool": [USER, says("assistant", "call"), says("tool", "12"), ONE],
    "a function": [USER, says("assistant", "call"), says("function", "12"), ONE],
    "a question at the end": [USER, ONE, AGAIN],
    "an empty turn": [USER, says("assistant", ""), AGAIN, TWO],
    "escapes": [says("user", '"\\/\b\f\n\r\t\u0000\u001f\u007f'), says("assistant", "é😀\u2028")],
    "braces": [says("user", "{question} {{}}"), says("assistant", "{answer|trim}")],
}


@pytest.mark.parametrize("turns", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("escape", ["keep", "ascii", "pandas"])
def test_chat_of_a_conversation_is_the_conversation(turns: list[Json], escape: str) -> None:
    line = talk(*turns)
    assert plain_chat(line, escape=escape).rows == [json.loads(line)]


def test_chat_of_chat_is_the_same_to_the_byte() -> None:
    whole = [line for name, line in RECORDS if meant(name, line).is_whole]
    once = Converter("chat").convert_bytes(b"\n".join(whole))
    assert len(lines_of(once)) == len(whole)
    assert Converter("chat").convert_bytes(once) == once


def test_tools_keep_their_place_and_their_answers() -> None:
    line = GOLDENS["messages"][2]
    (row,) = chat(line).rows
    turns = json.loads(line)["messages"]
    assert [(turn["role"], turn["content"]) for turn in row["messages"]] == [
        (turn["role"], turn["content"]) for turn in turns
    ]


def test_a_target_can_have_all_that_a_turn_has() -> None:
    target = """
name = "all"
row = '''
{"messages": [{"$each": "messages", "do": {
    "role": "{role}",
    "content": "{content}",
    "name": {"$if": "name", "then": "{name}"},
    "tool_call_id": {"$if": "tool_call_id", "then": "{tool_call_id}"},
    "tool_calls": {"$if": "tool_calls", "then": "{tool_calls}"},
    "weight": {"$if": "weight", "then": "{weight}"}
}}]}
'''

[settings]
system = ""
"""
    line = GOLDENS["messages"][2]
    (row,) = converted(Converter.from_toml(target), line).rows
    assert row["messages"] == json.loads(line)["messages"]


PIECES = [
    *'aZ0 \t\n\r\b\f/\\"{}|<>&\u0000\u001f\u007f\u00a0\u2028\ufeff',
    "é",
    "ß",
    "文",
    "😀",
    "👩‍👩‍👧",
]
PIECES += ["<ANSWER>: ", "<DOCUMENT>", "</DOCUMENT>\n", "<STOP>", "##begin_quote##", "\\u0041"]
PIECES += ["assistant: ", "###User: ", "{question}", "\ud7ff", "\ue000", "\U0010ffff"]


def some_turns(rng: Random) -> list[Json]:
    """Make a conversation of questions and answers, of any text."""

    def text() -> str:
        return "".join(rng.choices(PIECES, k=rng.randrange(1, 30)))

    pairs = rng.randrange(1, 6)
    turns = [says(role, text()) for _ in range(pairs) for role in ("user", "assistant")]
    return [says("system", text()), *turns] if rng.random() < 0.3 else turns


@pytest.mark.parametrize("seed", range(40))
def test_conversations_come_back_from_other_keys_and_roles(seed: int) -> None:
    rng = seeded(seed)
    talks = [{"messages": some_turns(rng)} for _ in range(20)]
    lines = [spell_pairs(one.items(), rng).encode() for one in talks]
    there = Converter.from_toml(SHAREGPT)
    between = there.convert_bytes(b"\n".join(lines))
    assert there.ledger.dialects == {"messages": 20}
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    assert values_of(between) == [
        {
            "conversations": [
                {"from": names[turn["role"]], "value": turn["content"]} for turn in one["messages"]
            ]
        }
        for one in talks
    ]
    rows, ledger = plain_chat(*lines_of(between))
    assert rows == talks
    assert ledger.dialects == {"sharegpt": 20}


def test_a_role_that_the_target_does_not_name_is_unfit() -> None:
    line = talk(says("developer", "Be brief."), USER, ONE)
    assert fault(Converter.from_toml(SHAREGPT), line).kind == "unfit"
