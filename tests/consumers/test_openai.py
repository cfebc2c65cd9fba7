"""Rows for OpenAI are taken by its cookbook, its types and what its package once mended."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from consumer_rows import (
    EVERY,
    ONE_ANSWER,
    PREFERENCE,
    TOOL_TURNS,
    Row,
    dump,
    need,
    rows_of,
    said,
    verdict,
    write,
)
from raftfast import Converter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OPENAI = ("openai", "azure")

OPENAI_REFUSES: dict[str, tuple[object, set[str]]] = {
    "a list": ([], {"data_type"}),
    "no messages": ({"messages": []}, {"missing_messages_list"}),
    "a message without a content": (
        {"messages": [{"role": "user"}, *said("assistant")]},
        {"message_missing_key", "missing_content"},
    ),
    "another key": (
        {"messages": [{**said("user")[0], "mood": "good"}, *said("assistant")]},
        {"message_unrecognized_key"},
    ),
    "a role that it does not know": (
        {"messages": said("narrator", "assistant")},
        {"unrecognized_role"},
    ),
    "an empty content": (
        {"messages": [{"role": "user", "content": ""}, *said("assistant")]},
        {"missing_content"},
    ),
    "no assistant": ({"messages": said("system", "user")}, {"example_missing_assistant_message"}),
}

OPENAI_TYPES_REFUSE: dict[str, list[Row]] = {
    "a message without a content": [{"role": "user"}],
    "a role that it does not know": said("narrator"),
    "a content that is no text": [{"role": "user", "content": 1}],
    "a tool that nobody called": [{"role": "tool", "content": "r"}],
}


def errors_of_openai(row: object) -> set[str]:
    """Check a row as the notebook of OpenAI's cookbook on preparing chats does, by its names."""
    if not isinstance(row, dict):
        return {"data_type"}
    messages = row.get("messages")
    if not messages:
        return {"missing_messages_list"}
    errors = set().union(*(errors_of_message(message) for message in messages))
    if not any(message.get("role") == "assistant" for message in messages):
        errors.add("example_missing_assistant_message")
    return errors


def errors_of_message(message: Row) -> set[str]:
    content, call = message.get("content"), message.get("function_call")
    found = {
        "message_missing_key": not message.keys() >= {"role", "content"},
        "message_unrecognized_key": not message.keys()
        <= {"role", "content", "name", "function_call", "weight"},
        "unrecognized_role": message.get("role")
        not in {"system", "developer", "user", "assistant", "tool", "function"},
        "missing_content": not (content or call) or not isinstance(content, str),
    }
    return {error for error, wrong in found.items() if wrong}


@pytest.fixture
def openai_types() -> Callable[[list[Row]], object]:
    """Read messages into the types that openai has for those of a chat."""
    chat = need("openai.types.chat")
    reader = need("pydantic").TypeAdapter(chat.ChatCompletionMessageParam)
    return lambda turns: [reader.validate_python(turn) for turn in turns]


@pytest.mark.parametrize("record", EVERY)
@pytest.mark.parametrize("target", OPENAI)
def test_the_cookbook_of_openai_finds_nothing_wrong_with_a_row(
    tmp_path: Path, target: str, record: str
) -> None:
    (row,) = rows_of(tmp_path, target, [record])
    assert errors_of_openai(row) == set()


@pytest.mark.parametrize(("row", "errors"), OPENAI_REFUSES.values(), ids=OPENAI_REFUSES)
def test_the_cookbook_of_openai_refuses_a_row_that_is_not_one(
    row: object, errors: set[str]
) -> None:
    assert errors_of_openai(row) == errors


def test_turns_that_openai_refuses_never_become_a_row() -> None:
    assert verdict("openai", "narrator", "user", "assistant") == {"bad-turn": 1}
    assert verdict("openai", "system", "user") == {"cot_answer null": 1}


