"""Structured records to conversations and back: every field that a conversation carries returns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raftfast import Converter

CHAT, BACK = Converter("chat"), Converter("raft")


def texts() -> st.SearchStrategy[str]:
    """Make texts that Python can write, in which no document begins or ends."""
    character = st.characters(exclude_categories=["Cs"])
    piece = st.sampled_from(
        ["<ANSWER>: ", "##begin_quote##", "##end_quote##", "\n", '"', "\\u003c"]
    )
    text = st.lists(st.one_of(st.text(character), piece), max_size=5).map("".join)
    return text.filter(lambda text: "DOCUMENT>" not in text)


def spoken() -> st.SearchStrategy[str]:
    """Make texts that somebody says: white space around a question is not part of it."""
    return texts().map(lambda text: f"q{text}?")


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    documents = draw(st.lists(texts(), min_size=1, max_size=4))
    question = draw(spoken())
    block = "".join(f"<DOCUMENT>{document}</DOCUMENT>\n" for document in documents)
    return {
        "id": "seed_task_0",
        "question": question,
        "context": {"title": [["t"] * len(documents)], "sentences": [documents]},
        "instruction": block + question,
        "cot_answer": draw(spoken()),
    }


def converted(
    converter: Converter, *rows: dict[str, Any], ascii_only: bool
) -> list[dict[str, Any]]:
    lines = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)
    return [json.loads(row) for row in converter.convert_bytes(lines.encode()).split(b"\n") if row]


@given(structured=st.lists(records(), min_size=1, max_size=3), ascii_only=st.booleans())
def test_every_field_that_chat_carries_comes_back(
    *, structured: list[dict[str, Any]], ascii_only: bool
) -> None:
    talks = converted(CHAT, *structured, ascii_only=ascii_only)
    back = converted(BACK, *talks, ascii_only=ascii_only)
    for before, after in zip(structured, back, strict=True):
        assert after["question"] == before["question"]
        assert after["instruction"] == before["instruction"]
        assert after["cot_answer"] == before["cot_answer"]
        assert after["context"]["sentences"] == before["context"]["sentences"]
    assert converted(CHAT, *back, ascii_only=ascii_only) == talks


@given(structured=st.lists(records(), min_size=1, max_size=3), ascii_only=st.booleans())
def test_a_conversation_comes_back_from_its_structure(
    *, structured: list[dict[str, Any]], ascii_only: bool
) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": record["instruction"]},
                {"role": "assistant", "content": record["cot_answer"]},
            ]
        }
        for record in structured
    ]
    back = converted(BACK, *rows, ascii_only=ascii_only)
    alone = Converter("chat", system="")
    assert converted(alone, *back, ascii_only=ascii_only) == rows


# The worse answer was left out of structured records, in silence.
@pytest.mark.parametrize("target", ["axolotl-dpo", "llamafactory-alpaca-preference"])
@given(record=records(), rejected=spoken())
def test_a_preference_comes_back_from_its_structure(
    target: str, record: dict[str, Any], rejected: str
) -> None:
    to = Converter(target)
    rows = converted(to, {**record, "rejected": rejected}, ascii_only=False)
    back = converted(BACK, *rows, ascii_only=False)
    assert [row["rejected"] for row in back] == [rejected]
    assert converted(to, *back, ascii_only=False) == rows


# A space was put before each answer, whether it had one or not.
@given(record=records(), start=st.sampled_from(["", " ", "  "]))
def test_rows_of_open_models_on_vertex_are_what_they_are_made_from(
    record: dict[str, Any], start: str
) -> None:
    to = Converter("vertex-open")
    answered = {**record, "cot_answer": start + record["cot_answer"]}
    rows = converted(to, answered, ascii_only=False)
    assert converted(to, *rows, ascii_only=False) == rows
    said = f"{start or ' '}{record['cot_answer']}"
    assert rows[0]["messages"][-1]["content"] == said
