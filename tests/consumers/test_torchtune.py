"""torchtune reads what was said, and trains on the answers."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from consumer_rows import (
    EVERY,
    ONE_ANSWER,
    PREFERENCE,
    rows_of,
    said,
    unchecked,
    verdict,
    without_torch,
)
from tokens import answers

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

TORCHTUNE_REFUSES = {
    "a first turn of an assistant": ("assistant", "user", "assistant"),
    "two turns of a user": ("user", "user", "assistant"),
    "two turns of an assistant": ("user", "assistant", "assistant"),
    "two system messages": ("system", "system", "user", "assistant"),
}


@pytest.fixture
def torchtune(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the messages of torchtune, which themselves need torch only for pictures."""
    parts: dict[str, dict[str, object]] = {
        "torchtune": {},
        "torchtune.data": {},
        "torchtune.data._utils": {"format_content_with_images": None, "load_image": None},
        "torchtune.modules": {},
        "torchtune.modules.transforms": {"Transform": object},
    }
    return without_torch(monkeypatch, "torchtune.data._messages", parts)


@pytest.mark.parametrize("record", EVERY)
def test_torchtune_reads_what_was_said_and_trains_on_the_answers(
    torchtune: ModuleType,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "torchtune", [record])
    messages = torchtune.OpenAIToMessages()(row)["messages"]
    torchtune.validate_messages(messages)
    heard = [{"role": one.role, "content": one.text_content} for one in messages]
    assert heard == row["messages"]
    assert [one.text_content for one in messages if not one.masked] == answers(heard)


@pytest.mark.parametrize("record", ONE_ANSWER)
def test_torchtune_reads_input_and_output(
    torchtune: ModuleType,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "torchtune-instruct", [record])
    messages = torchtune.InputOutputToMessages()(row)["messages"]
    torchtune.validate_messages(messages)
    assert [one.text_content for one in messages] == [row["input"], row["output"]]
    assert [one.masked for one in messages] == [True, False]


@pytest.mark.parametrize("record", PREFERENCE)
def test_torchtune_reads_two_conversations_of_a_preference(
    torchtune: ModuleType,
    tmp_path: Path,
    record: str,
) -> None:
    (row,) = rows_of(tmp_path, "torchtune-preference", [record])
    pair = torchtune.ChosenRejectedToMessages()(copy.deepcopy(row))
    assert pair.keys() == row.keys()
    for name, messages in pair.items():
        torchtune.validate_messages(messages)
        heard = [{"role": one.role, "content": one.text_content} for one in messages]
        assert heard == row[name]


@pytest.mark.parametrize("roles", TORCHTUNE_REFUSES.values(), ids=TORCHTUNE_REFUSES)
def test_turns_that_torchtune_refuses_break_a_rule(
    torchtune: ModuleType,
    roles: tuple[str, ...],
) -> None:
    messages = torchtune.OpenAIToMessages()(unchecked("torchtune", *roles))["messages"]
    with pytest.raises(ValueError, match="in messages"):
        torchtune.validate_messages(messages)
    assert verdict("torchtune", *roles) == {"rule": 1}


def test_a_single_message_is_refused_by_torchtune_and_never_becomes_a_row(
    torchtune: ModuleType,
) -> None:
    messages = torchtune.OpenAIToMessages()({"messages": said("user")})["messages"]
    with pytest.raises(ValueError, match="at least length 2"):
        torchtune.validate_messages(messages)
    assert verdict("torchtune", "user") == {"cot_answer null": 1}
