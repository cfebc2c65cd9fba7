"""The answer of a record is the chain of thought, the final answer, or either, as asked."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from meant import EACH, GOLDENS, Json, chat, details, line_of, meant, says


@EACH
def test_the_final_answer_can_be_taken_for_the_answer(name: str, line: bytes) -> None:
    (row,) = details(line, answer="final").rows
    assert row["cot_answer"] == meant(name, line).final_answer


@pytest.mark.parametrize("name", ["gorilla", "paper", "legacy", "curator", "eval-rows", "alpaca"])
def test_chat_of_final_answers_ends_with_them(name: str) -> None:
    line = GOLDENS[name][0]
    (row,) = chat(line, answer="final").rows
    expected = meant(name, line)
    assert row["messages"][1:] == [
        says("user", expected.instruction),
        says("assistant", expected.final_answer),
    ]


@pytest.mark.parametrize("name", ["messages", "sharegpt", "trl", "raft-llm"])
def test_conversations_of_final_answers_end_with_them(name: str) -> None:
    line = GOLDENS[name][0]
    (row,) = chat(line, answer="final").rows
    assert row["messages"][-1] == says("assistant", meant(name, line).final_answer)


PAPER = "##Reason: by ##begin_quote##d##end_quote## ##Answer: Paris"
OF_PAPER: dict[str, Json] = {
    "gorilla": {"instruction": "q"},
    "raft-toolkit": {"question": "q", "context": "d", "instruction": "q"},
    "curator": {"question": "q", "oracle_document": "d", "instruction": "q"},
    "legacy": {"question": "q", "context": {"sentences": [["d"]]}, "answer": "Paris"},
    "messages": {"messages": [says("user", "q"), says("assistant", PAPER)]},
}


@pytest.mark.parametrize("name", OF_PAPER)
@pytest.mark.parametrize("dialect", ["auto", "own"])
def test_the_final_answer_of_the_papers_prompt_is_found_in_records_of_any_dialect(
    name: str, dialect: str
) -> None:
    record = OF_PAPER[name] if name == "messages" else {**OF_PAPER[name], "cot_answer": PAPER}
    from_ = name if dialect == "own" else "auto"
    (row,) = chat(json.dumps(record).encode(), dialect=from_, answer="final").rows
    assert row["messages"][-1] == says("assistant", "Paris")


class Either(NamedTuple):
    """A record without a chain of thought, or with one, and what is its answer."""

    record: Json
    answer: str | None


CONTEXT = {"title": [["t"]], "sentences": [["d"]]}
RAFT = {"question": "q", "context": CONTEXT, "instruction": "<DOCUMENT>d</DOCUMENT>\nq"}
EITHER = {
    "the chain of thought where there is one": Either(
        {"question": "q", "context": CONTEXT, "answer": "short", "cot_answer": "long"}, "long"
    ),
    "the short answer instead of null": Either(
        {"question": "q", "context": CONTEXT, "answer": "short", "cot_answer": None}, "short"
    ),
    "the short answer instead of nothing": Either(
        {"question": "q", "context": CONTEXT, "answer": "short / 😀"}, "short / 😀"
    ),
    "the short answer instead of an empty text": Either(
        {"question": "q", "context": CONTEXT, "answer": "short", "cot_answer": ""}, "short"
    ),
    "nothing where both are null": Either(
        {"question": "q", "context": CONTEXT, "answer": None, "cot_answer": None}, None
    ),
    "the chain of thought of a model under evaluation's record": Either(
        {**RAFT, "cot_answer": "gold", "answer": "of the model"}, "gold"
    ),
    "never what a model under evaluation answered": Either(
        {**RAFT, "cot_answer": None, "answer": "of the model"}, None
    ),
    "the gold answer of rows for evaluation": Either(
        {
            "question": "q",
            "answer": "of the model",
            "gold_final_answer": "gold",
            "final_answer": "of the model",
            "context": "<DOCUMENT>d</DOCUMENT>",
        },
        "gold",
    ),
}


@pytest.mark.parametrize("case", EITHER.values(), ids=EITHER)
def test_either_answer_will_do(case: Either) -> None:
    rows = chat(line_of(case.record), answer="either").rows
    assert [row["messages"][-1]["content"] for row in rows] == [case.answer][: bool(case.answer)]


def test_a_short_answer_that_is_used_is_counted() -> None:
    ledger = chat(*GOLDENS["legacy"], answer="either").ledger
    assert ledger.repaired == {"instruction built": 3, "answer used": 2}
    assert ledger.written == 3
