"""Rows for Together are taken by its own check of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from consumer_rows import (
    COPIES,
    EVERY,
    ONE_ANSWER,
    PREFERENCE,
    Row,
    dump,
    need,
    said,
    unchecked,
    verdict,
    write,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

TOGETHER = {
    "together": EVERY,
    "together-completion": ONE_ANSWER,
    "together-dpo": PREFERENCE,
}

TOGETHER_REFUSES: dict[str, tuple[Row, str]] = {
    "another key": ({"messages": said("user", "assistant"), "id": "1"}, 'extra column "id"'),
    "another key of a prompt": ({"prompt": "q", "completion": "a", "id": "1"}, "extra column"),
    "a role that it does not know": ({"messages": said("developer", "assistant")}, "Invalid role"),
    "no assistant": ({"messages": said("system", "user")}, "assistant role must be present"),
    "a completion that is no text": ({"prompt": "q", "completion": None}, "Invalid content type"),
    "a weight that is not whole": (
        {"messages": [*said("user"), {"role": "assistant", "content": "a", "weight": 0.5}]},
        "Weight must be an integer",
    ),
    "an answer of the user": (
        {
            "input": {"messages": said("user")},
            "preferred_output": said("user"),
            "non_preferred_output": said("assistant"),
        },
        "must have the 'assistant' role",
    ),
    "two preferred answers": (
        {
            "input": {"messages": said("user")},
            "preferred_output": said("assistant", "assistant"),
            "non_preferred_output": said("assistant"),
        },
        "exactly one message",
    ),
    "a question that is an answer": (
        {
            "input": {"messages": said("user", "assistant")},
            "preferred_output": said("assistant"),
            "non_preferred_output": said("assistant"),
        },
        "must not be from the assistant",
    ),
}


@pytest.fixture
def together() -> ModuleType:
    return need("together.lib.utils.files")


@pytest.fixture
def together_rows(together: ModuleType) -> ModuleType:
    if not hasattr(together, "validate_messages"):
        pytest.skip("this release of together leaves rows to its servers")
    return together


@pytest.mark.parametrize("target", TOGETHER)
def test_together_finds_nothing_wrong_with_a_file(
    together: ModuleType,
    tmp_path: Path,
    target: str,
) -> None:
    report = together.check_file(write(tmp_path, target, TOGETHER[target]))
    assert report["is_check_passed"], report["message"]
    assert report["num_samples"] == len(TOGETHER[target]) * COPIES


@pytest.mark.parametrize(("row", "message"), TOGETHER_REFUSES.values(), ids=TOGETHER_REFUSES)
def test_together_refuses_a_row_that_is_not_one(
    together_rows: ModuleType,
    tmp_path: Path,
    row: Row,
    message: str,
) -> None:
    report = together_rows.check_file(dump(tmp_path / "rows.jsonl", [row]))
    assert not report["is_check_passed"]
    assert message in report["message"]


@pytest.mark.parametrize("target", ["together", "together-dpo"])
def test_a_role_that_together_refuses_is_a_broken_rule(
    together_rows: ModuleType,
    tmp_path: Path,
    target: str,
) -> None:
    row = unchecked(target, "developer", "user", "assistant")
    report = together_rows.check_file(dump(tmp_path / "rows.jsonl", [row]))
    assert "Invalid role `developer`" in report["message"]
    assert verdict(target, "developer", "user", "assistant") == {"rule": 1}


def test_together_refuses_the_byte_order_mark_that_is_written_for_azure(
    together: ModuleType,
    tmp_path: Path,
) -> None:
    report = together.check_file(write(tmp_path, "azure", EVERY))
    assert not report["is_check_passed"]
    assert "Unexpected format on line 1" in report["message"]
