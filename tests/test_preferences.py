"""Preferences as conversations: the rows that DPO trainers take, read again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
import raftfast
from corpora import values_of
from meant import (
    AGAIN,
    GOLDENS,
    ONE,
    TWO,
    USER,
    Json,
    converted,
    details,
    fault,
    line_of,
    says,
)
from raftfast import Converter

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (
    "autotrain-preference",
    "axolotl-preference",
    "openai-preference",
    "sharegpt-preference",
    "trl-preference",
)
REJECTED = ["It is 1,012 miles long.", "Oui / \u0434\u0430 \U0001f600\\ ", "Nowhere. <ANSWER>: sea"]
PAIRS = """
name = "pairs"
needs = ["cot_answer", "rejected"]
row = '''
{
    "turns": [{"$each": "prompt", "do": ["{role}", "{content}"]}],
    "rest": [{"$each": "prompt", "do": ["{name}", "{tool_calls}", "{tool_call_id}", "{weight}"]}],
    "asked": "{instruction}",
    "better": "{cot_answer}",
    "worse": "{rejected}",
    "system": "{system}"
}
'''

[settings]
system = ""
"""


def pairs(*lines: bytes, **options: Any) -> list[Json]:  # noqa: ANN401
    return converted(Converter.from_toml(PAIRS, **options), *lines).rows


@pytest.mark.parametrize("name", NAMES)
def test_the_rejected_answer_is_the_last_turn_of_its_conversation(name: str) -> None:
    assert [row["worse"] for row in pairs(*GOLDENS[name])] == REJECTED
    finals = [row["worse"] for row in pairs(*GOLDENS[name], answer="final")]
    assert finals == [*REJECTED[:2], "sea"]


@pytest.mark.parametrize("name", NAMES)
def test_all_say_the_same_however_they_are_laid_out(name: str) -> None:
    rows = pairs(*GOLDENS[name][:2])
    plain = pairs(*GOLDENS["trl-preference"][:2])
    assert [row["asked"] for row in rows] == [row["asked"] for row in plain]
    assert [row["better"] for row in rows] == [row["better"] for row in plain]


@pytest.mark.parametrize("name", NAMES)
def test_tables_of_them_are_read_as_lines(tmp_path: Path, name: str) -> None:
    for number, line in enumerate(GOLDENS[name]):
        table = pa.Table.from_pylist([json.loads(line)])
        (tmp_path / "pairs.toml").write_text(PAIRS)
        raftfast.convert(table, tmp_path / "out", str(tmp_path / "pairs.toml"))
        assert values_of((tmp_path / "out").read_bytes()) == pairs(line), number


WRITTEN_BY = {
    "autotrain-dpo": "autotrain-preference",
    "axolotl-argilla": "trl-preference",
    "fireworks-dpo": "openai-preference",
    "llamafactory-preference": "sharegpt-preference",
    "openai-dpo": "openai-preference",
    "together-dpo": "openai-preference",
    "torchtune-preference": "trl-preference",
    "trl-dpo": "trl-preference",
}


@pytest.mark.parametrize(("to", "dialect"), WRITTEN_BY.items())
def test_rows_of_preferences_are_records_again(to: str, dialect: str) -> None:
    told = {"instruction": "q \u00e9/\n?", "cot_answer": "a\u2028", "rejected": "b \U0001f600"}
    write = Converter(to, check="off")
    (row,) = converted(write, line_of(told)).rows
    (pair,) = pairs(line_of(row))
    assert (pair["asked"], pair["better"], pair["worse"]) == tuple(told.values())
    again = converted(Converter(to, check="off"), line_of(row))
    assert again.rows == [row]
    assert again.ledger.dialects == {dialect: 1}


def chosen(*turns: Json, rejected: object, **others: object) -> bytes:
    return line_of({"chosen": [*turns], "rejected": rejected, **others})


class Bad(NamedTuple):
    """A record, the kind of its fault, and what is said of it."""

    line: bytes
    kind: str
    said: str


BAD = {
    "another question": Bad(
        chosen(USER, ONE, rejected=[AGAIN, TWO]), "unfit", "differs before its last turn"
    ),
    "fewer turns": Bad(
        chosen(USER, ONE, AGAIN, TWO, rejected=[USER, ONE]), "unfit", "differs before its last turn"
    ),
    "calls of tools that differ": Bad(
        chosen(
            says("assistant", None, tool_calls=[{"id": "1", "function": {"name": "good"}}]),
            USER,
            ONE,
            rejected=[
                says("assistant", None, tool_calls=[{"id": "1", "function": {"name": "bad"}}]),
                USER,
                TWO,
            ],
        ),
        "unfit",
        "differs before its last turn",
    ),
    "another speaker": Bad(
        chosen(says("user", "q", name="A"), ONE, rejected=[says("user", "q", name="B"), TWO]),
        "unfit",
        "differs before its last turn",
    ),
    "a system message that is no object": Bad(
        line_of({"contents": [{"role": "user", "parts": []}], "systemInstruction": ["S"]}),
        "wrong-type",
        "must be an object",
    ),
    "a name of the rejected answer": Bad(
        chosen(USER, ONE, rejected=[USER, {**TWO, "name": "B"}]), "unfit", "a name or a weight"
    ),
    "a weight of the rejected answer": Bad(
        chosen(USER, ONE, rejected=[USER, {**TWO, "weight": 0}]), "unfit", "a name or a weight"
    ),
    "a question at the end": Bad(
        chosen(USER, ONE, rejected=[USER, USER]), "unfit", "does not end with an answer"
    ),
    "an answer that calls tools": Bad(
        chosen(
            USER,
            ONE,
            rejected=[
                USER,
                says("assistant", None, tool_calls=[{"id": "1", "type": "function"}]),
            ],
        ),
        "unfit",
        "does not end with an answer",
    ),
    "a turn of nobody, counted in its own conversation": Bad(
        chosen(USER, ONE, rejected=[USER, {"content": "b"}]), "bad-turn", "turn 2 has no role"
    ),
    "a prompt that is not asked": Bad(
        chosen(USER, ONE, rejected=[USER, TWO], prompt="third?"), "unfit", "does not ask"
    ),
    "tools that are defined": Bad(
        line_of(
            {
                "input": {"messages": [USER], "tools": [{"type": "function"}]},
                "preferred_output": [ONE],
                "non_preferred_output": [TWO],
            }
        ),
        "unfit",
        "definitions of tools",
    ),
    "a prompt of some other kind": Bad(
        chosen(ONE, rejected=[TWO], prompt=5), "wrong-type", "'prompt' must be an array"
    ),
    "a rejected text beside chosen turns": Bad(
        chosen(USER, ONE, rejected="b"), "wrong-type", "'rejected' must be an array"
    ),
}


@pytest.mark.parametrize(("line", "kind", "said"), BAD.values(), ids=BAD)
def test_what_rows_would_bend_is_refused(line: bytes, kind: str, said: str) -> None:
    error = fault(Converter.from_toml(PAIRS), line)
    assert (error.kind, said in str(error)) == (kind, True), error


def test_a_prompt_in_words_is_the_question_where_the_conversations_have_none() -> None:
    (row,) = pairs(chosen(ONE, rejected=[TWO], prompt="q"))
    assert (row["asked"], row["better"], row["worse"]) == ("q", "one", "two")
    assert row["turns"] == [["user", "q"]]


def test_a_prompt_in_words_that_is_asked_again_is_told_once() -> None:
    # As HuggingFaceH4's sets have it, whose prompt is one question of the conversation.
    rejected = [USER, ONE, AGAIN, ONE]
    (row,) = pairs(chosen(USER, ONE, AGAIN, TWO, rejected=rejected, prompt="second?"))
    assert [text for _, text in row["turns"]] == ["first?", "one", "second?"]
    assert (row["better"], row["worse"]) == ("two", "one")


SPLIT = {
    "the whole conversation twice": (
        {"chosen": [USER, ONE, AGAIN, TWO], "rejected": [USER, ONE, AGAIN, ONE]}
    ),
    "a prompt of messages": {"prompt": [USER, ONE, AGAIN], "chosen": [TWO], "rejected": [ONE]},
    "a prompt that is told again": (
        {
            "prompt": [USER, ONE, AGAIN],
            "chosen": [USER, ONE, AGAIN, TWO],
            "rejected": [USER, ONE, AGAIN, ONE],
        }
    ),
    "a prompt of the first turns": (
        {"prompt": [USER], "chosen": [ONE, AGAIN, TWO], "rejected": [ONE, AGAIN, ONE]}
    ),
    "an empty prompt in words": (
        {"prompt": "", "chosen": [USER, ONE, AGAIN, TWO], "rejected": [USER, ONE, AGAIN, ONE]}
    ),
    "nulls as tables have them": (
        {
            "prompt": None,
            "chosen": [
                {"name": None, "tool_calls": None, **one} for one in (USER, ONE, AGAIN, TWO)
            ],
            "rejected": [USER, ONE, AGAIN, {**ONE, "tool_calls": []}],
            "messages": None,
            "conversations": None,
        }
    ),
}


@pytest.mark.parametrize("record", SPLIT.values(), ids=SPLIT)
def test_it_makes_no_difference_where_a_conversation_is_cut(record: Json) -> None:
    (row,) = pairs(line_of(record))
    assert row["turns"] == [["user", "first?"], ["assistant", "one"], ["user", "second?"]]
    assert (row["asked"], row["better"], row["worse"]) == ("second?", "two", "one")


def test_a_rejected_answer_to_other_turns_than_the_chosen_one_is_refused() -> None:
    record = {"prompt": [USER], "chosen": [ONE, AGAIN, TWO], "rejected": [ONE]}
    error = fault(Converter.from_toml(PAIRS), line_of(record))
    assert (error.kind, "differs before its last turn" in str(error)) == ("unfit", True)


UNDECIDED: dict[str, Json] = {
    "null": {"prompt": [USER], "chosen": [ONE], "rejected": None},
    "no turns": {"prompt": [USER], "chosen": [ONE], "rejected": []},
    "of nulls": {
        "conversations": [{"from": "human", "value": "first?"}],
        "chosen": {"from": "gpt", "value": "one"},
        "rejected": {"from": None, "value": None},
    },
}


@pytest.mark.parametrize("record", UNDECIDED.values(), ids=UNDECIDED)
def test_without_a_rejected_answer_a_record_is_filtered_where_rows_need_it(record: Json) -> None:
    filtered = converted(Converter.from_toml(PAIRS), line_of(record)).ledger.filtered
    assert sum(filtered.values()) == 1
    (row,) = details(line_of(record)).rows
    assert (row["instruction"], row["cot_answer"]) == ("first?", "one")


RECORD: Json = {"instruction": "i", "cot_answer": "c"}
STRANGERS: dict[str, tuple[Json, str]] = {
    "a list called text": ({**RECORD, "text": ["a"]}, "gorilla"),
    "messages called text": ({**RECORD, "text": [USER, ONE]}, "gorilla"),
    "no contents": ({**RECORD, "contents": []}, "gorilla"),
    "lists of answers": ({**RECORD, "chosen": ["a"], "rejected": ["b"]}, "gorilla"),
    "empty lists of answers": (
        {"messages": [USER, ONE], "chosen": [], "rejected": []},
        "messages",
    ),
    "nulls of a preference": (
        {
            "messages": [USER, ONE],
            "input": None,
            "preferred_output": None,
            "non_preferred_output": None,
        },
        "messages",
    ),
}


@pytest.mark.parametrize(("record", "dialect"), STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("in_a_table", [False, True])
def test_what_stands_beside_a_record_does_not_make_it_another(
    record: Json, dialect: str, *, in_a_table: bool
) -> None:
    if in_a_table:
        table = pa.Table.from_pylist([record])
        assert raftfast.convert(table, "/dev/null", "chat").dialects == {dialect: 1}
    else:
        assert details(line_of(record)).ledger.dialects == {dialect: 1}


SYSTEMS = {
    "as Vertex AI has it": {"systemInstruction": {"role": "system", "parts": [{"text": "S"}]}},
    "as its other key": {"system_instruction": {"parts": [{"text": "S"}]}},
    "both the same": {
        "systemInstruction": {"parts": [{"text": "S"}]},
        "system_instruction": {"parts": [{"text": "S"}]},
    },
    "beside one of nulls": {
        "systemInstruction": {"role": None, "parts": None},
        "system_instruction": {"parts": [{"text": "S", "inlineData": None}]},
    },
}
CONTENTS = [
    {"role": "user", "parts": [{"text": "Q", "functionCall": None}]},
    {"role": "model", "parts": [{"text": "A"}]},
]


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_the_system_message_of_gemini_is_found_under_each_name(system: Json) -> None:
    (row,) = details(line_of({"contents": CONTENTS, **system})).rows
    assert (row["system"], row["turns"]) == ("S", [["user", "Q"], ["assistant", "A"]])


@pytest.mark.parametrize(
    "system",
    [
        {"systemInstruction": {"role": "system", "content": "S"}},
        {
            "systemInstruction": {"parts": [{"text": "S"}]},
            "system_instruction": {"parts": [{"text": "T"}]},
        },
        {"systemInstruction": {"parts": [{"text": "S"}]}, "tools": [{"functionDeclarations": []}]},
    ],
)
def test_what_gemini_says_and_rows_would_lose_is_refused(system: Json) -> None:
    error = fault(Converter("openai"), line_of({"contents": CONTENTS, **system}))
    assert error.kind in {"unfit", "bad-turn"}


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": [USER], "chosen": [ONE], "rejected": [TWO]},
        {"conversations": [{"role": "user", "content": "q"}, ONE]},
        {"text": [USER, ONE]},
    ],
)
def test_a_system_prompt_beside_turns_is_their_system_message(record: Json) -> None:
    (row,) = details(line_of({**record, "system_prompt": "S"})).rows
    assert row["system"] == "S"


def test_the_key_that_is_the_default_can_be_named() -> None:
    for name in NAMES:
        assert pairs(*GOLDENS[name], rejected="rejected") == pairs(*GOLDENS[name])


def test_answers_before_the_last_are_context_and_not_trained_on() -> None:
    line = line_of({"prompt": [USER, ONE, AGAIN], "chosen": [TWO], "rejected": [ONE]})
    (row,) = details(line).rows
    assert [weight for *_, weight in row["rest"]] == [None, 0, None, None]


def test_without_a_place_for_the_rejected_answer_it_is_left_out() -> None:
    (row,) = details(chosen(USER, ONE, rejected=[AGAIN])).rows
    assert row["cot_answer"] == "one"


@pytest.mark.parametrize("name", NAMES)
def test_each_answer_can_be_a_row_of_its_own(name: str) -> None:
    for line in GOLDENS[name]:
        rows = pairs(line, turns="each")
        assert rows == pairs(line, turns="last")


def by_openai(turn: Json) -> Json:
    roles = {"human": "user", "gpt": "assistant", "observation": "tool"}
    return {"role": roles.get(turn["from"], turn["from"]), "content": turn["value"]}


def test_conversations_may_call_their_roles_as_openai_does() -> None:
    for line in GOLDENS["sharegpt"]:
        record = json.loads(line)
        renamed = {**record, "conversations": [*map(by_openai, record["conversations"])]}
        assert details(line_of(renamed)).rows == details(line).rows
        # Tables have all keys in all turns.
        both = [{**turn, **dict.fromkeys(("from", "value"))} for turn in renamed["conversations"]]
        assert details(line_of({**record, "conversations": both})).rows == details(line).rows


def test_of_two_names_for_a_role_the_first_is_that_of_the_dialect() -> None:
    both = {"from": "human", "value": "q", "role": "someone", "content": "else"}
    turns = [both, {"content": "b", "role": "c", "value": "a", "from": "gpt"}]
    (row,) = details(line_of({"conversations": turns})).rows
    assert row["turns"] == [["user", "q"], ["assistant", "a"]]


# The answers before were said to have a weight that the row has no place for.
@pytest.mark.parametrize("to", ["llamafactory-alpaca-preference", "llamafactory-preference"])
def test_answers_before_the_chosen_one_are_its_history(to: str) -> None:
    line = line_of(
        {"prompt": [USER, ONE, AGAIN], "chosen": [TWO], "rejected": [says("assistant", "b")]}
    )
    (row,) = converted(Converter(to, system=""), line).rows
    assert json.dumps(row).count("one") == 1


NO_REJECTED = {
    "preference": {"instruction": "Q", "chosen": "A", "rejected": None},
    "trl-preference": {"prompt": [USER], "chosen": [ONE], "rejected": None},
    "axolotl-preference": {"messages": [USER], "chosen": ONE, "rejected": None},
    "autotrain-preference": {"prompt": "first?", "text": [USER, ONE], "rejected_text": None},
}


@pytest.mark.parametrize(("name", "record"), NO_REJECTED.items())
def test_a_preference_without_a_rejected_answer_is_one(name: str, record: Json) -> None:
    rows, ledger = converted(Converter("chat", system=""), line_of(record))
    assert (len(rows), ledger.dialects) == (1, {name: 1})


def test_each_answer_of_a_history_has_the_documents_of_its_own_question() -> None:
    record = {
        "instruction": "<DOCUMENT>D</DOCUMENT>\nQ",
        "chosen": "c",
        "rejected": "r",
        "history": [["<DOCUMENT>E</DOCUMENT>\nx", "b"]],
    }
    rows = converted(Converter("parts", turns="each"), line_of(record)).rows
    assert [row["context"] for row in rows] == ["<DOCUMENT>E</DOCUMENT>", "<DOCUMENT>D</DOCUMENT>"]
