"""Rows for Mistral are taken by mistral-common, in each of its versions of the tokenizer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from consumer_rows import CALL, EVERY, TOOL_TURNS, Row, need, rows_of, said, unchecked, verdict
from raftfast import Converter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def with_id(id_: str) -> list[Row]:
    """Return these turns with another id of the call."""
    question, call, answer, last = TOOL_TURNS
    return [
        question,
        {**call, "tool_calls": [{**CALL, "id": id_}]},
        {**answer, "tool_call_id": id_},
        last,
    ]


MISTRAL_REFUSES: dict[str, tuple[list[Row], str]] = {
    "a last turn of the user": (said("user", "assistant", "user"), "Expected last role Assistant"),
    "a role that it does not know": (said("developer", "user", "assistant"), "'developer'"),
    "a tool that nobody called": (
        [*said("user"), {**TOOL_TURNS[2], "role": "tool"}, *said("assistant")],
        "Unexpected role 'tool'",
    ),
    "an id of OpenAI's": (with_id("call_abc123"), "must be a-z, A-Z, 0-9"),
    "a text beside calls": (
        [TOOL_TURNS[0], {**TOOL_TURNS[1], "content": "x"}, *TOOL_TURNS[2:]],
        "either content or tool_calls, but not both",
    ),
    "a weight of two": (
        [*said("user"), {"role": "assistant", "content": "a", "weight": 2}],
        "weight must be either 0 or 1",
    ),
    "an empty answer": (
        [*said("user"), {"role": "assistant", "content": ""}],
        "either content or tool_calls",
    ),
    "another key": (
        [*said("user"), {"role": "assistant", "content": "a", "mood": "good"}],
        "Extra inputs are not permitted",
    ),
}


@pytest.fixture
def mistral() -> Callable[[list[Row]], None]:
    """Check messages as all versions of the tokenizer do before fine-tuning."""
    messages = need("mistral_common.protocol.instruct.messages")
    validator = need("mistral_common.protocol.instruct.validator")
    versions = need("mistral_common.tokens.tokenizers.base").TokenizerVersion
    reader = need("pydantic").TypeAdapter(messages.FinetuningMessage)

    def check(turns: list[Row]) -> None:
        for version in versions:
            rules = validator.get_validator(version, validator.ValidationMode.finetuning)
            rules.validate_messages([reader.validate_python(turn) for turn in turns])

    return check


@pytest.mark.parametrize("record", EVERY)
def test_every_version_of_mistral_common_fine_tunes_on_a_row(
    mistral: Callable[[list[Row]], None], tmp_path: Path, record: str
) -> None:
    (row,) = rows_of(tmp_path, "mistral", [record])
    mistral(row["messages"])


def test_mistral_common_takes_calls_of_tools_and_weights(
    mistral: Callable[[list[Row]], None],
) -> None:
    record = json.dumps({"messages": TOOL_TURNS}).encode()
    row = json.loads(Converter("mistral", check="strict").convert_bytes(record))
    assert row == {"messages": TOOL_TURNS}
    mistral(row["messages"])


@pytest.mark.parametrize(("turns", "message"), MISTRAL_REFUSES.values(), ids=MISTRAL_REFUSES)
def test_mistral_common_refuses_messages_that_are_none(
    mistral: Callable[[list[Row]], None], turns: list[Row], message: str
) -> None:
    # Types refuse some and the validator others, and what they raise has no other base.
    with pytest.raises(Exception, match=message):
        mistral(turns)


@pytest.mark.parametrize(
    "roles", [("user", "assistant", "user"), ("developer", "user", "assistant")]
)
def test_turns_that_mistral_common_refuses_break_a_rule(
    mistral: Callable[[list[Row]], None], roles: tuple[str, ...]
) -> None:
    with pytest.raises(Exception, match=r"last role Assistant|'developer'"):
        mistral(unchecked("mistral", *roles)["messages"])
    assert verdict("mistral", *roles) == {"rule": 1}


@pytest.mark.parametrize("name", ["an id of OpenAI's", "a text beside calls"])
def test_calls_that_mistral_common_refuses_break_a_rule(name: str) -> None:
    turns, _ = MISTRAL_REFUSES[name]
    to = Converter("mistral", check="strict", on_error="skip")
    to.convert_bytes(json.dumps({"messages": turns}).encode())
    assert to.ledger.rejected == {"rule": 1}