@pytest.mark.parametrize("record", EVERY)
@pytest.mark.parametrize("target", OPENAI)
def test_messages_of_a_row_are_of_the_types_of_openai(
    openai_types: Callable[[list[Row]], object], tmp_path: Path, target: str, record: str
) -> None:
    (row,) = rows_of(tmp_path, target, [record])
    assert openai_types(row["messages"]) == row["messages"]


@pytest.mark.parametrize("record", PREFERENCE)
def test_messages_of_a_preference_are_of_the_types_of_openai(
    openai_types: Callable[[list[Row]], object], tmp_path: Path, record: str
) -> None:
    (row,) = rows_of(tmp_path, "openai-dpo", [record])
    openai_types(row["input"]["messages"] + row["preferred_output"] + row["non_preferred_output"])
    assert row["input"]["messages"][-1]["role"] == "user"


def test_calls_of_tools_are_of_the_types_of_openai(
    openai_types: Callable[[list[Row]], object],
) -> None:
    record = json.dumps({"messages": TOOL_TURNS}).encode()
    row = json.loads(Converter("openai", check="strict").convert_bytes(record))
    openai_types(row["messages"])


@pytest.mark.parametrize("turns", OPENAI_TYPES_REFUSE.values(), ids=OPENAI_TYPES_REFUSE)
def test_the_types_of_openai_refuse_messages_that_are_none(
    openai_types: Callable[[list[Row]], object], turns: list[Row]
) -> None:
    with pytest.raises(ValueError, match="validation error"):
        openai_types(turns)


COMPLETIONS_REFUSED: dict[str, tuple[list[Row], str]] = {
    "no completion": (
        [{"prompt": "q"}, {"prompt": "r"}],
        "ERROR in necessary_column validator: `completion` column/key is missing",
    ),
    "one prompt only": (
        [{"prompt": "q", "completion": "a"}, {"prompt": "q", "completion": "b"}],
        "ERROR in common_suffix validator: All prompts are identical",
    ),
    "another key": (
        [{"prompt": text, "completion": text, "id": text} for text in "ab"],
        "[Necessary] Remove additional columns/keys: ['id']",
    ),
    "an empty completion": (
        [{"prompt": text, "completion": text.strip("a")} for text in "abc"],
        "[Necessary] Remove 1 rows with empty completions",
    ),
}


@pytest.fixture
def prepare(capsys: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    """Prepare prompts and completions as openai did while it had a command for that."""
    validators = need("openai.lib._validators")

    def run(path: Path) -> str:
        """Return what it says of a file."""
        frame, told = validators.read_any_format(str(path))
        checks = validators.get_validators()
        with suppress(SystemExit):
            validators.apply_validators(
                frame, str(path), told, checks, auto_accept=True, write_out_file_func=print
            )
        return "".join(capsys.readouterr())

    return run


@pytest.mark.parametrize("target", ["completion", "openai-completion"])
def test_openai_had_nothing_that_it_must_mend_in_prompts_and_completions(
    prepare: Callable[[Path], str], tmp_path: Path, target: str
) -> None:
    remarks = prepare(write(tmp_path, target, ONE_ANSWER, copies=1))
    assert "All completions end with suffix" in remarks
    assert "ERROR" not in remarks
    assert "[Necessary]" not in remarks


def test_openai_found_separator_space_and_ending_in_its_prompts_and_completions(
    prepare: Callable[[Path], str], tmp_path: Path
) -> None:
    remarks = prepare(write(tmp_path, "openai-completion", ONE_ANSWER, copies=1))
    assert r"All prompts end with suffix `\n\n###\n\n`" in remarks
    assert "All completions end with suffix ` END`" in remarks
    assert "whitespace character" not in remarks


@pytest.mark.parametrize(("rows", "message"), COMPLETIONS_REFUSED.values(), ids=COMPLETIONS_REFUSED)
def test_openai_refused_or_mended_prompts_and_completions_that_are_none(
    prepare: Callable[[Path], str], tmp_path: Path, rows: list[Row], message: str
) -> None:
    assert message in prepare(dump(tmp_path / "rows.jsonl", rows))
